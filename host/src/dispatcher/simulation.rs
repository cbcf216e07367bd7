//! Random orders of events against the state machine, with a model of workers that begin, end, lie, grow and die at any
//! moment, and of callers who submit, cancel, resize and shut down at any moment. Every run is seeded: `ISOPOOL_SIMULATION_SEED=n` replays one, `ISOPOOL_SIMULATION_RUNS` sets how many.

pub(super) mod model;

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::limits::INTERRUPTION_GRACE;
use crate::task::{ModuleNumber, TaskId, WorkerId};
use model::{Model, ModelWorker, Random};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

struct Run {
    random: Random,
    state: State,
    model: Model,
    now: Instant,
    max_workers: usize,
    /// How many there are of tasks.
    classes: usize,
    recycling: Recycling,
    interruption: Interruption,
    shut_down: Option<ShutdownMode>,
    retired: u64,
    replaced: u64,
    quarantined: u64,
    refused: u64,
    timed_out: u64,
    too_late: u64,
    stopped: u64,
    actions: Vec<Action>,
    log: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let max_workers = 1 + random.below(4);
        let containment = if random.chance(25) { Containment::Pool } else { Containment::Task };
        let idle_timeout = random.chance(50).then(|| Duration::from_millis(random.below(50) as u64));
        let recycling = Recycling {
            max_tasks: random.chance(50).then(|| 1 + random.below(4) as u64),
            max_age: random.chance(30).then(|| Duration::from_millis(1 + random.below(100) as u64)),
            max_growth_bytes: random.chance(40).then_some(100),
            one_life: false,
        };
        let deaths = random.chance(50).then(|| 1 + random.below(3) as u32);
        let quarantine = QuarantineOptions { deaths, first: Duration::from_millis(1 + random.below(40) as u64) };
        let classes = if random.chance(50) { 1 } else { 2 + random.below(4) };
        let interruption = if random.chance(50) { Interruption::Epoch } else { Interruption::Kill };
        let state = State::new(StateOptions {
            max_workers,
            idle_timeout,
            containment,
            recycling: recycling.clone(),
            interruption,
            quarantine,
        });
        Self {
            random,
            state,
            model: Model { quarantine_deaths: deaths, ..Model::default() },
            now: Instant::now(),
            max_workers,
            classes,
            recycling,
            interruption,
            shut_down: None,
            retired: 0,
            replaced: 0,
            quarantined: 0,
            refused: 0,
            timed_out: 0,
            too_late: 0,
            stopped: 0,
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
        self.model.check_urgency();
        self.model.check_deadlines(self.now);
    }

    fn carry_out(&mut self, action: Action) {
        assert!(!self.model.terminated, "an action after Terminate: {action:?}");
        match action {
            Action::Start { worker, class, .. } => {
                self.model.workers.insert(worker, ModelWorker { class, ..ModelWorker::default() });
                assert!(self.model.workers.len() <= self.max_workers, "more workers than allowed");
            }
            Action::Send { worker: worker_id, task } => {
                assert!(!self.model.finished.contains_key(&task), "{task:?} was sent after its end");
                assert!(self.model.waits_no_more(task), "{task:?} is in another worker's hands");
                let worker = self.model.workers.get_mut(&worker_id).expect("sent to a worker that exists");
                assert!(worker.is_up() && !worker.killed && !worker.stopping, "sent to a worker that takes no tasks");
                assert!(!worker.retired, "sent to a worker that has retired");
                assert!(!worker.measured, "sent to a worker that is being looked at");
                assert!(worker.asked.is_none(), "sent to a worker that is to stop a task first");
                assert_eq!(worker.class, self.model.submitted[&task].class, "a worker serves two classes");
                self.model.quarantine.sent(self.model.submitted[&task].module, task, self.now, &self.model.finished);
                let worker = self.model.workers.get_mut(&worker_id).expect("was looked at");
                worker.inbox.push_back(task);
                self.model.sent_at.insert(task, self.now);
                assert!(worker.inbox.len() <= crate::limits::SEND_AHEAD);
                let may_begin = worker.begun + worker.inbox.len() as u64;
                assert!(
                    self.recycling.max_tasks.is_none_or(|max| may_begin <= max),
                    "more tasks than one worker may run"
                );
            }
            Action::Retry { worker, task } => {
                assert!(!self.model.workers.contains_key(&worker), "its worker is not lost");
                assert!(self.model.begun.contains(&(worker, task)), "it had not begun");
                let times = self.model.retried.entry(task).or_default();
                *times += 1;
                assert!(*times <= self.model.submitted[&task].retries, "{task:?} is run again too often");
                self.model.waits(task);
            }
            Action::Measure { worker } => {
                let worker = self.model.workers.get_mut(&worker).expect("looks at one that exists");
                assert!(worker.running.is_none() && worker.inbox.is_empty() && !worker.measured, "not between tasks");
                worker.measured = true;
            }
            Action::Retire { worker, why } => {
                self.model.check_retirement(worker, why, &self.recycling, self.now);
                let worker = self.model.workers.get_mut(&worker).expect("was checked");
                assert!(!std::mem::replace(&mut worker.retired, true), "told twice");
                self.retired += 1;
            }
            Action::Replace { worker } => {
                let worker = &self.model.workers[&worker];
                assert!(worker.running.is_none() && worker.inbox.is_empty(), "it has something to do");
                let is_other = |task: &(i32, TaskId)| self.model.submitted[&task.1].class != worker.class;
                assert!(self.model.waiting.iter().any(is_other), "nobody needs its place");
                self.replaced += 1;
            }
            Action::Quarantine { module, refusal } => {
                let until = refusal.until.expect("it has an end");
                assert!(until > self.now && refusal.deaths > 0);
                self.model.quarantine.shut(module, until, self.model.quarantine_deaths);
                self.quarantined += 1;
            }
            Action::Lend { .. } => panic!("no task here has children"),
            Action::Stop { worker } => {
                self.model.workers.get_mut(&worker).expect("stops one that exists").stopping = true;
            }
            Action::Kill { worker, reason } => {
                let worker = self.model.workers.get_mut(&worker).expect("kills one that exists");
                if matches!(reason, KillReason::Cancelled | KillReason::Overdue) {
                    assert!(worker.inbox.is_empty(), "killed for one task while others could still begin");
                    if self.interruption == Interruption::Epoch && !worker.hung_up {
                        let (_, asked_at) = worker.asked.expect("killed without having been asked to stop");
                        assert!(self.now - asked_at >= INTERRUPTION_GRACE, "killed before it had the time to stop");
                    }
                }
                worker.killed = true;
            }
            Action::Interrupt { worker: id, task } => {
                let worker = self.model.workers.get_mut(&id).expect("asks one that exists");
                assert_eq!(self.interruption, Interruption::Epoch);
                assert!(worker.inbox.is_empty(), "asked to stop one task while others could still begin");
                assert!(worker.asked.is_none() && !worker.killed, "asked twice, or in vain");
                assert!(self.model.begun.contains(&(id, task)), "asked to stop what has not begun");
                worker.asked = Some((task, self.now));
            }
            Action::Finish { task, end } => {
                assert!(self.model.submitted.contains_key(&task), "an unknown task ended");
                self.model.waits_no_more(task);
                let before = self.model.finished.insert(task, end);
                assert!(before.is_none(), "{task:?} ended twice: {before:?}, {end:?}");
                if let End::Quarantined(_) = end {
                    let module = self.model.submitted[&task].module;
                    assert!(self.model.quarantine.shut.contains_key(&module), "{task:?}'s module is in no quarantine");
                    assert!(!self.model.is_in_hands(task), "{task:?} was refused, and may begin");
                    self.refused += 1;
                }
                if let End::TimedOut { limit } = end {
                    assert_eq!(self.model.submitted[&task].time_limit, Some(limit));
                    assert!(self.now - self.model.sent_at[&task] >= limit, "{task:?} was stopped too early");
                    assert!(self.model.times_begun.contains_key(&task), "{task:?} was stopped before it began");
                    self.timed_out += 1;
                }
                if end == End::TooLate {
                    let deadline = self.model.submitted[&task].deadline.expect("it has one");
                    assert!(self.now >= deadline, "{task:?} was ended before its deadline");
                    self.too_late += 1;
                }
                if end == End::TooLate || end == End::Cancelled || end == End::Shutdown {
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
            _ if worker.measured && roll < 50 => {
                worker.measured = false;
                worker.looks.push(worker.resident_bytes);
                let resident_bytes = worker.resident_bytes;
                self.event(Event::WorkerMeasured { worker: id, resident_bytes });
            }
            0..=9 if !worker.is_up() && !worker.killed => {
                if self.random.chance(10) {
                    self.model.workers.remove(&id);
                    self.event(Event::StartFailed { worker: id });
                } else if self.random.chance(5) {
                    self.event(Event::InitializerFailed { worker: id });
                } else {
                    self.exit(id);
                }
            }
            _ if worker.killed && roll < 60 => self.exit(id),
            _ if !worker.is_up() => {
                worker.up_since = Some(self.now);
                self.event(Event::WorkerReady { worker: id });
            }
            0..=4 => self.exit(id),
            5..=6 => {
                let task = TaskId(self.random.next() % 1000 + 100_000);
                self.event(Event::TaskDone { worker: id, task, trapped: false });
            }
            7 => self.event(Event::WorkerLied { worker: id }),
            8 => {
                worker.hung_up = true;
                self.event(Event::WorkerHungUp { worker: id });
            }
            // As when their fork server dies.
            9 => ids.into_iter().for_each(|id| self.exit(id)),
            10..=39 if !worker.answers.is_empty() => {
                let task = worker.answers.pop_front().expect("not empty");
                let trapped = self.random.chance(5);
                worker.answered += 1;
                worker.asked = worker.asked.filter(|(asked, _)| *asked != task);
                self.model.answered(task);
                self.event(Event::TaskDone { worker: id, task, trapped });
            }
            // It stops what it was asked to, in its time; else it is killed.
            70..=89 if worker.asked.is_some_and(|(task, _)| worker.running == Some(task)) => {
                worker.answers.extend(worker.running.take());
                self.stopped += 1;
            }
            40..=69 if worker.running.is_some() => {
                let task = worker.running.take().expect("is some");
                worker.answers.push_back(task);
                let before = worker.resident_bytes;
                worker.resident_bytes = (before + self.random.below(120) as u64).saturating_sub(30);
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
        let worker = self.model.workers.get_mut(&id).expect("exists");
        worker.running = Some(task);
        worker.begun += 1;
        assert!(self.recycling.max_tasks.is_none_or(|max| worker.begun <= max), "more began in a worker than may");
        let is_killed = worker.killed;
        self.model.begun.insert((id, task));
        let times = self.model.times_begun.entry(task).or_default();
        *times += 1;
        let lost = self.model.retried.get(&task).copied().unwrap_or(0);
        assert!(*times <= 1 + lost, "{task:?} began {times} times and was lost and tried again {lost} times");
        if let Some(end) = self.model.finished.get(&task) {
            assert!(is_killed, "{task:?} began after it had ended: {end:?}");
        }
    }

    /// A process is gone: everything that it had sent is read first.
    fn exit(&mut self, id: WorkerId) {
        while let Some(worker) = self.model.workers.get_mut(&id)
            && let Some(task) = worker.answers.pop_front()
        {
            worker.answered += 1;
            worker.asked = worker.asked.filter(|(asked, _)| *asked != task);
            self.model.answered(task);
            self.event(Event::TaskDone { worker: id, task, trapped: false });
        }
        let worker = self.model.workers.remove(&id).unwrap_or_default();
        if let Some(task) = worker.running {
            let module = self.model.submitted[&task].module;
            *self.model.quarantine.deaths.entry(module).or_default() += 1;
        }
        for task in worker.inbox.into_iter().filter(|task| !self.model.finished.contains_key(task)).collect::<Vec<_>>()
        {
            self.model.waits(task);
        }
        self.event(Event::WorkerExited { worker: id });
    }

    fn caller_moves(&mut self) {
        match self.random.below(100) {
            0..60 => {
                let turn = self.model.new_task(&mut self.random, self.classes, self.now);
                self.event(Event::Submitted { turn });
            }
            60..75 if !self.model.submitted.is_empty() => {
                let task = TaskId(self.random.below(self.model.submitted.len()) as u64);
                let even_running = self.random.chance(70);
                self.event(Event::Cancel { task, even_running });
            }
            75 => {
                let module = ModuleNumber(self.random.below(3) as u32);
                self.model.quarantine.lift(module);
                self.event(Event::QuarantineLifted { module });
            }
            76..81 => {
                self.max_workers = 1 + self.random.below(5);
                self.event(Event::Resized { max_workers: self.max_workers });
            }
            _ => self.pass_time(),
        }
    }

    fn pass_time(&mut self) {
        let most_ms = if self.random.chance(10) { 3000 } else { 40 };
        self.now += Duration::from_millis(self.random.below(most_ms) as u64);
        if self.state.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.event(Event::Tick);
        }
    }

    /// A shutdown can come at any moment, and again.
    fn shut_down(&mut self) {
        let modes = [ShutdownMode::Finish, ShutdownMode::CancelPending, ShutdownMode::Kill];
        let mode = modes[self.random.below(3)];
        self.shut_down = self.shut_down.max(Some(mode));
        self.event(Event::Shutdown { mode });
    }

    fn play(&mut self) {
        let steps = 20 + self.random.below(200);
        let last_steps = self.random.below(60);
        for step in 0..steps + last_steps {
            if step == steps {
                self.shut_down();
            }
            if self.model.terminated {
                break;
            }
            if self.random.chance(45) {
                self.caller_moves()
            } else {
                self.worker_moves()
            }
            if self.shut_down.is_some() && self.random.chance(3) && !self.model.terminated {
                self.shut_down();
            }
        }
        if self.shut_down.is_none() {
            self.shut_down();
        }
        let mut patience = 200_000;
        while !self.model.terminated {
            patience -= 1;
            assert!(patience > 0, "the pool does not come to an end");
            self.worker_moves();
            if self.random.chance(10) && !self.model.terminated {
                self.now = self.state.next_deadline().unwrap_or(self.now).max(self.now);
                self.event(Event::Tick);
            }
        }
        let ended: BTreeSet<TaskId> = self.model.finished.keys().copied().collect();
        let never: Vec<TaskId> = self.model.submitted.keys().filter(|task| !ended.contains(task)).copied().collect();
        assert!(never.is_empty(), "never ended: {never:?}");
        if self.shut_down == Some(ShutdownMode::Finish) && !self.model.broken {
            let refused = |end: &&End| matches!(end, End::Broken);
            assert_eq!(self.model.finished.values().filter(refused).count(), 0);
        }
    }
}

/// What a whole simulation has come to: one that never gets to the point shows nothing.
#[derive(Debug, Default)]
struct Sum {
    began: u64,
    retried: u64,
    retired: u64,
    replaced: u64,
    quarantined: u64,
    refused: u64,
    timed_out: u64,
    too_late: u64,
    stopped: u64,
}

#[test]
fn every_task_ends_once_in_every_order_of_events() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let runs = number("ISOPOOL_SIMULATION_RUNS").unwrap_or(20_000);
    let (first, last) = number("ISOPOOL_SIMULATION_SEED").map_or((0, runs), |seed| (seed, seed + 1));
    let mut sum = Sum::default();
    for seed in first..last {
        let mut run = Run::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.play()));
        if result.is_err() {
            eprintln!("{}", run.log.join("\n"));
            panic!("replay with ISOPOOL_SIMULATION_SEED={seed}");
        }
        sum.began += run.model.times_begun.values().map(|&times| u64::from(times)).sum::<u64>();
        sum.retried += run.model.retried.values().map(|&times| u64::from(times)).sum::<u64>();
        sum.retired += run.retired;
        sum.replaced += run.replaced;
        sum.quarantined += run.quarantined;
        sum.refused += run.refused;
        sum.timed_out += run.timed_out;
        sum.too_late += run.too_late;
        sum.stopped += run.stopped;
    }
    eprintln!("{} runs: {sum:?}", last - first);
    let is_full = |count: u64, least: u64| count > least || last - first < 1000;
    assert!(is_full(sum.began, runs) && is_full(sum.retried, runs / 10) && is_full(sum.retired, runs / 2));
    assert!(is_full(sum.timed_out, runs / 10) && is_full(sum.replaced, runs / 10));
    assert!(is_full(sum.too_late, runs / 10) && is_full(sum.stopped, runs / 50));
    assert!(is_full(sum.quarantined, runs / 10) && is_full(sum.refused, runs / 10));
}
