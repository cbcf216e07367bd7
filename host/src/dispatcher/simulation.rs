//! Random orders of events against the state machine, with a model of workers that begin, end, lie and die at any
//! moment. Every run is seeded: `ISOPOOL_SIMULATION_SEED=n` replays one, `ISOPOOL_SIMULATION_RUNS` sets how many.

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::state::{Claims, State, StateOptions};
use crate::executor::Containment;
use crate::task::{TaskId, WorkerId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// A small generator, so that a seed means the same on every machine (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A worker process as the caller knows it.
#[derive(Default)]
struct ModelWorker {
    up: bool,
    killed: bool,
    stopping: bool,
    /// Sent and not begun or reclaimed, in order.
    inbox: VecDeque<TaskId>,
    running: Option<TaskId>,
    /// Ended, and the answer still on its way.
    answers: VecDeque<TaskId>,
}

#[derive(Default)]
struct Model {
    workers: BTreeMap<WorkerId, ModelWorker>,
    begun: BTreeMap<(WorkerId, TaskId), ()>,
    ever_begun: BTreeMap<TaskId, u32>,
    finished: BTreeMap<TaskId, End>,
    submitted: BTreeSet<TaskId>,
    broken: bool,
    terminated: bool,
}

impl Claims for Model {
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool {
        let Some(worker) = self.workers.get_mut(&worker) else { return false };
        let before = worker.inbox.len();
        worker.inbox.retain(|&other| other != task);
        worker.inbox.len() < before
    }

    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.begun.contains_key(&(worker, task))
    }
}

struct Run {
    random: Random,
    state: State,
    model: Model,
    now: Instant,
    max_workers: usize,
    may_exceed: usize,
    actions: Vec<Action>,
    log: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let max_workers = 1 + random.below(4);
        let containment = if random.chance(25) { Containment::Pool } else { Containment::Task };
        let idle_timeout = random.chance(50).then(|| Duration::from_millis(random.below(50) as u64));
        let state = State::new(StateOptions { max_workers, idle_timeout, containment });
        Self {
            random,
            state,
            model: Model::default(),
            now: Instant::now(),
            max_workers,
            may_exceed: max_workers,
            actions: Vec::new(),
            log: Vec::new(),
        }
    }

    fn event(&mut self, event: Event) {
        self.log.push(format!("{event:?}"));
        let mut actions = std::mem::take(&mut self.actions);
        self.state.handle(event, self.now, &mut self.model, &mut actions);
        for action in actions.drain(..) {
            self.log.push(format!("    {action:?}"));
            self.carry_out(action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, action: Action) {
        assert!(!self.model.terminated, "an action after Terminate: {action:?}");
        match action {
            Action::Start { worker, .. } => {
                self.model.workers.insert(worker, ModelWorker::default());
                assert!(self.model.workers.len() <= self.max_workers, "more workers than allowed");
            }
            Action::Send { worker, task } => {
                assert!(!self.model.finished.contains_key(&task), "{task:?} was sent after its end");
                let worker = self.model.workers.get_mut(&worker).expect("sent to a worker that exists");
                assert!(worker.up && !worker.killed && !worker.stopping, "sent to a worker that takes no tasks");
                worker.inbox.push_back(task);
                assert!(worker.inbox.len() <= crate::limits::SEND_AHEAD);
            }
            Action::Lend { .. } => panic!("no task here has children"),
            Action::Stop { worker } => {
                self.model.workers.get_mut(&worker).expect("stops one that exists").stopping = true;
            }
            Action::Kill { worker, reason } => {
                let worker = self.model.workers.get_mut(&worker).expect("kills one that exists");
                if reason == KillReason::Cancelled {
                    assert!(worker.inbox.is_empty(), "killed for a cancelled task while others could still begin");
                }
                worker.killed = true;
            }
            Action::Finish { task, end } => {
                assert!(self.model.submitted.contains(&task), "an unknown task ended");
                let before = self.model.finished.insert(task, end);
                assert!(before.is_none(), "{task:?} ended twice: {before:?}, {end:?}");
                if end == End::Cancelled || end == End::Shutdown {
                    assert!(
                        !self.model.workers.values().any(|worker| worker.inbox.contains(&task) && !worker.killed),
                        "{task:?} ended and may still begin"
                    );
                }
            }
            Action::Break { .. } => {
                assert!(!self.model.broken, "broken twice");
                self.model.broken = true;
            }
            Action::Terminate => {
                assert!(self.model.workers.is_empty(), "terminated with workers left");
                self.model.terminated = true;
            }
        }
    }

    /// Something happens in one worker, or to it.
    fn worker_moves(&mut self) {
        let ids: Vec<WorkerId> = self.model.workers.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.random.below(ids.len())];
        let roll = self.random.below(100);
        let Some(worker) = self.model.workers.get_mut(&id) else { return };
        match roll {
            0..=9 if !worker.up && !worker.killed => {
                if self.random.chance(10) {
                    self.model.workers.remove(&id);
                    self.event(Event::StartFailed { worker: id });
                } else {
                    self.exit(id);
                }
            }
            _ if worker.killed && roll < 60 => self.exit(id),
            _ if !worker.up => {
                worker.up = true;
                self.event(Event::WorkerReady { worker: id });
            }
            0..=4 => self.exit(id),
            5..=6 => {
                let task = TaskId(self.random.next() % 1000 + 100_000);
                self.event(Event::TaskDone { worker: id, task, trapped: false });
            }
            7 => self.event(Event::WorkerLied { worker: id }),
            8 => self.event(Event::WorkerHungUp { worker: id }),
            10..=39 if !worker.answers.is_empty() => {
                let task = worker.answers.pop_front().expect("not empty");
                let trapped = self.random.chance(5);
                self.event(Event::TaskDone { worker: id, task, trapped });
            }
            40..=69 if worker.running.is_some() => {
                let task = worker.running.take().expect("is some");
                worker.answers.push_back(task);
            }
            _ if worker.running.is_none() => match worker.inbox.pop_front() {
                Some(task) => self.begin(id, task),
                None if worker.stopping && worker.answers.is_empty() => self.exit(id),
                None => {}
            },
            _ => {}
        }
    }

    fn begin(&mut self, id: WorkerId, task: TaskId) {
        self.model.workers.get_mut(&id).expect("exists").running = Some(task);
        self.model.begun.insert((id, task), ());
        let times = self.model.ever_begun.entry(task).or_default();
        *times += 1;
        assert_eq!(*times, 1, "{task:?} ran twice");
        if let Some(end) = self.model.finished.get(&task) {
            let killed = self.model.workers[&id].killed;
            assert!(killed, "{task:?} began after it had ended: {end:?}");
        }
    }

    /// A process is gone: everything that it had sent is read first.
    fn exit(&mut self, id: WorkerId) {
        let answers: Vec<TaskId> =
            self.model.workers.get_mut(&id).map(|w| w.answers.drain(..).collect()).unwrap_or_default();
        for task in answers {
            self.event(Event::TaskDone { worker: id, task, trapped: false });
        }
        self.model.workers.remove(&id);
        self.event(Event::WorkerExited { worker: id });
    }

    fn caller_moves(&mut self) {
        match self.random.below(100) {
            0..60 => {
                let task = TaskId(self.model.submitted.len() as u64);
                self.model.submitted.insert(task);
                self.event(Event::Submitted { task });
            }
            60..75 if !self.model.submitted.is_empty() => {
                let task = TaskId(self.random.below(self.model.submitted.len()) as u64);
                let even_running = self.random.chance(70);
                self.event(Event::Cancel { task, even_running });
            }
            75..80 => {
                self.max_workers = 1 + self.random.below(5);
                self.may_exceed = self.may_exceed.max(self.max_workers);
                self.event(Event::Resized { max_workers: self.max_workers });
            }
            _ => self.pass_time(),
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.random.below(40) as u64);
        if self.state.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.event(Event::Tick);
        }
    }

    fn play(&mut self) {
        let steps = 20 + self.random.below(200);
        for _ in 0..steps {
            if self.random.chance(45) { self.caller_moves() } else { self.worker_moves() }
        }
        let modes = [ShutdownMode::Finish, ShutdownMode::CancelPending, ShutdownMode::Kill];
        let mode = modes[self.random.below(3)];
        self.event(Event::Shutdown { mode });
        let mut patience = 200_000;
        while !self.model.terminated {
            patience -= 1;
            assert!(patience > 0, "the pool does not come to an end");
            self.worker_moves();
            if self.random.chance(10) {
                self.now = self.state.next_deadline().unwrap_or(self.now).max(self.now);
                self.event(Event::Tick);
            }
            if self.random.chance(1) {
                let task = TaskId(self.model.submitted.len() as u64);
                self.model.submitted.insert(task);
                if !self.model.terminated {
                    self.event(Event::Submitted { task });
                }
            }
        }
        let ended: BTreeSet<TaskId> = self.model.finished.keys().copied().collect();
        let after_the_end: BTreeSet<TaskId> = self.model.submitted.difference(&ended).copied().collect();
        assert!(after_the_end.len() <= 1, "never ended: {after_the_end:?}");
    }
}

#[test]
fn every_task_ends_once_in_every_order_of_events() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let runs = number("ISOPOOL_SIMULATION_RUNS").unwrap_or(20_000);
    let (first, last) = number("ISOPOOL_SIMULATION_SEED").map_or((0, runs), |seed| (seed, seed + 1));
    for seed in first..last {
        let mut run = Run::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.play()));
        if result.is_err() {
            eprintln!("{}", run.log.join("\n"));
            panic!("replay with ISOPOOL_SIMULATION_SEED={seed}");
        }
    }
}
