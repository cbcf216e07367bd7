//! The state of a pool, and all of its decisions: `handle` turns an event into actions. No I/O, no clock, no thread.

mod nesting;

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::family::Family;
use super::slot::{Assigned, Phase, Worker};
use crate::executor::Containment;
use crate::limits::{CRASH_LOOP_STARTS, HANDSHAKE_TIMEOUT, HANG_UP_GRACE, SEND_AHEAD};
use crate::queue::WaitingLine;
use crate::task::{TaskId, WorkerId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Who has a task that was sent to a worker: asked while deciding, because the answer changes at any moment.
/// See `ipc::claim`.
pub(crate) trait Claims {
    /// Takes the task back from its worker. False: it has begun.
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool;
    /// Whether the worker has begun the task. Final once its process is gone.
    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool;
}

/// What a pool is told once.
#[derive(Clone, Debug)]
pub(crate) struct StateOptions {
    pub(crate) max_workers: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) containment: Containment,
}

/// Whether the pool takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Ending(ShutdownMode),
    Broken,
    Terminated,
}

/// The state of one pool.
#[derive(Debug)]
pub(crate) struct State {
    options: StateOptions,
    life: Life,
    waiting: WaitingLine,
    workers: BTreeMap<WorkerId, Worker>,
    family: Family,
    next_worker: u64,
    /// Starts that failed, one after another, with no worker ready between.
    failed_starts: u32,
    /// No worker is started before this moment.
    start_after: Option<Instant>,
    /// Asked for after the pool broke; it can end when the workers are gone.
    ending_broken: bool,
}

impl State {
    pub(crate) fn new(options: StateOptions) -> Self {
        Self {
            options,
            life: Life::Open,
            waiting: WaitingLine::default(),
            workers: BTreeMap::new(),
            family: Family::default(),
            next_worker: 0,
            failed_starts: 0,
            start_after: None,
            ending_broken: false,
        }
    }

    /// Tasks that wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes in one event and appends what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let mut followed = actions.len();
        match event {
            Event::ChildSubmitted { task, parent } => self.child_submitted(task, parent, actions),
            Event::Awaits { worker, parent, child } => self.awaits(worker, parent, child, claims, actions),
            Event::Submitted { task } => self.submitted(task, actions),
            Event::Cancel { task, even_running } => self.cancel(task, even_running, claims, actions),
            Event::WorkerReady { worker } => self.worker_ready(worker, now),
            Event::TaskDone { worker, task, trapped } => self.task_done(worker, task, trapped, now, actions),
            Event::WorkerLied { worker } => self.lied(worker, actions),
            Event::WorkerHungUp { worker } => self.hung_up(worker, now),
            Event::WorkerExited { worker } => self.worker_exited(worker, now, claims, actions),
            Event::StartFailed { worker } => self.start_failed(worker, now, actions),
            Event::Resized { max_workers } => self.resized(max_workers, claims, actions),
            Event::Shutdown { mode } => self.shutdown(mode, claims, actions),
            Event::Tick => self.tick(now, actions),
        }
        self.follow_families(&mut followed, claims, actions);
        loop {
            self.settle(now, claims, actions);
            if !self.follow_families(&mut followed, claims, actions) {
                break;
            }
        }
    }

    /// When `Tick` is due, if nothing else happens before.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let worker = self.workers.values().filter_map(|worker| match worker.phase {
            Phase::Starting { until } | Phase::Stopping { until } | Phase::HungUp { until } => Some(until),
            Phase::Ready if worker.assigned.is_empty() => self.options.idle_timeout.map(|t| worker.idle_since + t),
            _ => None,
        });
        let start = self.start_after.filter(|_| self.may_start());
        worker.chain(start).min()
    }

    // ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    fn submitted(&mut self, task: TaskId, actions: &mut Vec<Action>) {
        match self.life {
            Life::Open => self.waiting.push(task),
            Life::Broken => actions.push(Action::Finish { task, end: End::Broken }),
            Life::Ending(_) | Life::Terminated => actions.push(Action::Finish { task, end: End::Shutdown }),
        }
    }

    fn cancel(&mut self, task: TaskId, even_running: bool, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        if self.waiting.remove(task) {
            actions.push(Action::Finish { task, end: End::Cancelled });
            return;
        }
        let Some((&id, worker)) = self.workers.iter_mut().find(|(_, worker)| worker.holds(task)) else { return };
        if claims.reclaim(id, task) {
            worker.forget(task);
            actions.push(Action::Finish { task, end: End::Cancelled });
            return;
        }
        if !even_running {
            return;
        }
        actions.push(Action::Finish { task, end: End::Cancelled });
        // It runs, or has just ended. A worker is killed for it only when nothing else can begin there: first take back all
        // that has not begun; if something that was sent later has begun by now, this task is over already.
        worker.abandon(task);
        let back = worker.take_back(id, 0, claims);
        if !worker.has_begun_after(id, task, claims) {
            self.kill(id, KillReason::Cancelled, actions);
        }
        self.put_back(back, actions);
    }

    fn worker_ready(&mut self, worker: WorkerId, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&worker)
            && matches!(worker.phase, Phase::Starting { .. })
        {
            worker.phase = Phase::Ready;
            worker.idle_since = now;
            self.start_after = None;
        }
    }

    fn task_done(&mut self, id: WorkerId, task: TaskId, trapped: bool, now: Instant, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let Some(assigned) = worker.forget(task) else {
            // It was never given this task, or has answered before.
            return self.lied(id, actions);
        };
        worker.nests &= assigned.lent;
        worker.idle_since = now;
        worker.has_served = true;
        self.failed_starts = 0;
        if !assigned.abandoned {
            actions.push(Action::Finish { task, end: End::Told });
        }
        if trapped && self.options.containment == Containment::Pool {
            self.break_pool(id, Some(task), actions);
        }
    }

    /// Its end counts as a crash: else one that lies as soon as it is up would come back for ever.
    fn lied(&mut self, id: WorkerId, actions: &mut Vec<Action>) {
        let Some(phase) = self.workers.get(&id).map(|worker| worker.phase) else { return };
        self.kill(id, KillReason::Lied, actions);
        if let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.phase != phase) {
            worker.phase = if matches!(phase, Phase::Starting { .. }) { Phase::Late } else { Phase::Liar };
        }
    }

    /// A process that ends closes its channel a moment before its end can be seen: it gets that moment, so that what
    /// ended it is told, and not that it was killed here.
    fn hung_up(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let soon = now + HANG_UP_GRACE;
        match worker.phase {
            Phase::Starting { until } => worker.phase = Phase::Starting { until: until.min(soon) },
            Phase::Ready | Phase::Surplus => worker.phase = Phase::HungUp { until: soon },
            _ => {}
        }
    }

    fn worker_exited(&mut self, id: WorkerId, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.remove(&id) else { return };
        if matches!(worker.phase, Phase::Starting { .. } | Phase::Late) {
            return self.count_failed_start(id, now, actions);
        }
        let crashed = worker.phase != Phase::Killed && !matches!(worker.phase, Phase::Stopping { .. });
        let (lost, back): (Vec<TaskId>, Vec<TaskId>) = worker.live().partition(|&task| claims.has_begun(id, task));
        for &task in &lost {
            actions.push(Action::Finish { task, end: End::Lost { worker: id } });
        }
        self.put_back(back, actions);
        if (crashed || !lost.is_empty()) && self.options.containment == Containment::Pool {
            self.break_pool(id, lost.first().copied(), actions);
        } else if !lost.is_empty() {
            self.failed_starts = 0;
        } else if crashed && !worker.has_served {
            // It came up and died before it did anything: as bad as one that did not come up.
            self.count_failed_start(id, now, actions);
        }
    }

    fn start_failed(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        if self.workers.remove(&id).is_some() {
            self.count_failed_start(id, now, actions);
        }
    }

    /// Waits longer after each failure, and gives up when nothing else keeps the pool going.
    fn count_failed_start(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        self.failed_starts += 1;
        let none_left = !self.workers.values().any(|worker| matches!(worker.phase, Phase::Ready | Phase::Surplus));
        if self.failed_starts >= CRASH_LOOP_STARTS && none_left {
            self.break_pool(id, None, actions);
        } else {
            let exponent = self.failed_starts.min(CRASH_LOOP_STARTS) - 1;
            self.start_after = Some(now + START_BACKOFF * 2u32.pow(exponent));
        }
    }

    fn shutdown(&mut self, mode: ShutdownMode, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        match self.life {
            Life::Terminated => return,
            Life::Broken => {
                self.ending_broken = true;
                return;
            }
            Life::Open => self.life = Life::Ending(mode),
            Life::Ending(before) => self.life = Life::Ending(mode.max(before)),
        }
        if mode == ShutdownMode::Finish {
            return;
        }
        let waiting = self.waiting.drain().collect();
        self.put_back(waiting, actions);
        let mut back = Vec::new();
        for (&id, worker) in &mut self.workers {
            back.extend(worker.take_back(id, 0, claims));
            if mode == ShutdownMode::Kill {
                back.extend(worker.abandon_all());
            }
        }
        self.put_back(back, actions);
        if mode == ShutdownMode::Kill {
            self.kill_all(KillReason::Shutdown, actions);
        }
    }

    fn resized(&mut self, max_workers: usize, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        self.options.max_workers = max_workers;
        let mut back = Vec::new();
        for (&id, worker) in &mut self.workers {
            // Those that were to leave may be wanted again, and tasks behind a busy worker may go to a new one.
            if worker.phase == Phase::Surplus {
                worker.phase = Phase::Ready;
            }
            back.extend(worker.take_back(id, 1, claims));
        }
        self.put_back(back, actions);
        self.retire_surplus(claims, actions);
    }

    fn tick(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.start_after.is_some_and(|moment| moment <= now) {
            self.start_after = None;
        }
        for (&id, worker) in &mut self.workers {
            match worker.phase {
                Phase::Starting { until } | Phase::Stopping { until } if until <= now => {
                    let late = matches!(worker.phase, Phase::Starting { .. });
                    worker.phase = if late { Phase::Late } else { Phase::Killed };
                    actions.push(Action::Kill { worker: id, reason: KillReason::TimedOut });
                }
                Phase::HungUp { until } if until <= now => {
                    worker.phase = Phase::Liar;
                    actions.push(Action::Kill { worker: id, reason: KillReason::HungUp });
                }
                Phase::Ready if worker.is_idle_for(self.options.idle_timeout, now) => worker.stop(id, now, actions),
                _ => {}
            }
        }
    }

    // ── Decisions ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Brings workers and waiting tasks together; called after every event.
    fn settle(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        if matches!(self.life, Life::Open | Life::Ending(ShutdownMode::Finish)) {
            self.lend_to_waiting(claims, actions);
            self.feed_idle(actions);
            self.rebalance(claims, actions);
            self.start_workers(now, actions);
            self.send_ahead(actions);
        }
        self.release_workers(now, actions);
        self.terminate_if_over(actions);
    }

    /// After a resize: workers beyond the allowed number take no more tasks. Idle ones first, then the youngest.
    fn retire_surplus(&mut self, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let mut staying: Vec<(bool, std::cmp::Reverse<u32>, WorkerId)> = self
            .workers
            .iter()
            .filter(|(_, worker)| matches!(worker.phase, Phase::Starting { .. } | Phase::Ready))
            .map(|(&id, worker)| (!worker.assigned.is_empty(), std::cmp::Reverse(worker.index), id))
            .collect();
        staying.sort_unstable();
        let surplus = staying.len().saturating_sub(self.options.max_workers);
        let mut back = Vec::new();
        for (_, _, id) in staying.into_iter().take(surplus) {
            let Some(worker) = self.workers.get_mut(&id) else { continue };
            if worker.phase == Phase::Ready {
                worker.phase = Phase::Surplus;
                back.extend(worker.take_back(id, 0, claims));
            } else {
                self.kill(id, KillReason::Surplus, actions);
            }
        }
        self.put_back(back, actions);
    }

    /// A waiting task for each worker that has none.
    fn feed_idle(&mut self, actions: &mut Vec<Action>) {
        for (&id, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.is_idle()) {
            let Some(task) = self.waiting.pop() else { return };
            worker.assigned.push(Assigned { task, abandoned: false, lent: false });
            actions.push(Action::Send { worker: id, task });
        }
    }

    /// Nothing waits, and a worker has nothing to do, or could be started, while another has tasks that it has not
    /// begun: take half of them back.
    fn rebalance(&mut self, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        while self.waiting.is_empty() && self.is_hungry() {
            let loaded = self.workers.iter_mut().filter(|(_, worker)| worker.ahead() > 1);
            let Some((&id, victim)) = loaded.max_by_key(|(_, worker)| worker.ahead()) else { return };
            let keep = victim.assigned.len() - victim.ahead() / 2;
            let back = victim.take_back(id, keep, claims);
            if back.is_empty() {
                return;
            }
            self.put_back(back, actions);
            self.feed_idle(actions);
        }
    }

    fn is_hungry(&self) -> bool {
        self.workers.values().any(Worker::is_idle)
            || (self.workers.len() < self.options.max_workers
                && !self.workers.values().any(|worker| matches!(worker.phase, Phase::Starting { .. })))
    }

    /// Tasks that were taken from a worker wait again, or end if nothing more is to begin.
    fn put_back(&mut self, tasks: Vec<TaskId>, actions: &mut Vec<Action>) {
        let end = match self.life {
            Life::Open | Life::Ending(ShutdownMode::Finish) => {
                return tasks.into_iter().for_each(|task| self.waiting.push(task));
            }
            Life::Ending(ShutdownMode::CancelPending) => End::Cancelled,
            Life::Ending(ShutdownMode::Kill) | Life::Terminated => End::Shutdown,
            Life::Broken => End::Broken,
        };
        actions.extend(tasks.into_iter().map(|task| Action::Finish { task, end }));
    }

    /// One worker for each waiting task that no starting worker will take, up to the allowed number of processes.
    fn start_workers(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let starting = self.workers.values().filter(|worker| matches!(worker.phase, Phase::Starting { .. })).count();
        let wanted = self.waiting.len().saturating_sub(starting);
        let room = self.options.max_workers.saturating_sub(self.workers.len());
        if self.start_after.is_some_and(|moment| moment > now) {
            return;
        }
        for _ in 0..wanted.min(room) {
            let worker = WorkerId(self.next_worker);
            self.next_worker += 1;
            let index = self.free_index();
            let phase = Phase::Starting { until: now + HANDSHAKE_TIMEOUT };
            let assigned = Vec::new();
            let new = Worker { index, phase, assigned, waits: None, nests: false, idle_since: now, has_served: false };
            self.workers.insert(worker, new);
            actions.push(Action::Start { worker, index });
        }
    }

    fn may_start(&self) -> bool {
        !self.waiting.is_empty() && self.workers.len() < self.options.max_workers
    }

    fn free_index(&self) -> u32 {
        let taken: std::collections::BTreeSet<u32> = self.workers.values().map(|worker| worker.index).collect();
        (0..).find(|index| !taken.contains(index)).expect("there are more numbers than workers")
    }

    /// When all workers are busy and no more may be started, tasks go ahead to them, the least loaded first.
    fn send_ahead(&mut self, actions: &mut Vec<Action>) {
        let may_come = self.workers.values().any(|worker| !matches!(worker.phase, Phase::Ready));
        if may_come || self.workers.len() < self.options.max_workers {
            return;
        }
        while !self.waiting.is_empty() {
            let Some((&id, worker)) = self
                .workers
                .iter_mut()
                .filter(|(_, worker)| !worker.nests && worker.assigned.len() < SEND_AHEAD)
                .min_by_key(|(_, worker)| worker.assigned.len())
            else {
                return;
            };
            let Some(task) = self.waiting.pop() else { return };
            worker.assigned.push(Assigned { task, abandoned: false, lent: false });
            actions.push(Action::Send { worker: id, task });
        }
    }

    /// Workers that nobody will need are asked to leave.
    fn release_workers(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let over = matches!(self.life, Life::Ending(_)) && self.waiting.is_empty();
        for (&id, worker) in &mut self.workers {
            match worker.phase {
                Phase::Surplus if worker.assigned.is_empty() => worker.stop(id, now, actions),
                Phase::Ready if over && worker.assigned.is_empty() => worker.stop(id, now, actions),
                // Not even up, and not needed any more.
                Phase::Starting { .. } if over => {
                    worker.phase = Phase::Killed;
                    actions.push(Action::Kill { worker: id, reason: KillReason::Surplus });
                }
                _ => {}
            }
        }
    }

    fn terminate_if_over(&mut self, actions: &mut Vec<Action>) {
        let ending = matches!(self.life, Life::Ending(_)) || (self.life == Life::Broken && self.ending_broken);
        if ending && self.waiting.is_empty() && self.workers.is_empty() {
            self.life = Life::Terminated;
            actions.push(Action::Terminate);
        }
    }

    /// Everything unfinished fails, and nothing is accepted any more.
    fn break_pool(&mut self, worker: WorkerId, culprit: Option<TaskId>, actions: &mut Vec<Action>) {
        match self.life {
            Life::Broken | Life::Terminated => return,
            Life::Ending(_) => self.ending_broken = true,
            Life::Open => {}
        }
        self.life = Life::Broken;
        actions.push(Action::Break { worker, culprit });
        let mut tasks: Vec<TaskId> = self.waiting.drain().collect();
        for worker in self.workers.values_mut() {
            tasks.extend(worker.abandon_all());
        }
        self.put_back(tasks, actions);
        self.kill_all(KillReason::Broken, actions);
    }

    fn kill_all(&mut self, reason: KillReason, actions: &mut Vec<Action>) {
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.kill(id, reason, actions);
        }
    }

    fn kill(&mut self, id: WorkerId, reason: KillReason, actions: &mut Vec<Action>) {
        if let Some(worker) = self.workers.get_mut(&id)
            && !matches!(worker.phase, Phase::Killed | Phase::Late | Phase::Liar)
        {
            worker.phase = Phase::Killed;
            actions.push(Action::Kill { worker: id, reason });
        }
    }
}

/// How long the pool waits after a first failed start; doubled by each further one.
const START_BACKOFF: Duration = Duration::from_millis(10);
