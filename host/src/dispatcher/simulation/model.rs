//! What the simulated world is: workers that begin, end, lie and die, and callers who know what they asked for.

use crate::dispatcher::action::{End, Retirement};
use crate::dispatcher::recycling::Recycling;
use crate::dispatcher::state::Claims;
use crate::queue::Turn;
use crate::task::{ClassId, ModuleNumber, TaskId, WorkerId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// A small generator, so that a seed means the same on every machine (splitmix64).
pub(in crate::dispatcher) struct Random(pub(in crate::dispatcher) u64);

impl Random {
    pub(in crate::dispatcher) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(in crate::dispatcher) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(in crate::dispatcher) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A worker process as the caller knows it.
#[derive(Default)]
pub(super) struct ModelWorker {
    pub(super) class: ClassId,
    pub(super) up_since: Option<Instant>,
    pub(super) killed: bool,
    pub(super) stopping: bool,
    /// Its channel is closed, so that it can be asked for nothing.
    pub(super) hung_up: bool,
    /// It gets no more tasks, because it has served long enough.
    pub(super) retired: bool,
    /// A look at its memory was asked for, and its answer is on its way.
    pub(super) measured: bool,
    pub(super) resident_bytes: u64,
    /// What it was seen to hold at each look.
    pub(super) looks: Vec<u64>,
    /// Sent and not begun or reclaimed, in order.
    pub(super) inbox: VecDeque<TaskId>,
    pub(super) running: Option<TaskId>,
    /// It was asked to stop this task, at that moment.
    pub(super) asked: Option<(TaskId, Instant)>,
    /// Ended, and the answer still on its way.
    pub(super) answers: VecDeque<TaskId>,
    /// Tasks that have begun in it.
    pub(super) begun: u64,
    /// Answers that were handled.
    pub(super) answered: u64,
}

impl ModelWorker {
    pub(super) fn is_up(&self) -> bool {
        self.up_since.is_some()
    }

    /// Tasks that were sent to it while it had another one.
    pub(super) fn ahead(&self) -> impl Iterator<Item = &TaskId> {
        self.inbox.iter().skip(usize::from(self.running.is_none() && self.answers.is_empty()))
    }
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) workers: BTreeMap<WorkerId, ModelWorker>,
    pub(super) begun: BTreeSet<(WorkerId, TaskId)>,
    /// When each task was sent last.
    pub(super) sent_at: BTreeMap<TaskId, Instant>,
    /// How often each task has begun.
    pub(super) times_begun: BTreeMap<TaskId, u32>,
    /// How often each task was lost with a worker and waits again.
    pub(super) retried: BTreeMap<TaskId, u32>,
    pub(super) finished: BTreeMap<TaskId, End>,
    pub(super) submitted: BTreeMap<TaskId, Submitted>,
    /// Those that have not ended and are in no worker's hands, with their priorities in front.
    pub(super) waiting: BTreeSet<(i32, TaskId)>,
    pub(super) quarantine: ModelQuarantine,
    pub(super) quarantine_deaths: Option<u32>,
    pub(super) broken: bool,
    pub(super) terminated: bool,
}

/// Modules in quarantine, as whoever sees deaths, answers and the pool's own words knows them.
#[derive(Default)]
pub(super) struct ModelQuarantine {
    /// Workers that died with a task of the module, since one ended.
    pub(super) deaths: BTreeMap<ModuleNumber, u32>,
    /// Until when nothing of it runs.
    pub(super) shut: BTreeMap<ModuleNumber, Instant>,
    /// What runs of it after that.
    trials: BTreeMap<ModuleNumber, TaskId>,
}

impl ModelQuarantine {
    pub(super) fn shut(&mut self, module: ModuleNumber, until: Instant, most: Option<u32>) {
        let deaths = self.deaths.get(&module).copied().unwrap_or(0);
        let is_trial = self.trials.remove(&module).is_some();
        assert!(is_trial || most.is_some_and(|most| deaths >= most), "{module:?} has killed {deaths} workers only");
        self.shut.insert(module, until);
    }

    pub(super) fn sent(&mut self, module: ModuleNumber, task: TaskId, now: Instant, ended: &BTreeMap<TaskId, End>) {
        let Some(&until) = self.shut.get(&module) else { return };
        assert!(until <= now, "{task:?} was sent while its module is in quarantine");
        let before = self.trials.insert(module, task).filter(|&before| before != task);
        assert!(before.is_none_or(|before| ended.contains_key(&before)), "two tasks are on trial at once");
    }

    pub(super) fn lift(&mut self, module: ModuleNumber) {
        self.deaths.remove(&module);
        self.shut.remove(&module);
        self.trials.remove(&module);
    }
}

/// What a caller asked for.
#[derive(Clone, Copy)]
pub(super) struct Submitted {
    pub(super) class: ClassId,
    pub(super) module: ModuleNumber,
    pub(super) priority: i32,
    pub(super) retries: u32,
    pub(super) time_limit: Option<Duration>,
    pub(super) deadline: Option<Instant>,
}

impl Claims for Model {
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool {
        let Some(worker) = self.workers.get_mut(&worker) else { return false };
        let before = worker.inbox.len();
        worker.inbox.retain(|&other| other != task);
        let is_back = worker.inbox.len() < before;
        if is_back {
            self.waits(task);
        }
        is_back
    }

    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.begun.contains(&(worker, task))
    }
}

impl Model {
    /// One more task, mostly of the usual kind.
    pub(super) fn new_task(&mut self, random: &mut Random, classes: usize, now: Instant) -> Turn {
        let task = TaskId(self.submitted.len() as u64);
        let priority = if random.chance(25) { random.below(5) as i32 - 2 } else { 0 };
        let retries = if random.chance(20) { random.below(4) as u32 } else { 0 };
        let time_limit = random.chance(20).then(|| Duration::from_millis(1 + random.below(60) as u64));
        let deadline = random.chance(20).then(|| now + Duration::from_millis(random.below(80) as u64));
        let class = ClassId(random.below(classes) as u32);
        let module = ModuleNumber(random.below(3) as u32);
        self.submitted.insert(task, Submitted { class, module, priority, retries, time_limit, deadline });
        self.waits(task);
        let turn = Turn::new(task, priority, retries).with_time_limit(time_limit).with_deadline(deadline);
        turn.with_class(class).with_module(module)
    }

    /// No task outlives its deadline, as long as the clock is looked at.
    pub(super) fn check_deadlines(&self, now: Instant) {
        let is_late = |submitted: &Submitted| submitted.deadline.is_some_and(|deadline| deadline <= now);
        let late = self.submitted.iter().find(|(task, what)| is_late(what) && !self.finished.contains_key(task));
        assert!(late.is_none(), "{:?} has not ended", late.map(|(task, _)| task));
    }

    /// A task has ended by itself, and its worker says so.
    pub(super) fn answered(&mut self, task: TaskId) {
        if self.finished.contains_key(&task) {
            return;
        }
        let module = self.submitted[&task].module;
        let quarantine = &mut self.quarantine;
        if !quarantine.shut.contains_key(&module) || quarantine.trials.get(&module) == Some(&task) {
            quarantine.lift(module);
        }
    }

    /// Whether a worker that lives could still begin it.
    pub(super) fn is_in_hands(&self, task: TaskId) -> bool {
        self.workers.values().any(|worker| worker.inbox.contains(&task))
    }

    fn priority(&self, task: TaskId) -> i32 {
        self.submitted[&task].priority
    }

    pub(super) fn waits(&mut self, task: TaskId) {
        self.waiting.insert((self.priority(task), task));
    }

    /// Whether it did wait.
    pub(super) fn waits_no_more(&mut self, task: TaskId) -> bool {
        self.waiting.remove(&(self.priority(task), task))
    }

    /// Nothing that was sent ahead is less urgent than what waits, nor than anything else that was sent ahead.
    pub(super) fn check_urgency(&self) {
        let ahead = self.workers.values().filter(|worker| !worker.killed).flat_map(ModelWorker::ahead);
        let ahead: BTreeSet<i32> = ahead.map(|&task| self.priority(task)).collect();
        assert!(ahead.len() <= 1, "tasks of several priorities were sent ahead: {ahead:?}");
        if let (Some((waiting, _)), Some(least)) = (self.waiting.last(), ahead.first()) {
            assert!(waiting <= least, "a task of priority {waiting} waits behind one of {least} that was sent ahead");
        }
    }

    /// A worker that retires has a reason for it.
    pub(super) fn check_retirement(&self, id: WorkerId, why: Retirement, recycling: &Recycling, now: Instant) {
        let worker = &self.workers[&id];
        assert!(!worker.stopping && !worker.killed, "it leaves already");
        match why {
            Retirement::Tasks { ended } => {
                assert_eq!((Some(ended), worker.begun, worker.answered), (recycling.max_tasks, ended, ended));
            }
            Retirement::Age { age } => {
                assert_eq!(Some(age), worker.up_since.map(|moment| now - moment));
                assert!(recycling.max_age.is_some_and(|max| max <= age) && worker.answered > 0);
            }
            Retirement::Growth { least_bytes, resident_bytes } => {
                let [.., first, second] = &worker.looks[..] else { panic!("it was not looked at twice") };
                let max = recycling.max_growth_bytes.expect("nobody looks without a bound");
                assert_eq!((Some(&least_bytes), resident_bytes), (worker.looks.iter().min(), *second));
                assert!(first - least_bytes > max && second - least_bytes > max);
                assert!(worker.running.is_none() && worker.inbox.is_empty(), "it was not looked at between tasks");
            }
        }
    }
}
