//! What tasks share with each other and with their caller: real workers, real guests, real deaths.

use crate::patience::{PATIENCE, end_of, error_of, only_worker, until};
use crate::support::{executor, house};
use guest_basic::shared;
use isopool::sync::{
    Lock, Permit, QueueOptions, SyncError, bounded_semaphore, condition, event, lock, queue, queue_with, rlock,
    semaphore, simple_queue,
};
use isopool::{Bytes, Codec, Executor, IntoTask, Side, TaskError, TaskFuture};
use std::fs;
use std::time::{Duration, Instant};

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(PATIENCE);

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

// behaviour: B51
#[test]
fn tasks_of_several_workers_that_count_under_a_lock_lose_nothing() {
    let _house = house();
    let executor = executor(3);
    let (lock, number) = (lock().expect("made"), queue::<u64>(1).expect("made"));
    number.put(&0, None).expect("room");
    let counting: Vec<_> =
        (0..6).map(|_| submit(&executor, shared::count::task(lock.clone(), number.clone(), 200))).collect();
    // The caller counts along.
    shared::count(lock, number.clone(), 200).expect("an ordinary function, with the same objects");
    counting.iter().for_each(|task| end_of(task).expect("it counts"));
    assert_eq!(number.get(NOW), Ok(7 * 200));
}

// behaviour: B44, B51
#[test]
fn a_nested_task_has_no_use_of_its_parent_s_objects_and_takes_nothing_from_it() {
    let _house = house();
    for workers in [1, 2] {
        let executor = executor(workers);
        let lock = lock().expect("made");
        let told = end_of(&submit(&executor, shared::pass_on::task(lock.clone()))).expect("the parent keeps its lock");
        assert!(told.contains(&SyncError::NotShared.to_string()), "{told}");
        assert!(!lock.acquire(NOW).expect("it is free").was_abandoned());
    }
}

/// A task that holds the lock in its worker, until the task ends.
fn holding(executor: &Executor, lock: &Lock) -> TaskFuture<()> {
    let (held, never) = (event().expect("made"), event().expect("made"));
    let task = submit(executor, shared::hold::task(lock.clone(), held.clone(), never));
    assert_eq!(held.wait(LONG), Ok(true));
    assert_eq!(lock.acquire(NOW).map(drop), Err(SyncError::TimedOut));
    task
}

// behaviour: B51
#[test]
fn a_task_killed_while_it_holds_a_lock_leaves_it_to_the_next_who_is_told() {
    let _house = house();
    let executor = executor(2);
    let lock = lock().expect("made");
    let task = holding(&executor, &lock);
    assert!(task.cancel());
    assert!(lock.acquire(LONG).expect("its holder is gone").was_abandoned());
    assert!(!lock.acquire(LONG).expect("free").was_abandoned(), "one is told");

    // The next is a task in another worker, which waits already when the holder is killed.
    let task = holding(&executor, &lock);
    let waits = submit(&executor, shared::was_abandoned::task(lock.clone(), None));
    until("it runs", || waits.running());
    assert!(task.cancel());
    assert!(end_of(&waits).expect("it gets the lock"));
}

// behaviour: B51
#[test]
fn a_lock_is_free_as_soon_as_its_crashed_holder_is_told_to_have_died() {
    let _house = house();
    let executor = executor(1);
    let lock = lock().expect("made");
    let task = holding(&executor, &lock);
    crate::patience::kill(only_worker(&executor).pid);
    assert!(error_of(&task).broken_process_pool().is_some());
    assert!(lock.acquire(NOW).expect("nobody waits for anything by then").was_abandoned());
}

// behaviour: B51
#[test]
fn what_a_task_still_holds_when_it_ends_is_given_back_and_its_worker_stays() {
    let _house = house();
    let executor = executor(1);
    let (lock, rlock) = (lock().expect("made"), rlock().expect("made"));
    let semaphore = bounded_semaphore(1).expect("made");
    for traps in [false, true, false] {
        let task = submit(&executor, shared::keep::task(lock.clone(), rlock.clone(), semaphore.clone(), traps));
        assert_eq!(end_of(&task).is_err(), traps);
        assert!(lock.acquire(NOW).expect("given back").was_abandoned());
        assert!(rlock.acquire(NOW).expect("given back").was_abandoned());
        semaphore.acquire(NOW).map(drop).expect("given back");
    }
    assert_eq!(executor.stats().workers_started, 1);
}

// behaviour: B51
#[test]
fn an_object_that_was_not_passed_is_refused() {
    let _house = house();
    let executor = executor(1);
    let lock = lock().expect("made");
    let name = Bytes::from(Codec::Bincode.encode(&lock).expect("two numbers"));
    let refused = "the object is not here: a task can use the objects that are among its arguments, and no others";
    let by_name = |executor| end_of(&submit(executor, shared::use_by_name::task(name.clone()))).expect("it answers");
    assert_eq!(by_name(&executor), Err(refused.to_owned()));
    // Its worker has the object by now, for a task that was passed it; that is not this task's.
    assert_eq!(end_of(&submit(&executor, shared::was_abandoned::task(lock.clone(), None))), Ok(false));
    assert_eq!(by_name(&executor), Err(refused.to_owned()));
    assert_eq!(executor.stats().workers_started, 1);
}

// behaviour: B51
#[test]
fn a_queue_between_the_caller_and_tasks_holds_back_whoever_is_too_fast() {
    let _house = house();
    let executor = executor(2);
    let (calls, echoes) = (queue::<String>(3).expect("made"), simple_queue().expect("made"));
    // Nobody takes: the queue holds three, and the caller is held back.
    (0..3).for_each(|number| calls.put(&format!("call {number}"), NOW).expect("room"));
    assert_eq!(calls.put(&"call 3".into(), Some(Duration::from_millis(20))), Err(SyncError::Full));
    let shouting: Vec<_> =
        (0..2).map(|_| submit(&executor, shared::shout::task(calls.clone(), echoes.clone()))).collect();
    (3..500).for_each(|number| calls.put(&format!("call {number}"), LONG).expect("room comes"));
    (0..2).for_each(|_| calls.put(&String::new(), LONG).expect("room comes"));
    let shouted: u32 = shouting.iter().map(|task| end_of(task).expect("it shouts")).sum();
    assert_eq!(shouted, 500);
    let mut heard: Vec<String> = (0..500).map(|_| echoes.get(NOW).expect("all of them")).collect();
    heard.sort();
    let mut expected: Vec<String> = (0..500).map(|number| format!("CALL {number}")).collect();
    expected.sort();
    assert_eq!(heard, expected);
    assert_eq!(echoes.is_empty(), Ok(true));
}

// behaviour: B51
#[test]
fn a_task_that_waits_ends_by_its_timeout_by_the_event_and_by_being_cancelled() {
    let _house = house();
    let executor = executor(1);
    let event = event().expect("made");
    let begun = Instant::now();
    assert_eq!(end_of(&submit(&executor, shared::wait_for_event::task(event.clone(), Some(50)))), Ok(false));
    assert!(begun.elapsed() >= Duration::from_millis(50));
    let waits = submit(&executor, shared::wait_for_event::task(event.clone(), None));
    until("it runs", || waits.running());
    assert!(waits.cancel());
    assert!(matches!(error_of(&waits), TaskError::Cancelled { .. }));
    let waits = submit(&executor, shared::wait_for_event::task(event.clone(), None));
    until("it runs", || waits.running());
    event.set().expect("here");
    assert_eq!(end_of(&waits), Ok(true));
}

// behaviour: B51
#[test]
fn a_notification_reaches_exactly_one_task_of_those_that_wait() {
    let _house = house();
    let executor = executor(2);
    let (condition, waits) = (condition().expect("made"), semaphore(0).expect("made"));
    let tasks: Vec<_> = (0..2)
        .map(|_| submit(&executor, shared::wait_for_notification::task(condition.clone(), waits.clone())))
        .collect();
    (0..2).for_each(|_| waits.acquire(LONG).and_then(Permit::forget).expect("it waits"));
    let guard = condition.acquire(LONG).expect("both have given it up");
    assert_eq!(guard.notify(1), Ok(1));
    drop(guard);
    until("one is woken", || tasks.iter().any(TaskFuture::done));
    assert_eq!(tasks.iter().filter(|task| task.done()).count(), 1);
    assert_eq!(condition.acquire(LONG).and_then(|guard| guard.notify_all()), Ok(1), "the other waits still");
    assert!(tasks.iter().all(|task| end_of(task) == Ok(true)));
}

#[test]
fn every_bound_that_a_task_passes_is_told_in_the_words_that_the_caller_gets() {
    let _house = house();
    let executor = executor(1);
    let small = || queue_with(QueueOptions::default().max_items(1).max_item_bytes(50)).expect("made");
    let semaphore = || bounded_semaphore(1).expect("made");
    let there = end_of(&submit(&executor, shared::pass_bounds::task(small(), semaphore()))).expect("it answers");
    assert_eq!(there, shared::pass_bounds(small(), semaphore()).expect("it answers"));
    assert_eq!(there.len(), 5, "{there:?}");
}

// limit: MAX_TASK_OBJECTS
#[test]
fn more_objects_than_a_task_may_have_are_refused_before_anything_is_sent() {
    let _house = house();
    let executor = executor(1);
    let locks: Vec<Lock> = (0..=isopool::limits::MAX_TASK_OBJECTS).map(|_| lock().expect("made")).collect();
    let many = submit(&executor, shared::count_locks::task(locks[1..].to_vec()));
    assert_eq!(end_of(&many), Ok(256));
    let many = submit(&executor, shared::count_locks::task(locks));
    let error = error_of(&many);
    assert!(matches!(&error, TaskError::Codec { failure, .. } if failure.side == Side::Argument), "{error}");
    assert!(error.to_string().contains("257 shared objects are over the limit of 256"), "{error}");
}

// behaviour: B51
#[test]
fn a_worker_forgets_objects_that_nobody_has_any_more() {
    let _house = house();
    let executor = executor(1);
    let mapped = |executor: &Executor| {
        let maps = fs::read_to_string(format!("/proc/{}/maps", only_worker(executor).pid)).expect("it lives");
        maps.lines().filter(|line| line.contains("/memfd:isopool-object")).count()
    };
    for _ in 0..50 {
        let lock = lock().expect("made");
        assert_eq!(end_of(&submit(&executor, shared::was_abandoned::task(lock, None))), Ok(false));
        assert!(mapped(&executor) <= 2, "the last one may still be there");
    }
}
