//! Who gets a worker when tasks are of several classes, against the state machine.

use super::action::Action;
use super::begun::Begun;
use super::event::Event;
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::time::Instant;

const A: ClassId = ClassId(1);
const B: ClassId = ClassId(2);
const C: ClassId = ClassId(3);

struct Pool {
    state: State,
    begun: Begun,
    now: Instant,
}

impl Pool {
    fn new(max_workers: usize) -> Self {
        let state = State::new(StateOptions {
            interruption: Interruption::Kill,
            max_workers,
            idle_timeout: None,
            containment: Containment::Task,
            recycling: Recycling::default(),
            quarantine: QuarantineOptions::default(),
        });
        Self { state, begun: Begun::default(), now: Instant::now() }
    }

    /// One worker for each of these classes, each with a task that runs: worker 0 with task 0, and so on.
    fn busy(classes: &[ClassId]) -> Self {
        let mut pool = Self::new(classes.len());
        for (n, &class) in (0..).zip(classes) {
            assert_eq!(pool.submit(n, class), [start(n, class)]);
            assert_eq!(pool.ready(n), [send(n, n)]);
            pool.begun.0.insert(TaskId(n));
        }
        pool
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        actions.retain(|action| !matches!(action, Action::Finish { .. }));
        actions
    }

    fn submit_with(&mut self, task: u64, class: ClassId, priority: i32) -> Vec<Action> {
        self.event(Event::Submitted { turn: Turn::new(TaskId(task), priority, 0).with_class(class) })
    }

    fn submit(&mut self, task: u64, class: ClassId) -> Vec<Action> {
        self.submit_with(task, class, 0)
    }

    fn ready(&mut self, worker: u64) -> Vec<Action> {
        self.event(Event::WorkerReady { worker: WorkerId(worker) })
    }

    /// A task begins and ends.
    fn run(&mut self, worker: u64, task: u64) -> Vec<Action> {
        self.begun.0.insert(TaskId(task));
        self.event(Event::TaskDone { worker: WorkerId(worker), task: TaskId(task), trapped: false })
    }

    fn exited(&mut self, worker: u64) -> Vec<Action> {
        self.event(Event::WorkerExited { worker: WorkerId(worker) })
    }
}

fn start(worker: u64, class: ClassId) -> Action {
    Action::Start { worker: WorkerId(worker), index: u32::try_from(worker).expect("few workers"), class }
}

fn send(worker: u64, task: u64) -> Action {
    Action::Send { worker: WorkerId(worker), task: TaskId(task) }
}

fn replaced(worker: u64) -> [Action; 2] {
    let worker = WorkerId(worker);
    [Action::Replace { worker }, Action::Stop { worker }]
}

fn class_started(actions: &[Action]) -> Vec<ClassId> {
    let class = |action: &Action| if let Action::Start { class, .. } = action { Some(*class) } else { None };
    actions.iter().filter_map(class).collect()
}

#[test]
fn an_idle_worker_of_another_class_leaves_first_and_then_one_of_the_class_comes() {
    let mut pool = Pool::busy(&[A]);
    assert_eq!(pool.run(0, 0), []);
    assert_eq!(pool.submit(1, B), replaced(0));
    assert_eq!(pool.submit(2, A), [], "it leaves, though one of its own comes");
    assert_eq!(class_started(&pool.exited(0)), [B]);
}

#[test]
fn a_worker_that_is_idle_serves_its_own_class_when_a_place_is_free_for_the_other() {
    let mut pool = Pool::new(2);
    assert_eq!(pool.submit(0, A), [start(0, A)]);
    pool.ready(0);
    assert_eq!(pool.run(0, 0), []);
    assert_eq!(pool.submit(1, B), [start(1, B)]);
    assert_eq!(pool.submit(2, A), [send(0, 2)]);
}

#[test]
fn nothing_is_sent_ahead_of_a_class_that_has_no_worker() {
    let mut pool = Pool::busy(&[A]);
    assert_eq!(pool.submit(1, A), [send(0, 1)], "it came first");
    assert_eq!(pool.submit(2, B), []);
    assert_eq!(pool.submit(3, A), [], "else the worker would never be idle");
    assert_eq!(pool.run(0, 0), []);
    assert_eq!(pool.run(0, 1), replaced(0));
    assert_eq!(class_started(&pool.exited(0)), [B]);
    assert_eq!(pool.ready(1), [send(1, 2)]);
    assert_eq!(pool.submit(4, B), [], "now it is the turn of the other one");
    assert_eq!(pool.run(1, 2), replaced(1));
    assert_eq!(class_started(&pool.exited(1)), [A]);
}

#[test]
fn classes_that_have_a_worker_each_do_not_drive_out_each_other_s() {
    let mut pool = Pool::busy(&[A, B]);
    for n in (10..50).step_by(2) {
        assert_eq!((pool.submit(n, B), pool.submit(n + 1, A)), (vec![send(1, n)], vec![send(0, n + 1)]));
    }
    assert_eq!(pool.run(0, 0), []);
    assert_eq!(pool.run(1, 1), []);
    for n in (10..30).step_by(2) {
        assert_eq!(pool.run(0, n + 1), []);
    }
}

#[test]
fn a_worker_for_whose_class_nothing_waits_makes_way_for_one_that_has_more_to_do() {
    let mut pool = Pool::busy(&[A, B, C]);
    for task in 10..14 {
        pool.submit(task, A);
    }
    assert_eq!(pool.run(1, 1), replaced(1), "half of what was sent ahead waits for it");
    assert_eq!(class_started(&pool.exited(1)), [A]);
    assert_eq!(pool.submit(20, C), [], "another one comes, and nothing is sent ahead meanwhile");
    assert_eq!(pool.run(2, 2), [send(2, 20)], "it has something to do");
}

#[test]
fn no_more_workers_make_way_than_there_are_tasks_for() {
    let mut pool = Pool::busy(&[A, A, A]);
    (0..3).for_each(|n| assert_eq!(pool.run(n, n), []));
    assert_eq!(pool.submit(10, B), replaced(0));
    assert_eq!(pool.event(Event::Tick), [], "one place comes, and one is enough");
    assert_eq!(pool.submit(11, A), [send(1, 11)]);
    assert_eq!(pool.submit(12, B), replaced(2), "the second one");
    assert_eq!(class_started(&pool.exited(0)), [B]);
    assert_eq!(class_started(&pool.exited(2)), [B]);
}

#[test]
fn a_more_urgent_task_gets_the_worker_of_a_less_urgent_class_though_its_own_has_one() {
    let mut pool = Pool::busy(&[A, B]);
    pool.submit_with(10, A, 0);
    pool.submit_with(11, B, 5);
    assert_eq!(pool.run(0, 0), replaced(0), "what waits for it is less urgent");
    assert_eq!(class_started(&pool.exited(0)), [B]);
    let mut pool = Pool::busy(&[A, B]);
    pool.submit_with(10, A, 0);
    pool.submit_with(11, B, 0);
    assert_eq!(pool.run(0, 0), [], "as urgent: it goes on with its own");
}

#[test]
fn free_places_go_first_to_classes_that_have_no_worker() {
    let mut pool = Pool::busy(&[A]);
    for (task, class) in [(1, A), (2, A), (3, A), (4, B), (5, C)] {
        pool.submit(task, class);
    }
    let resized = pool.event(Event::Resized { max_workers: 4 });
    assert_eq!(class_started(&resized), [B, C, A]);
}

#[test]
fn a_surplus_worker_is_no_reason_to_have_another_one_make_way() {
    let mut pool = Pool::busy(&[A, A]);
    assert_eq!(pool.run(0, 0), []);
    let resized = pool.event(Event::Resized { max_workers: 1 });
    assert_eq!(resized, [Action::Stop { worker: WorkerId(0) }]);
    assert_eq!(pool.submit(10, B), []);
    assert_eq!(pool.exited(0), []);
    assert_eq!(pool.run(1, 1), replaced(1));
    assert_eq!(class_started(&pool.exited(1)), [B]);
}
