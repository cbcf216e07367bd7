//! Who comes first, who is run again, and who is stopped, against the state machine.

use super::action::{Action, End, KillReason};
use super::begun::Begun;
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::time::Instant;

struct Pool {
    state: State,
    begun: Begun,
    now: Instant,
}

impl Pool {
    /// Workers that are all up, each with a first task that runs: worker 0 with task 0, and so on.
    fn busy(workers: u64, containment: Containment, retries: u32) -> Self {
        let max_workers = workers as usize;
        let recycling = Recycling::default();
        let options = StateOptions {
            max_workers,
            idle_timeout: None,
            containment,
            recycling,
            interruption: Interruption::Kill,
            quarantine: QuarantineOptions::default(),
        };
        let mut pool = Self { state: State::new(options), begun: Begun::default(), now: Instant::now() };
        (0..workers).for_each(|n| _ = pool.event(Event::Submitted { turn: Turn::new(TaskId(n), 0, retries) }));
        for n in 0..workers {
            assert_eq!(pool.event(Event::WorkerReady { worker: WorkerId(n) }), [send(n, n)]);
            pool.begin(n);
        }
        pool
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        actions
    }

    fn submit(&mut self, task: u64, priority: i32) -> Vec<Action> {
        self.event(Event::Submitted { turn: Turn::new(TaskId(task), priority, 0) })
    }

    fn begin(&mut self, task: u64) {
        self.begun.0.insert(TaskId(task));
    }

    fn done(&mut self, worker: u64, task: u64) -> Vec<Action> {
        let event = Event::TaskDone { worker: WorkerId(worker), task: TaskId(task), trapped: false };
        self.event(event).into_iter().filter(|action| !matches!(action, Action::Finish { .. })).collect()
    }
}

fn start(worker: u64) -> Action {
    Action::Start { worker: WorkerId(worker), index: 0, class: ClassId(0) }
}

fn send(worker: u64, task: u64) -> Action {
    Action::Send { worker: WorkerId(worker), task: TaskId(task) }
}

#[test]
fn an_urgent_task_goes_before_all_that_was_only_sent_ahead() {
    let mut pool = Pool::busy(1, Containment::Task, 0);
    (1..=3).for_each(|task| assert_eq!(pool.submit(task, 0), [send(0, task)]));
    assert_eq!(pool.submit(4, 1), [send(0, 4)], "the others were taken back and wait");
    assert_eq!(pool.submit(5, 7), [send(0, 5)], "4 was taken back for what is more urgent still");
    assert_eq!(pool.done(0, 0), [send(0, 4)], "5 is next in the worker, and 4 is the most urgent that waits");
    pool.begin(5);
    pool.begin(4);
    assert_eq!(pool.done(0, 5), [send(0, 1), send(0, 2), send(0, 3)]);
}

#[test]
fn an_urgent_task_that_comes_when_another_one_has_begun_unseen_is_not_sent_behind_what_was_sent_ahead() {
    let mut pool = Pool::busy(1, Containment::Task, 0);
    (1..=2).for_each(|task| assert_eq!(pool.submit(task, 0), [send(0, task)]));
    pool.begin(1);
    assert_eq!(pool.submit(3, 1), [], "task 1 cannot be taken back, task 2 was");
    assert_eq!(pool.done(0, 0), [send(0, 3)]);
}

#[test]
fn an_urgent_task_does_not_wait_behind_a_long_one_when_another_worker_is_free() {
    let mut pool = Pool::busy(2, Containment::Task, 0);
    assert_eq!(pool.submit(2, 5), [send(0, 2)]);
    assert_eq!(pool.submit(3, 0), [], "it would begin in worker 1 before the urgent one");
    assert_eq!(pool.done(1, 1), [send(1, 2), send(0, 3)], "taken from worker 0; then the other one is sent ahead");
}

#[test]
fn tasks_of_one_priority_are_sent_ahead_in_the_order_of_their_submission() {
    let mut pool = Pool::busy(1, Containment::Task, 0);
    assert_eq!(pool.submit(1, 3), [send(0, 1)]);
    assert_eq!(pool.submit(2, 0), []);
    assert_eq!(pool.submit(3, 3), [send(0, 3)]);
    assert_eq!(pool.submit(4, -1), []);
    for (done, next) in [(0, vec![]), (1, vec![send(0, 2)])] {
        assert_eq!(pool.done(0, done), next);
        pool.begin(done + 1);
    }
    assert_eq!(pool.state.waiting(), 1);
}

fn exited(worker: u64) -> Event {
    Event::WorkerExited { worker: WorkerId(worker) }
}

#[test]
fn a_task_with_retries_is_run_again_after_the_loss_of_its_worker_and_not_more_often_than_it_allows() {
    let mut pool = Pool::busy(1, Containment::Task, 2);
    let task = TaskId(0);
    for lost in 0..2 {
        let worker = WorkerId(lost);
        let again = [Action::Retry { worker, task }, start(lost + 1)];
        assert_eq!(pool.event(exited(lost)), again);
        assert_eq!(pool.event(Event::WorkerReady { worker: WorkerId(lost + 1) }), [send(lost + 1, 0)]);
    }
    assert_eq!(pool.event(exited(2)), [Action::Finish { task, end: End::Lost { worker: WorkerId(2) } }]);
}

#[test]
fn a_task_without_retries_is_not_run_again() {
    let mut pool = Pool::busy(1, Containment::Task, 0);
    assert_eq!(pool.event(exited(0)), [Action::Finish { task: TaskId(0), end: End::Lost { worker: WorkerId(0) } }]);
}

#[test]
fn nothing_is_run_again_where_a_loss_breaks_the_pool_or_pending_tasks_are_cancelled() {
    let lost = Action::Finish { task: TaskId(0), end: End::Lost { worker: WorkerId(0) } };
    let mut pool = Pool::busy(1, Containment::Pool, 9);
    // First: whoever sees the end of the task finds the pool broken.
    let breaks = Action::Break { worker: WorkerId(0), culprit: Some(TaskId(0)) };
    assert_eq!(pool.event(exited(0)), [breaks, lost]);
    let mut pool = Pool::busy(1, Containment::Task, 9);
    assert_eq!(pool.event(Event::Shutdown { mode: ShutdownMode::CancelPending }), []);
    assert_eq!(pool.event(exited(0)), [lost, Action::Terminate]);
}

#[test]
fn a_task_that_waits_for_another_try_can_be_cancelled_and_survives_a_patient_shutdown() {
    let task = TaskId(0);
    let mut pool = Pool::busy(1, Containment::Task, 9);
    assert_eq!(pool.event(exited(0))[0], Action::Retry { worker: WorkerId(0), task });
    let cancelled = Action::Finish { task, end: End::Cancelled };
    assert_eq!(pool.event(Event::Cancel { task, even_running: false })[0], cancelled);
    let mut pool = Pool::busy(1, Containment::Task, 9);
    assert_eq!(pool.event(Event::Shutdown { mode: ShutdownMode::Finish }), []);
    let again = [Action::Retry { worker: WorkerId(0), task }, start(1)];
    assert_eq!(pool.event(exited(0)), again);
}

#[test]
fn a_task_that_ended_in_a_worker_that_lived_is_not_run_again() {
    // Whatever its worker said of it: an error, a panic or a trap would come out the same.
    let mut pool = Pool::busy(1, Containment::Task, 9);
    let done = Event::TaskDone { worker: WorkerId(0), task: TaskId(0), trapped: true };
    assert_eq!(pool.event(done), [Action::Finish { task: TaskId(0), end: End::Told }]);
}

// behaviour: B29
#[test]
fn a_task_that_runs_is_stopped_though_the_answer_of_the_one_before_was_not_read_yet() {
    let cancelled = |task| Action::Finish { task: TaskId(task), end: End::Cancelled };
    let stop = Action::Kill { worker: WorkerId(0), reason: KillReason::Cancelled };
    for (task, actions) in [(1, vec![cancelled(1), stop]), (0, vec![cancelled(0)])] {
        let mut pool = Pool::busy(1, Containment::Task, 0);
        assert_eq!(pool.submit(1, 0), [send(0, 1)]);
        // So task 0 is over.
        pool.begin(1);
        assert_eq!(pool.event(Event::Cancel { task: TaskId(task), even_running: true }), actions);
    }
}
