//! Random trees of tasks against the state machine: tasks that submit tasks and wait for them, on a few workers that die now
//! and then, under callers who cancel and resize. All of them come to an end, and with nobody dying or cancelling each gives
//! its answer. Seeded: `ISOPOOL_NESTED_SEED=n` replays one.

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{Claims, State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

const MAX_DEPTH: usize = 4;

/// See `simulation.rs`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// On its way to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Run { task: TaskId, lent_to: Option<TaskId> },
    Ended { child: TaskId },
}

/// On its way from a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Submit {
        parent: TaskId,
        child: TaskId,
    },
    Await {
        parent: TaskId,
        child: TaskId,
    },
    /// It does not want the child any more.
    Forget {
        child: TaskId,
    },
    Done {
        task: TaskId,
    },
}

/// A task that a worker has begun.
#[derive(Debug)]
struct Frame {
    task: TaskId,
    to_submit: usize,
    /// Not yet waited for.
    children: Vec<TaskId>,
    waits: Option<TaskId>,
}

#[derive(Debug, Default)]
struct ModelWorker {
    class: ClassId,
    up: bool,
    killed: bool,
    stopping: bool,
    inbox: VecDeque<Word>,
    /// Read while something waited, to be begun later.
    deferred: VecDeque<Word>,
    stack: Vec<Frame>,
    ended: BTreeSet<TaskId>,
    said: VecDeque<Said>,
    /// It is asked what it holds.
    measured: bool,
}

#[derive(Default)]
struct Model {
    workers: BTreeMap<WorkerId, ModelWorker>,
    depth: BTreeMap<TaskId, usize>,
    parents: BTreeMap<TaskId, TaskId>,
    classes: BTreeMap<TaskId, ClassId>,
    began: BTreeMap<TaskId, WorkerId>,
    finished: BTreeMap<TaskId, End>,
    retried: BTreeMap<TaskId, u32>,
    terminated: bool,
    lent: usize,
}

impl Claims for Model {
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool {
        let Some(worker) = self.workers.get_mut(&worker) else { return false };
        let is_other = |word: &Word| !matches!(word, Word::Run { task: other, .. } if *other == task);
        let before = worker.inbox.len() + worker.deferred.len();
        worker.inbox.retain(is_other);
        worker.deferred.retain(is_other);
        worker.inbox.len() + worker.deferred.len() < before
    }

    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.began.get(&task) == Some(&worker)
    }
}

struct Run {
    random: Random,
    state: State,
    model: Model,
    now: Instant,
    max_workers: usize,
    /// Nobody dies, cancels or gives up a wait.
    calm: bool,
    log: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let max_workers = 1 + random.below(4);
        let calm = random.chance(50);
        let (idle_timeout, containment) = (None, Containment::Task);
        let recycling = Recycling {
            max_tasks: random.chance(30).then(|| 1 + random.below(4) as u64),
            max_age: random.chance(20).then(|| Duration::from_millis(1 + random.below(100) as u64)),
            max_growth_bytes: random.chance(30).then_some(100),
            one_life: false,
        };
        let state = State::new(StateOptions {
            max_workers,
            idle_timeout,
            containment,
            recycling,
            interruption: Interruption::Kill,
            quarantine: QuarantineOptions { deaths: None, ..QuarantineOptions::default() },
        });
        Self { random, state, model: Model::default(), now: Instant::now(), max_workers, calm, log: Vec::new() }
    }

    fn event(&mut self, event: Event) {
        self.log.push(format!("{event:?}"));
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.model, &mut actions);
        for action in actions {
            self.log.push(format!("    {action:?}"));
            self.carry_out(action);
        }
        let is_cancelled = |frame: &Frame| self.model.finished.get(&frame.task) == Some(&End::Cancelled);
        let mut alive = self.model.workers.values().filter(|worker| !worker.killed);
        assert!(!alive.any(|worker| worker.stack.iter().any(is_cancelled)), "it runs on after it was cancelled");
    }

    fn carry_out(&mut self, action: Action) {
        let model = &mut self.model;
        match action {
            Action::Start { worker, class, .. } => {
                model.workers.insert(worker, ModelWorker { class, ..ModelWorker::default() });
                assert!(model.workers.len() <= self.max_workers, "the number of workers grows with the depth");
            }
            Action::Send { worker, task } => {
                assert!(!model.finished.contains_key(&task), "{task:?} was sent after its end");
                let worker = model.workers.get_mut(&worker).expect("sent to one that exists");
                assert_eq!(worker.class, model.classes[&task], "a worker serves two classes");
                worker.inbox.push_back(Word::Run { task, lent_to: None });
            }
            Action::Lend { worker, task } => {
                assert!(!model.finished.contains_key(&task), "{task:?} was sent after its end");
                let lent_to = Some(model.parents[&task]);
                let worker = model.workers.get_mut(&worker).expect("sent to one that exists");
                assert_eq!(worker.class, model.classes[&task], "a worker serves two classes");
                worker.inbox.push_back(Word::Run { task, lent_to });
                model.lent += 1;
            }
            Action::Stop { worker } => model.workers.get_mut(&worker).expect("stops one that exists").stopping = true,
            Action::Kill { worker, reason } => {
                // One that is not up yet may be needed no more.
                assert!(!self.calm || reason == KillReason::Surplus, "nobody has a reason to be killed");
                model.workers.get_mut(&worker).expect("kills one that exists").killed = true;
            }
            Action::Finish { task, end } => {
                let before = model.finished.insert(task, end);
                assert!(before.is_none(), "{task:?} ended twice: {before:?}, {end:?}");
                assert!(!self.calm || end == End::Told, "{task:?} ended as {end:?}");
                let Some(parent) = model.parents.get(&task) else { return };
                let has_parent = |worker: &&mut ModelWorker| worker.stack.iter().any(|frame| frame.task == *parent);
                if let Some(worker) = model.workers.values_mut().find(has_parent) {
                    worker.inbox.push_back(Word::Ended { child: task });
                }
            }
            Action::Retry { task, .. } => {
                model.began.remove(&task);
                *model.retried.entry(task).or_default() += 1;
            }
            Action::Measure { worker } => model.workers.get_mut(&worker).expect("exists").measured = true,
            Action::Retire { .. } | Action::Replace { .. } => {}
            Action::Interrupt { .. } => panic!("workers here are killed"),
            Action::Quarantine { .. } => panic!("nobody asked for one"),
            Action::Break { .. } => panic!("nothing here breaks a pool"),
            Action::Terminate => model.terminated = true,
        }
    }

    fn new_task(&mut self, parent: Option<TaskId>) -> TaskId {
        let task = TaskId(self.model.depth.len() as u64);
        let depth = parent.map_or(0, |parent| self.model.depth[&parent] + 1);
        self.model.depth.insert(task, depth);
        let class = match parent {
            Some(parent) => self.model.classes[&parent],
            None => ClassId(if self.random.chance(70) { 0 } else { self.random.below(3) as u32 }),
        };
        self.model.classes.insert(task, class);
        task
    }

    fn begin(&mut self, id: WorkerId, task: TaskId) {
        assert!(self.model.began.insert(task, id).is_none(), "{task:?} ran twice");
        let may_submit = if self.model.depth[&task] < MAX_DEPTH { self.random.below(4) } else { 0 };
        let frame = Frame { task, to_submit: may_submit, children: Vec::new(), waits: None };
        let worker = self.model.workers.get_mut(&id).expect("begins in one that exists");
        worker.stack.push(frame);
        assert!(worker.stack.len() <= MAX_DEPTH + 1, "more instances in a worker than the tree is deep");
    }

    /// Something happens in one worker, or to it.
    fn worker_moves(&mut self) {
        let ids: Vec<WorkerId> = self.model.workers.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.random.below(ids.len())];
        let worker = self.model.workers.get_mut(&id).expect("was listed");
        if worker.killed || (!self.calm && self.random.chance(1)) {
            return self.exit(id);
        }
        if std::mem::take(&mut worker.measured) {
            let resident_bytes = self.random.below(200) as u64;
            return self.event(Event::WorkerMeasured { worker: id, resident_bytes });
        }
        if !worker.up {
            worker.up = true;
            return self.event(Event::WorkerReady { worker: id });
        }
        if self.random.chance(40)
            && let Some(said) = worker.said.pop_front()
        {
            return self.hear(id, said);
        }
        match worker.stack.last().map(|frame| (frame.task, frame.waits)) {
            None => self.read_next(id),
            Some((task, Some(child))) => self.wait(id, task, child),
            Some((task, None)) => self.compute(id, task),
        }
    }

    fn hear(&mut self, id: WorkerId, said: Said) {
        match said {
            Said::Submit { parent, child } => {
                self.model.parents.insert(child, parent);
                let priority = self.random.below(3) as i32;
                let turn = Turn::new(child, priority, 0).with_class(self.model.classes[&child]);
                self.event(Event::ChildSubmitted { turn, parent });
            }
            Said::Await { child, .. } if self.model.finished.contains_key(&child) => {}
            Said::Await { parent, child } => self.event(Event::Awaits { worker: id, parent, child }),
            Said::Forget { child } if self.model.finished.contains_key(&child) => {}
            Said::Forget { child } => self.event(Event::Cancel { task: child, even_running: true }),
            Said::Done { task } => self.event(Event::TaskDone { worker: id, task, trapped: false }),
        }
    }

    /// It runs nothing.
    fn read_next(&mut self, id: WorkerId) {
        let worker = self.model.workers.get_mut(&id).expect("exists");
        match worker.deferred.pop_front().or_else(|| worker.inbox.pop_front()) {
            Some(Word::Run { task, lent_to: None }) => self.begin(id, task),
            // A child of a task that has ended: it will be taken back.
            Some(word @ Word::Run { .. }) => worker.deferred.push_back(word),
            Some(Word::Ended { .. }) => {}
            None if worker.stopping && worker.said.is_empty() => self.exit(id),
            None => {}
        }
    }

    fn wait(&mut self, id: WorkerId, task: TaskId, child: TaskId) {
        let gives_up = !self.calm && self.random.chance(5);
        let worker = self.model.workers.get_mut(&id).expect("exists");
        let top = worker.stack.last_mut().expect("waits");
        if worker.ended.contains(&child) || gives_up {
            top.waits = None;
            return;
        }
        match worker.inbox.pop_front() {
            Some(Word::Ended { child }) => _ = worker.ended.insert(child),
            Some(Word::Run { task: lent, lent_to }) if lent_to == Some(task) => self.begin(id, lent),
            Some(word) => worker.deferred.push_back(word),
            None => {}
        }
    }

    fn compute(&mut self, id: WorkerId, task: TaskId) {
        let roll = self.random.below(100);
        let (gives_up, choice) = (!self.calm && self.random.chance(10), self.random.below(64));
        let worker = self.model.workers.get_mut(&id).expect("exists");
        let top = worker.stack.last_mut().expect("computes");
        if top.to_submit > 0 && roll < 50 {
            top.to_submit -= 1;
            let child = self.new_task(Some(task));
            let worker = self.model.workers.get_mut(&id).expect("exists");
            worker.stack.last_mut().expect("computes").children.push(child);
            worker.said.push_back(Said::Submit { parent: task, child });
        } else if !top.children.is_empty() && !gives_up {
            let child = top.children.swap_remove(choice % top.children.len());
            if !worker.ended.contains(&child) {
                top.waits = Some(child);
                worker.said.push_back(Said::Await { parent: task, child });
            }
        } else if top.to_submit == 0 || gives_up {
            let left = worker.stack.pop().expect("computes").children;
            // Some let their children go, others end with them.
            if choice % 2 == 0 {
                worker.said.extend(left.into_iter().map(|child| Said::Forget { child }));
            }
            worker.said.push_back(Said::Done { task });
            // The one below looks again whether its child has ended, and says so when it has not.
            if let Some(Frame { task, waits: Some(child), .. }) = worker.stack.last() {
                worker.said.push_back(Said::Await { parent: *task, child: *child });
            }
        }
    }

    fn exit(&mut self, id: WorkerId) {
        while let Some(said) = self.model.workers.get_mut(&id).and_then(|worker| worker.said.pop_front()) {
            self.hear(id, said);
        }
        let worker = self.model.workers.remove(&id).expect("exists");
        assert!(worker.stack.is_empty() || !self.calm);
        self.event(Event::WorkerExited { worker: id });
    }

    fn caller_moves(&mut self) {
        match self.random.below(10) {
            0..5 => {
                let task = self.new_task(None);
                let retries = if self.random.chance(20) { 1 } else { 0 };
                let turn = Turn::new(task, self.random.below(3) as i32, retries);
                let turn = turn.with_class(self.model.classes[&task]);
                self.event(Event::Submitted { turn });
            }
            5 if !self.calm && !self.model.depth.is_empty() => {
                let task = TaskId(self.random.below(self.model.depth.len()) as u64);
                if !self.model.parents.contains_key(&task) {
                    self.event(Event::Cancel { task, even_running: true });
                }
            }
            6 if !self.calm => {
                self.max_workers = self.max_workers.max(1 + self.random.below(4));
                self.event(Event::Resized { max_workers: self.max_workers });
            }
            _ => {}
        }
    }

    fn play(&mut self) {
        for _ in 0..self.random.below(200) {
            if self.random.chance(10) { self.caller_moves() } else { self.worker_moves() }
        }
        self.event(Event::Shutdown { mode: ShutdownMode::Finish });
        let mut patience = 100_000;
        while !self.model.terminated {
            patience -= 1;
            assert!(patience > 0, "it stands still");
            self.worker_moves();
            if self.random.chance(5) && !self.model.terminated {
                // Never so late that a process which comes up or leaves is killed for it.
                self.now += Duration::from_millis(if self.model.workers.is_empty() { 1000 } else { 10 });
                self.event(Event::Tick);
            }
        }
        let said_and_lost = |task: &TaskId| !self.model.finished.contains_key(task) && self.is_known(*task);
        let never: Vec<_> = self.model.depth.keys().filter(|task| said_and_lost(task)).collect();
        assert!(never.is_empty(), "never ended: {never:?}");
    }

    /// Whether the dispatcher has heard of it: a worker may die before it has said so.
    fn is_known(&self, task: TaskId) -> bool {
        self.model.depth[&task] == 0 || self.model.parents.contains_key(&task)
    }
}

// behaviour: B44
#[test]
fn trees_of_tasks_come_to_an_end_on_any_number_of_workers() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (first, last) = number("ISOPOOL_NESTED_SEED").map_or((0, 2_000), |seed| (seed, seed + 1));
    let (mut deepest, mut lent, mut tasks) = (0, 0, 0);
    for seed in first..last {
        let mut run = Run::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.play()));
        if result.is_err() {
            eprintln!("{}", run.log.join("\n"));
            panic!("replay with ISOPOOL_NESTED_SEED={seed}");
        }
        deepest = deepest.max(run.model.depth.values().copied().max().unwrap_or(0));
        lent += run.model.lent;
        tasks += run.model.finished.len();
    }
    eprintln!("{} runs, {tasks} tasks, {lent} of them lent to the worker that waited", last - first);
    assert!(last - first == 1 || (deepest == MAX_DEPTH && lent > 10_000 && tasks > 20_000));
}
