//! Workers that have served long enough, against the state machine: each shape of the races that concurrent.futures had.

use super::action::{Action, Retirement};
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{Claims, State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::limits::{MEMORY_LOOK_INTERVAL, MEMORY_SECOND_LOOK_DELAY};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::time::{Duration, Instant};

/// Tasks begin one after another in each worker: those before this one have.
struct BegunBelow(u64);

impl Claims for BegunBelow {
    fn reclaim(&mut self, _: WorkerId, task: TaskId) -> bool {
        task.0 >= self.0
    }

    fn has_begun(&mut self, _: WorkerId, task: TaskId) -> bool {
        task.0 < self.0
    }
}

struct Pool {
    state: State,
    begun: BegunBelow,
    now: Instant,
}

impl Pool {
    /// With these many tasks submitted.
    fn new(max_workers: usize, recycling: Recycling, tasks: u64) -> (Self, Vec<Action>) {
        let options = StateOptions {
            max_workers,
            idle_timeout: None,
            containment: Containment::Task,
            recycling,
            interruption: Interruption::Kill,
            quarantine: QuarantineOptions::default(),
        };
        let mut pool = Self { state: State::new(options), begun: BegunBelow(0), now: Instant::now() };
        let submitted = (0..tasks).flat_map(|n| pool.event(Event::Submitted { turn: Turn::new(TaskId(n), 0, 0) }));
        let actions = submitted.collect();
        (pool, actions)
    }

    /// A pool of one worker that is up.
    fn of_one(recycling: Recycling, tasks: u64) -> Self {
        let (mut pool, _) = Self::new(1, recycling, tasks);
        pool.ready(0);
        pool
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        actions.retain(|action| !matches!(action, Action::Finish { .. }));
        actions
    }

    fn ready(&mut self, worker: u64) -> Vec<Action> {
        self.event(Event::WorkerReady { worker: WorkerId(worker) })
    }

    /// A task begins and ends.
    fn run(&mut self, worker: u64, task: u64) -> Vec<Action> {
        self.begun.0 = self.begun.0.max(task + 1);
        self.event(Event::TaskDone { worker: WorkerId(worker), task: TaskId(task), trapped: false })
    }

    fn exited(&mut self, worker: u64) -> Vec<Action> {
        self.event(Event::WorkerExited { worker: WorkerId(worker) })
    }

    fn seen(&mut self, resident_bytes: u64) -> Vec<Action> {
        self.event(Event::WorkerMeasured { worker: WorkerId(0), resident_bytes })
    }
}

fn tasks(max_tasks: u64) -> Recycling {
    Recycling { max_tasks: Some(max_tasks), ..Recycling::default() }
}

fn send(worker: u64, task: u64) -> Action {
    Action::Send { worker: WorkerId(worker), task: TaskId(task) }
}

fn start(worker: u64, index: u32) -> Action {
    Action::Start { worker: WorkerId(worker), index, class: ClassId(0) }
}

fn retired(worker: u64, why: Retirement) -> [Action; 2] {
    [Action::Retire { worker: WorkerId(worker), why }, Action::Stop { worker: WorkerId(worker) }]
}

/// As many tasks as one may run.
fn spent(worker: u64, ended: u64) -> [Action; 2] {
    retired(worker, Retirement::Tasks { ended })
}

// behaviour: B42
// The shape of cpython#115634: more tasks than workers × bound, and the bound is more than one.
#[test]
fn the_last_worker_retires_with_a_backlog_and_another_goes_on_with_it() {
    let (mut pool, started) = Pool::new(1, tasks(2), 5);
    assert_eq!(started, [start(0, 0)]);
    for (worker, first) in [(0, 0), (1, 2)] {
        assert_eq!(pool.ready(worker), [send(worker, first), send(worker, first + 1)], "no more than may begin in it");
        assert_eq!(pool.run(worker, first), []);
        assert_eq!(pool.run(worker, first + 1), spent(worker, 2));
        assert_eq!(pool.exited(worker), [start(worker + 1, 0)]);
    }
    assert_eq!(pool.ready(2), [send(2, 4)]);
    assert_eq!(pool.run(2, 4), [], "it has one left, and stays");
}

// behaviour: B42
// The shapes of cpython#119592, #132969 and #152967: shut down with or without a wait, or let go.
#[test]
fn a_worker_that_retires_while_the_pool_shuts_down_is_replaced_until_the_backlog_is_done() {
    let (mut pool, _) = Pool::new(1, tasks(1), 3);
    assert_eq!(pool.ready(0), [send(0, 0)]);
    assert_eq!(pool.event(Event::Shutdown { mode: ShutdownMode::Finish }), []);
    for n in 0..2 {
        assert_eq!(pool.run(n, n), spent(n, 1));
        assert_eq!(pool.exited(n), [start(n + 1, 0)]);
        assert_eq!(pool.ready(n + 1), [send(n + 1, n + 1)]);
    }
    assert_eq!(pool.run(2, 2), spent(2, 1));
    assert_eq!(pool.exited(2), [Action::Terminate]);
}

// behaviour: B42
// Cpython#152978: no worker that starts now would be stopped by anybody.
#[test]
fn nothing_is_started_for_a_retired_worker_once_the_rest_is_cancelled() {
    for mode in [ShutdownMode::CancelPending, ShutdownMode::Kill] {
        let (mut pool, _) = Pool::new(1, tasks(1), 3);
        pool.ready(0);
        assert_eq!(pool.run(0, 0), spent(0, 1));
        pool.event(Event::Shutdown { mode });
        assert_eq!(pool.exited(0), [Action::Terminate], "{mode:?}");
    }
}

// behaviour: B42
#[test]
fn all_workers_retire_at_once_and_as_many_take_their_places() {
    let (mut pool, _) = Pool::new(3, tasks(1), 9);
    (0..3).for_each(|n| assert_eq!(pool.ready(n), [send(n, n)], "nothing is sent ahead"));
    (0..3).for_each(|n| assert_eq!(pool.run(n, n), spent(n, 1)));
    for (n, index) in [(0, 0), (1, 1), (2, 2)] {
        assert_eq!(pool.exited(n), [start(n + 3, index)], "never more than three");
    }
}

// behaviour: B42
#[test]
fn a_worker_that_retires_while_the_pool_shrinks_leaves_first_and_is_not_wanted_back_when_it_grows() {
    let age = Recycling { max_age: Some(Duration::from_secs(1)), ..Recycling::default() };
    let (mut pool, _) = Pool::new(2, age, 9);
    (0..2).for_each(|n| _ = pool.ready(n));
    assert_eq!(pool.run(0, 0), [], "it has others that were sent ahead");
    pool.begun.0 = 3;
    pool.now += Duration::from_secs(1);
    // Worker 0 runs task 2, and has served; worker 1 has not ended anything yet.
    let retires = pool.event(Event::Tick);
    assert_eq!(
        retires[0],
        Action::Retire { worker: WorkerId(0), why: Retirement::Age { age: Duration::from_secs(1) } }
    );
    assert!(!retires.contains(&Action::Stop { worker: WorkerId(0) }), "it finishes what it has begun");
    pool.event(Event::Resized { max_workers: 1 });
    pool.event(Event::Resized { max_workers: 2 });
    assert_eq!(pool.run(0, 2), [Action::Stop { worker: WorkerId(0) }]);
    assert_eq!(pool.exited(0), [start(2, 0)]);
}

// behaviour: B42
#[test]
fn a_task_that_is_taken_back_or_cancelled_does_not_count() {
    let mut pool = Pool::of_one(tasks(2), 3);
    // Tasks 0 and 1 are with the worker; 1 is cancelled before it begins.
    pool.begun.0 = 1;
    let cancel = Event::Cancel { task: TaskId(1), even_running: false };
    assert_eq!(pool.event(cancel), [send(0, 2)], "2 takes its place");
    assert_eq!(pool.run(0, 0), []);
    assert_eq!(pool.run(0, 2), spent(0, 2));
}

// behaviour: B42
#[test]
fn a_worker_of_any_age_ends_one_task_at_least() {
    let age = Recycling { max_age: Some(Duration::from_nanos(1)), ..Recycling::default() };
    let mut pool = Pool::of_one(age, 2);
    pool.now += Duration::from_secs(1);
    assert_eq!(pool.event(Event::Tick), []);
    assert_eq!(pool.state.next_deadline(), None, "nothing to wait for: it is not woken again and again");
    assert_eq!(pool.run(0, 0), retired(0, Retirement::Age { age: Duration::from_secs(1) }));
    assert_eq!(pool.exited(0), [start(1, 0)]);
}

// behaviour: B42
#[test]
fn an_idle_worker_that_becomes_too_old_leaves_and_none_is_started_before_it_is_needed() {
    let age = Recycling { max_age: Some(Duration::from_secs(60)), ..Recycling::default() };
    let mut pool = Pool::of_one(age, 1);
    assert_eq!(pool.run(0, 0), []);
    let deadline = pool.state.next_deadline().expect("its age is waited for");
    assert_eq!(deadline - pool.now, Duration::from_secs(60));
    pool.now = deadline;
    assert_eq!(pool.event(Event::Tick), retired(0, Retirement::Age { age: Duration::from_secs(60) }));
    assert_eq!(pool.exited(0), []);
}

const LOOK: Action = Action::Measure { worker: WorkerId(0) };

fn growth() -> Recycling {
    Recycling { max_growth_bytes: Some(100), ..Recycling::default() }
}

// behaviour: B42
#[test]
fn a_worker_that_has_grown_is_looked_at_twice_with_nothing_to_run_and_retires() {
    let mut pool = Pool::of_one(growth(), 9);
    pool.begun.0 = 2;
    assert_eq!(pool.run(0, 0), [], "it runs another one: what was sent ahead of that was taken back");
    assert_eq!(pool.run(0, 1), [LOOK]);
    let again = pool.seen(1000);
    assert_eq!(again.len(), 7, "the first look only counts for the next: {again:?}");
    assert_eq!(pool.run(0, 2), [], "no second look within a second");
    pool.now += MEMORY_LOOK_INTERVAL;
    assert_eq!(pool.run(0, 3), [LOOK]);
    assert_eq!(pool.seen(1101), [], "it waits, and nothing is sent");
    let deadline = pool.state.next_deadline().expect("the look that counts is waited for");
    assert_eq!(deadline - pool.now, MEMORY_SECOND_LOOK_DELAY);
    pool.now = deadline;
    assert_eq!(pool.event(Event::Tick), [LOOK]);
    let why = Retirement::Growth { least_bytes: 1000, resident_bytes: 1101 };
    assert_eq!(pool.seen(1101), retired(0, why));
    assert_eq!(pool.exited(0), [start(1, 0)]);
}

// behaviour: B42
#[test]
fn a_worker_that_gives_back_what_its_last_task_held_goes_on() {
    let mut pool = Pool::of_one(growth(), 3);
    assert_eq!(pool.run(0, 0), [LOOK]);
    // Its first task was not given back by then: the least counts.
    pool.seen(5000);
    pool.now += MEMORY_LOOK_INTERVAL;
    assert_eq!(pool.run(0, 1), [LOOK]);
    pool.seen(1000);
    pool.now += MEMORY_LOOK_INTERVAL;
    assert_eq!(pool.run(0, 2), [LOOK]);
    assert_eq!(pool.seen(4000), []);
    pool.now += MEMORY_SECOND_LOOK_DELAY;
    assert_eq!(pool.event(Event::Tick), [LOOK]);
    assert_eq!(pool.seen(1100), []);
    assert_eq!(pool.event(Event::Submitted { turn: Turn::new(TaskId(3), 0, 0) }), [send(0, 3)]);
}

// behaviour: B42
#[test]
fn a_worker_that_is_looked_at_can_die_or_be_shut_down() {
    let mut pool = Pool::of_one(growth(), 2);
    assert_eq!(pool.run(0, 0), [LOOK]);
    assert_eq!(pool.exited(0), [start(1, 0)]);
    assert_eq!(pool.seen(1000), [], "it is gone");
    let mut pool = Pool::of_one(growth(), 1);
    assert_eq!(pool.run(0, 0), [LOOK]);
    assert_eq!(pool.event(Event::Shutdown { mode: ShutdownMode::Finish }), [Action::Stop { worker: WorkerId(0) }]);
    assert_eq!(pool.seen(1000), []);
    assert_eq!(pool.exited(0), [Action::Terminate]);
}
