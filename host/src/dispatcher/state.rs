//! The state of a pool, and all of its decisions: `handle` turns an event into actions. No I/O, no clock, no thread.

mod deadlines;
mod ending;
mod feeding;
mod nesting;
mod quarantining;
mod retiring;
mod time_limits;

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::family::Family;
use super::quarantine::{Quarantine, QuarantineOptions};
use super::recycling::Recycling;
use super::slot::{Phase, Worker};
use crate::executor::{Containment, Interruption};
use crate::limits::{CRASH_LOOP_STARTS, HANG_UP_GRACE};
use crate::queue::{Turn, WaitingLine};
use crate::task::{TaskId, WorkerId};
use deadlines::Deadlines;
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
    pub(crate) recycling: Recycling,
    pub(crate) interruption: Interruption,
    pub(crate) quarantine: QuarantineOptions,
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
    deadlines: Deadlines,
    workers: BTreeMap<WorkerId, Worker>,
    family: Family,
    quarantine: Quarantine,
    next_worker: u64,
    /// The priority of the tasks that were sent ahead: the same for all of them.
    ahead: i32,
    /// Starts that failed, one after another, with no worker ready between.
    failed_starts: u32,
    /// The first worker that was started after the last failed start.
    counts_from: u64,
    /// No worker is started before this moment.
    start_after: Option<Instant>,
    /// Asked for after the pool broke; it can end when the workers are gone.
    ending_broken: bool,
}

impl State {
    pub(crate) fn new(options: StateOptions) -> Self {
        Self {
            quarantine: Quarantine::new(options.quarantine),
            options,
            life: Life::Open,
            waiting: WaitingLine::default(),
            deadlines: Deadlines::default(),
            workers: BTreeMap::new(),
            family: Family::default(),
            next_worker: 0,
            ahead: 0,
            failed_starts: 0,
            counts_from: 0,
            start_after: None,
            ending_broken: false,
        }
    }

    /// Whether what ends an instance ends the pool.
    pub(crate) fn has_one_life(&self) -> bool {
        self.options.recycling.one_life
    }

    /// Tasks that wait for a worker.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes in one event and appends what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let (begin, mut followed) = (actions.len(), actions.len());
        match event {
            Event::ChildSubmitted { turn, parent } => self.child_submitted(turn, parent, actions),
            Event::Awaits { worker, parent, child } => self.awaits(worker, parent, child, claims, actions),
            Event::Submitted { turn } => self.submitted(turn, now, actions),
            Event::Cancel { task, even_running } => self.cancel(task, even_running, claims, actions),
            Event::WorkerReady { worker } => self.worker_ready(worker, now),
            Event::TaskDone { worker, task, trapped } => {
                self.task_done(worker, task, trapped, now, actions);
                self.check_up(worker, now, claims, actions);
            }
            Event::WorkerMeasured { worker, resident_bytes } => {
                self.measured(worker, resident_bytes, now, claims, actions);
            }
            Event::WorkerLied { worker } => self.lied(worker, actions),
            Event::WorkerHungUp { worker } => self.hung_up(worker, now),
            Event::WorkerExited { worker } => self.worker_exited(worker, now, claims, actions),
            Event::InitializerFailed { worker } | Event::NotHardened { worker } => {
                self.break_pool(worker, None, actions)
            }
            Event::StartFailed { worker } => self.start_failed(worker, now, actions),
            Event::QuarantineLifted { module } => self.quarantine.lift(module),
            Event::Resized { max_workers } => self.resized(max_workers, claims, actions),
            Event::Shutdown { mode } => self.shutdown(mode, claims, actions),
            Event::Tick => self.tick(now, claims, actions),
        }
        self.end_late(now, claims, actions);
        self.follow_families(&mut followed, claims, actions);
        loop {
            self.settle(now, claims, actions);
            if !self.follow_families(&mut followed, claims, actions) {
                break;
            }
        }
        self.deadlines.forget_ended(&actions[begin..]);
    }

    /// When `Tick` is due, if nothing else happens before.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let worker = self.workers.values().filter_map(|worker| match worker.phase {
            Phase::Starting { until } | Phase::Stopping { until } | Phase::HungUp { until } => Some(until),
            Phase::Ready if worker.is_idle() => self.options.idle_timeout.map(|t| worker.idle_since + t),
            _ => None,
        });
        let recycling = self.workers.values().filter_map(|worker| self.next_check_up(worker));
        let start = self.start_after.filter(|_| self.may_start());
        let overdue = self.workers.values().filter_map(Self::overdue_at);
        let asked = self.workers.values().filter_map(|worker| worker.asked?.kill_at);
        worker.chain(recycling).chain(start).chain(overdue).chain(asked).chain(self.deadlines.first()).min()
    }

    /// Brings workers and waiting tasks together; called after every event.
    fn settle(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        if self.may_begin() {
            self.lend_to_waiting(claims, actions);
            self.recall_less_urgent(claims);
            // What was sent ahead can be more urgent than what waits, so this comes before and after.
            self.rebalance(now, claims, actions);
            self.feed_idle(now, actions);
            self.rebalance(now, claims, actions);
            self.start_workers(now, actions);
            self.send_ahead(actions);
        }
        self.start_clocks(now);
        self.release_workers(now, actions);
        self.terminate_if_over(actions);
    }

    /// Whether tasks that have not begun may still do so.
    fn may_begin(&self) -> bool {
        matches!(self.life, Life::Open | Life::Ending(ShutdownMode::Finish))
    }

    // ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    fn submitted(&mut self, turn: Turn, now: Instant, actions: &mut Vec<Action>) {
        let task = turn.task();
        match self.life {
            Life::Open => {
                self.deadlines.note(turn);
                self.admit(turn, now, actions);
            }
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
        if worker.take_back_one(id, task, claims) {
            actions.push(Action::Finish { task, end: End::Cancelled });
            return;
        }
        if !even_running {
            return;
        }
        self.stop_running(id, task, End::Cancelled, KillReason::Cancelled, claims, actions);
    }

    fn worker_ready(&mut self, worker: WorkerId, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&worker)
            && matches!(worker.phase, Phase::Starting { .. })
        {
            worker.phase = Phase::Ready;
            worker.idle_since = now;
            worker.up_since = now;
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
        worker.asked = worker.asked.filter(|asked| asked.task != task);
        worker.idle_since = now;
        worker.ended += 1;
        self.failed_starts = 0;
        if !assigned.abandoned {
            self.quarantine.ended(assigned.turn.module(), task);
        }
        // First: whoever sees the end of the task that broke the pool finds the pool broken.
        if trapped && self.options.containment == Containment::Pool {
            self.break_pool(id, Some(task), actions);
        }
        if !assigned.abandoned {
            actions.push(Action::Finish { task, end: End::Told });
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
            _ if worker.is_working() => worker.phase = Phase::HungUp { until: soon },
            _ => {}
        }
    }

    fn worker_exited(&mut self, id: WorkerId, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.remove(&id) else { return };
        if matches!(worker.phase, Phase::Starting { .. } | Phase::Late) {
            return self.count_failed_start(id, now, actions);
        }
        let crashed = worker.phase != Phase::Killed && !matches!(worker.phase, Phase::Stopping { .. });
        let (lost, mut back): (Vec<Turn>, Vec<Turn>) =
            worker.live().partition(|turn| claims.has_begun(id, turn.task()));
        let breaks = self.options.containment == Containment::Pool && (crashed || !lost.is_empty())
            || self.has_one_life() && self.would_need_another(&worker);
        let mut ends = Vec::new();
        if let Some(&culprit) = lost.last().filter(|_| crashed && !breaks) {
            self.blame(culprit, &worker, &mut back, now, claims, actions);
        }
        for turn in &lost {
            let task = turn.task();
            let may_run = !breaks && self.may_begin() && !self.quarantine.is_shut(turn.module());
            match turn.again().filter(|_| may_run) {
                Some(again) => {
                    actions.push(Action::Retry { worker: id, task });
                    back.push(again);
                }
                None => ends.push(Action::Finish { task, end: End::Lost { worker: id } }),
            }
        }
        self.put_back(back, actions);
        if breaks {
            // First, as in `task_done`.
            self.break_pool(id, lost.first().map(|turn| turn.task()), actions);
        } else if !lost.is_empty() {
            self.failed_starts = 0;
        } else if crashed && worker.ended == 0 {
            // It came up and died before it did anything: as bad as one that did not come up.
            self.count_failed_start(id, now, actions);
        }
        actions.append(&mut ends);
    }

    /// Whether tasks may come, or wait, for the worker that has left.
    fn would_need_another(&self, left: &Worker) -> bool {
        self.life == Life::Open || !self.waiting.is_empty() || left.live().next().is_some()
    }

    fn start_failed(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        if self.workers.remove(&id).is_some() {
            self.count_failed_start(id, now, actions);
        }
    }

    /// Waits longer after each failure, and gives up when nothing else keeps the pool going. A worker that was started
    /// before the last failure counts with that: one blow that hits many workers is one failure.
    fn count_failed_start(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        if id.0 < self.counts_from {
            return;
        }
        self.counts_from = self.next_worker;
        self.failed_starts += 1;
        let none_left = !self.workers.values().any(Worker::is_working);
        if self.failed_starts >= CRASH_LOOP_STARTS && none_left {
            self.break_pool(id, None, actions);
        } else {
            let exponent = self.failed_starts.min(CRASH_LOOP_STARTS) - 1;
            self.start_after = Some(now + START_BACKOFF * 2u32.pow(exponent));
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

    fn tick(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
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
        self.stop_overdue(now, claims, actions);
        self.kill_unyielding(now, actions);
        self.check_up_all(now, claims, actions);
    }
}

/// How long the pool waits after a first failed start; doubled by each further one.
const START_BACKOFF: Duration = Duration::from_millis(10);
