//! Workers that do not come up, or not in peace, against the state machine: no test can wait for their real limits.

use super::action::{Action, End, KillReason};
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::state::{Claims, State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::limits::{CRASH_LOOP_STARTS, HANDSHAKE_TIMEOUT, HANG_UP_GRACE, STOP_GRACE};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::time::Instant;

/// Every task that was sent has begun, or none has.
struct AllBegun(bool);

impl Claims for AllBegun {
    fn reclaim(&mut self, _: WorkerId, _: TaskId) -> bool {
        !self.0
    }

    fn has_begun(&mut self, _: WorkerId, _: TaskId) -> bool {
        self.0
    }
}

/// A pool of one worker, with one task.
struct Pool {
    state: State,
    now: Instant,
    begun: AllBegun,
}

impl Pool {
    fn new(begun: bool) -> Self {
        let recycling = Recycling::default();
        let options = StateOptions {
            max_workers: 1,
            idle_timeout: None,
            containment: Containment::Task,
            recycling,
            interruption: Interruption::Kill,
            quarantine: QuarantineOptions::default(),
        };
        Self { state: State::new(options), now: Instant::now(), begun: AllBegun(begun) }
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        actions
    }

    /// Waits for the next deadline; gives how long that was in milliseconds, and what was done.
    fn tick(&mut self) -> (u128, Vec<Action>) {
        let deadline = self.state.next_deadline().expect("something is waited for");
        let waited = deadline.saturating_duration_since(self.now).as_millis();
        self.now = self.now.max(deadline);
        (waited, self.event(Event::Tick))
    }
}

const TASK: TaskId = TaskId(0);

fn start(number: u64) -> Action {
    Action::Start { worker: WorkerId(number), index: 0, class: ClassId(0) }
}

// behaviour: B38
// limit: HANDSHAKE_TIMEOUT
#[test]
fn workers_that_never_say_they_are_ready_are_killed_in_time_and_break_the_pool_in_the_end() {
    let mut pool = Pool::new(false);
    let mut actions = pool.event(Event::Submitted { turn: Turn::new(TASK, 0, 0) });
    for number in 0..u64::from(CRASH_LOOP_STARTS) {
        let worker = WorkerId(number);
        assert_eq!(actions, [start(number)]);
        let killed = vec![Action::Kill { worker, reason: KillReason::TimedOut }];
        assert_eq!(pool.tick(), (HANDSHAKE_TIMEOUT.as_millis(), killed));
        actions = pool.event(Event::WorkerExited { worker });
        if number + 1 < u64::from(CRASH_LOOP_STARTS) {
            assert_eq!(actions, [], "a moment passes before the next one is tried");
            actions = pool.tick().1;
        }
    }
    let worker = WorkerId(u64::from(CRASH_LOOP_STARTS) - 1);
    let broken = [Action::Break { worker, culprit: None }, Action::Finish { task: TASK, end: End::Broken }];
    assert_eq!(actions, broken);
}

// behaviour: B38
// limit: CRASH_LOOP_STARTS
#[test]
fn workers_that_lie_before_they_have_served_break_the_pool_in_the_end() {
    for is_up in [false, true] {
        let mut pool = Pool::new(false);
        let mut actions = pool.event(Event::Submitted { turn: Turn::new(TASK, 0, 0) });
        for number in 0..u64::from(CRASH_LOOP_STARTS) {
            let worker = WorkerId(number);
            assert_eq!(actions, [start(number)]);
            if is_up {
                assert_eq!(pool.event(Event::WorkerReady { worker }), [Action::Send { worker, task: TASK }]);
            }
            let killed = Action::Kill { worker, reason: KillReason::Lied };
            assert_eq!(pool.event(Event::WorkerLied { worker })[0], killed);
            actions = pool.event(Event::WorkerExited { worker });
            if number + 1 < u64::from(CRASH_LOOP_STARTS) {
                actions = pool.tick().1;
            }
        }
        assert!(actions.contains(&Action::Finish { task: TASK, end: End::Broken }), "{actions:?}");
    }
}

// limit: STOP_GRACE
#[test]
fn worker_that_does_not_stop_when_it_is_asked_to_is_killed() {
    let mut pool = Pool::new(true);
    let worker = WorkerId(0);
    pool.event(Event::Submitted { turn: Turn::new(TASK, 0, 0) });
    pool.event(Event::WorkerReady { worker });
    pool.event(Event::TaskDone { worker, task: TASK, trapped: false });
    assert_eq!(pool.event(Event::Shutdown { mode: ShutdownMode::Finish }), [Action::Stop { worker }]);
    let killed = vec![Action::Kill { worker, reason: KillReason::TimedOut }];
    assert_eq!(pool.tick(), (STOP_GRACE.as_millis(), killed));
}

// limit: HANG_UP_GRACE
#[test]
fn worker_that_closes_its_channel_gets_a_moment_to_end_by_itself() {
    let mut pool = Pool::new(true);
    let worker = WorkerId(0);
    assert_eq!(pool.event(Event::Submitted { turn: Turn::new(TASK, 0, 0) }), [start(0)]);
    assert_eq!(pool.event(Event::WorkerReady { worker }), [Action::Send { worker, task: TASK }]);
    assert_eq!(pool.event(Event::WorkerHungUp { worker }), []);
    let killed = vec![Action::Kill { worker, reason: KillReason::HungUp }];
    assert_eq!(pool.tick(), (HANG_UP_GRACE.as_millis(), killed));
    assert_eq!(pool.event(Event::WorkerExited { worker }), [Action::Finish { task: TASK, end: End::Lost { worker } }]);
}

// behaviour: B50, B38
#[test]
fn one_blow_that_hits_many_workers_counts_once() {
    let mut pool = Pool::new(false);
    let mut actions = pool.event(Event::Resized { max_workers: 8 });
    for task in 0..8 {
        actions.extend(pool.event(Event::Submitted { turn: Turn::new(TaskId(task), 0, 0) }));
    }
    let mut blows = 0;
    while !actions.iter().any(|action| matches!(action, Action::Break { .. })) {
        if blows > 0 {
            actions.extend(pool.tick().1);
        }
        // A fork server dies, and takes all of its workers along: some were up and had done nothing, some were not.
        let started = actions.drain(..).filter_map(|action| match action {
            Action::Start { worker, .. } => Some(worker),
            _ => None,
        });
        let hit: Vec<WorkerId> = started.collect();
        assert_eq!(hit.len(), 8, "after {blows} blows");
        for (number, worker) in hit.into_iter().enumerate() {
            if number % 2 == 0 {
                // What it had said before its end is handled before its end.
                actions.extend(pool.event(Event::WorkerReady { worker }));
            }
            pool.now += std::time::Duration::from_millis(7);
            actions.extend(pool.event(Event::WorkerExited { worker }));
        }
        blows += 1;
    }
    assert_eq!(blows, CRASH_LOOP_STARTS);
}

// behaviour: B50, B37
#[test]
fn native_initializer_that_fails_breaks_the_pool_at_once() {
    let mut pool = Pool::new(false);
    let worker = WorkerId(0);
    assert_eq!(pool.event(Event::Submitted { turn: Turn::new(TASK, 0, 0) }), [start(0)]);
    let broken = [
        Action::Break { worker, culprit: None },
        Action::Finish { task: TASK, end: End::Broken },
        Action::Kill { worker, reason: KillReason::Broken },
    ];
    assert_eq!(pool.event(Event::InitializerFailed { worker }), broken);
    assert_eq!(pool.event(Event::WorkerExited { worker }), [], "no other is started");
}
