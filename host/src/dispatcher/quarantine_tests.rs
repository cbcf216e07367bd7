//! Modules whose tasks kill workers, against the state machine.

use super::action::{Action, End, KillReason};
use super::begun::Begun;
use super::event::Event;
use super::quarantine::{QuarantineOptions, Refusal};
use super::recycling::Recycling;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::limits::{LONGEST_QUARANTINE, QUARANTINE_WINDOW};
use crate::queue::Turn;
use crate::task::{ModuleNumber, TaskId, WorkerId};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const BAD: ModuleNumber = ModuleNumber(1);
const GOOD: ModuleNumber = ModuleNumber(2);
const FIRST: Duration = Duration::from_secs(1);

struct Pool {
    state: State,
    begun: Begun,
    now: Instant,
    next_task: u64,
    next_worker: u64,
}

impl Pool {
    fn new(max_workers: usize, deaths: u32) -> Self {
        let state = State::new(StateOptions {
            interruption: Interruption::Kill,
            max_workers,
            idle_timeout: None,
            containment: Containment::Task,
            recycling: Recycling::default(),
            quarantine: QuarantineOptions { deaths: Some(deaths), first: FIRST },
        });
        Self { state, begun: Begun::default(), now: Instant::now(), next_task: 0, next_worker: 0 }
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        for action in &actions {
            if let Action::Start { worker, .. } = action {
                self.next_worker = worker.0 + 1;
            }
        }
        actions
    }

    fn submit_with(&mut self, module: ModuleNumber, retries: u32) -> (TaskId, Vec<Action>) {
        let task = TaskId(self.next_task);
        self.next_task += 1;
        let turn = Turn::new(task, 0, retries).with_module(module);
        (task, self.event(Event::Submitted { turn }))
    }

    fn submit(&mut self, module: ModuleNumber) -> (TaskId, Vec<Action>) {
        self.submit_with(module, 0)
    }

    /// Submits a task, and has it begin in the worker that was started last.
    fn begin(&mut self, module: ModuleNumber) -> (TaskId, WorkerId) {
        let (task, _) = self.submit(module);
        let worker = WorkerId(self.next_worker - 1);
        self.event(Event::WorkerReady { worker });
        self.begun.0.insert(task);
        (task, worker)
    }

    fn die(&mut self, module: ModuleNumber) -> Vec<Action> {
        let (_, worker) = self.begin(module);
        self.event(Event::WorkerExited { worker })
    }

    fn end_well(&mut self, module: ModuleNumber) {
        let (task, worker) = self.begin(module);
        let ended = self.event(Event::TaskDone { worker, task, trapped: false });
        assert_eq!(ended, [Action::Finish { task, end: End::Told }]);
    }

    /// How a new task of the module is refused; `None`: it is not.
    fn refusal(&mut self, module: ModuleNumber) -> Option<Refusal> {
        let (task, actions) = self.submit(module);
        actions.iter().find_map(|action| match action {
            Action::Finish { task: other, end: End::Quarantined(refusal) } if *other == task => Some(*refusal),
            _ => None,
        })
    }

    fn refused_until(&self, deaths: u32, time: Duration) -> Refusal {
        Refusal { deaths, until: Some(self.now + time) }
    }
}

fn told(actions: &[Action]) -> Option<Refusal> {
    actions.iter().find_map(|action| match action {
        Action::Quarantine { module: BAD, refusal } => Some(*refusal),
        _ => None,
    })
}

#[test]
fn a_module_that_kills_one_worker_after_another_is_refused_and_no_other_one_is() {
    let mut pool = Pool::new(1, 3);
    assert_eq!([told(&pool.die(BAD)), told(&pool.die(BAD))], [None, None]);
    let shut = pool.refused_until(3, FIRST);
    assert_eq!(told(&pool.die(BAD)), Some(shut));
    assert_eq!((pool.refusal(BAD), pool.refusal(BAD)), (Some(shut), Some(shut)));
    assert_eq!(pool.refusal(GOOD), None);
}

#[test]
fn a_task_that_ends_by_itself_between_makes_good_for_all_deaths_before() {
    let mut pool = Pool::new(1, 2);
    for _ in 0..5 {
        assert_eq!(told(&pool.die(BAD)), None);
        pool.end_well(BAD);
        let worker = WorkerId(pool.next_worker - 1);
        pool.event(Event::WorkerExited { worker });
    }
    assert_eq!(told(&pool.die(BAD)), None);
    assert!(told(&pool.die(BAD)).is_some(), "two in a row");
}

// limit: QUARANTINE_WINDOW
#[test]
fn deaths_that_lie_far_apart_are_no_habit() {
    let mut pool = Pool::new(1, 2);
    for _ in 0..5 {
        assert_eq!(told(&pool.die(BAD)), None);
        pool.now += QUARANTINE_WINDOW + Duration::from_millis(1);
    }
    assert_eq!(told(&pool.die(BAD)), None);
    pool.now += QUARANTINE_WINDOW;
    assert!(told(&pool.die(BAD)).is_some(), "just near enough");
}

// limit: LONGEST_QUARANTINE
#[test]
fn after_its_time_one_task_tries_and_each_failure_doubles_the_time() {
    let mut pool = Pool::new(1, 1);
    assert!(told(&pool.die(BAD)).is_some());
    let mut time = FIRST;
    for deaths in 2..20 {
        pool.now += time - Duration::from_millis(1);
        assert!(pool.refusal(BAD).is_some(), "not yet");
        pool.now += Duration::from_millis(1);
        let (_, worker) = pool.begin(BAD);
        assert_eq!(pool.refusal(BAD), Some(Refusal { deaths: deaths - 1, until: None }), "one is on trial");
        let died = pool.event(Event::WorkerExited { worker });
        time = (time * 2).min(LONGEST_QUARANTINE);
        assert_eq!(told(&died), Some(pool.refused_until(deaths, time)));
    }
    pool.now += time;
    pool.end_well(BAD);
    assert_eq!(pool.refusal(BAD), None);
}

#[test]
fn a_trial_that_shows_nothing_gives_its_place_to_the_next_task() {
    let mut pool = Pool::new(1, 1);
    pool.die(BAD);
    pool.now += FIRST;
    let (trial, worker) = pool.begin(BAD);
    let cancelled = pool.event(Event::Cancel { task: trial, even_running: true });
    assert!(cancelled.contains(&Action::Kill { worker, reason: KillReason::Cancelled }));
    // It had ended when it was killed, and nobody waits for that any more.
    pool.event(Event::TaskDone { worker, task: trial, trapped: false });
    assert_eq!(told(&pool.event(Event::WorkerExited { worker })), None, "it was killed by the pool itself");
    assert_eq!(pool.refusal(BAD), None, "the next trial");
    assert_eq!(pool.refusal(BAD).map(|refusal| refusal.until), Some(None));
}

#[test]
fn what_the_pool_itself_kills_is_no_death() {
    let mut pool = Pool::new(1, 1);
    for _ in 0..3 {
        let (task, worker) = pool.begin(BAD);
        pool.event(Event::Cancel { task, even_running: true });
        assert_eq!(told(&pool.event(Event::WorkerExited { worker })), None);
    }
    assert_eq!(pool.refusal(BAD), None);
}

#[test]
fn one_blow_that_hits_many_workers_counts_once() {
    let mut pool = Pool::new(3, 2);
    let workers = [pool.begin(BAD), pool.begin(BAD), pool.begin(BAD)].map(|(_, worker)| worker);
    pool.now += Duration::from_millis(1);
    for worker in workers {
        assert_eq!(told(&pool.event(Event::WorkerExited { worker })), None);
        pool.now += Duration::from_millis(1);
    }
    assert!(told(&pool.die(BAD)).is_some(), "the second blow");
}

#[test]
fn what_waits_and_what_was_sent_ahead_ends_with_the_quarantine_and_other_modules_go_on() {
    let mut pool = Pool::new(1, 1);
    let (lost, worker) = pool.begin(BAD);
    let (ahead, sent) = pool.submit(BAD);
    assert_eq!(sent, [Action::Send { worker, task: ahead }]);
    let (other, _) = pool.submit(GOOD);
    let others: Vec<TaskId> = (0..100).map(|_| pool.submit(BAD).0).collect();
    let ended = pool.event(Event::WorkerExited { worker });
    let refusal = told(&ended).expect("one death is enough");
    let finished: BTreeSet<TaskId> = ended
        .iter()
        .filter_map(|action| match action {
            Action::Finish { task, end } if *end == End::Quarantined(refusal) => Some(*task),
            _ => None,
        })
        .collect();
    assert_eq!(finished, others.into_iter().chain([ahead]).collect());
    assert!(ended.contains(&Action::Finish { task: lost, end: End::Lost { worker } }));
    let next = WorkerId(pool.next_worker - 1);
    assert_eq!(pool.event(Event::WorkerReady { worker: next }), [Action::Send { worker: next, task: other }]);
}

#[test]
fn a_task_that_allows_retries_is_not_run_again_once_its_module_is_in_quarantine() {
    let mut pool = Pool::new(1, 2);
    let (task, _) = pool.submit_with(BAD, 100);
    for death in 1..=2 {
        let worker = WorkerId(pool.next_worker - 1);
        pool.event(Event::WorkerReady { worker });
        pool.begun.0.insert(task);
        let died = pool.event(Event::WorkerExited { worker });
        assert_eq!(died.contains(&Action::Retry { worker, task }), death == 1);
        assert_eq!(died.contains(&Action::Finish { task, end: End::Lost { worker } }), death == 2);
    }
}

#[test]
fn a_quarantine_that_is_lifted_is_forgotten() {
    let mut pool = Pool::new(1, 2);
    pool.die(BAD);
    pool.die(BAD);
    assert!(pool.refusal(BAD).is_some());
    pool.event(Event::QuarantineLifted { module: BAD });
    assert_eq!(told(&pool.die(BAD)), None, "the deaths before do not count any more");
    let shut = pool.refused_until(2, FIRST);
    assert_eq!(told(&pool.die(BAD)), Some(shut), "nor does their quarantine");
}
