//! Tasks that are stopped by the epoch: they end as with any other way of stopping, and their workers go on.

use crate::patience::{end_of, error_of, is_alive, only_worker, until};
use crate::support::{begin_waiting, house, logs};
use guest_basic::{crash, nested, resources, shared, value};
use isopool::sync::{event, lock};
use isopool::{Containment, Executor, ExecutorBuilder, Interruption, IntoTask, StartMethod, TaskError, TaskFuture};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(50);

fn builder() -> ExecutorBuilder {
    Executor::builder().max_workers(1).interruption(Interruption::Epoch)
}

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("submits")
}

/// What the kernel says that a process does: `S` sleeps, `R` runs.
fn state_of(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn begin_spinning(executor: &Executor) -> TaskFuture<()> {
    let future = submit(executor, crash::spin::task());
    until("it runs", || future.running());
    future
}

#[test]
fn tasks_that_compute_or_wait_are_stopped_and_their_worker_runs_the_next() {
    let _house = house();
    for start_method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        // Not a crash: even this containment goes on.
        let builder = builder().start_method(start_method).containment(Containment::Pool);
        let executor = builder.build().expect("builds");
        assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
        let worker = only_worker(&executor);
        for _ in 0..3 {
            let late = submit(&executor, crash::spin::task().into_task().time_limit(SHORT));
            let behind = submit(&executor, value::add::task(2, 2));
            assert!(matches!(error_of(&late), TaskError::TimedOut { .. }));
            assert_eq!(end_of(&behind), Ok(4));
            let late = submit(&executor, resources::sleep_ms::task(600_000).into_task().time_limit(SHORT));
            assert!(matches!(error_of(&late), TaskError::TimedOut { .. }));
            let spinning = begin_spinning(&executor);
            assert!(spinning.cancel() && error_of(&spinning).is_cancelled());
            let sleeping = begin_waiting(&executor);
            assert!(sleeping.cancel() && error_of(&sleeping).is_cancelled());
            assert_eq!(end_of(&submit(&executor, value::add::task(3, 3))), Ok(6));
        }
        assert_eq!(only_worker(&executor), worker, "{start_method}");
        assert_eq!((executor.stats().workers_started, executor.stats().workers_lost), (1, 0));
    }
}

#[test]
fn a_stop_reaches_its_own_task_only() {
    let _house = house();
    let executor = builder().max_workers(2).build().expect("builds");
    let beside = submit(&executor, resources::compute_ms::task(300));
    // Stopped as soon as they begin, so that signals come late, when others run.
    for n in 0..50 {
        let stopped = submit(&executor, crash::spin::task());
        until("it runs", || stopped.running());
        let behind = submit(&executor, value::add::task(n, 1));
        assert!(stopped.cancel());
        assert_eq!(end_of(&behind), Ok(n + 1));
    }
    assert!(end_of(&beside).is_ok());
    assert_eq!(executor.stats().workers_started, 2);
}

#[test]
fn what_a_stopped_task_held_is_free() {
    let _house = house();
    let executor = builder().build().expect("builds");
    let lock = lock().expect("made");
    let holding = submit(&executor, resources::hold_and_spin::task(lock.clone()));
    until("it holds the lock", || holding.running() && lock.acquire(Some(Duration::ZERO)).is_err());
    let worker = only_worker(&executor);
    assert!(holding.cancel());
    assert!(end_of(&submit(&executor, shared::was_abandoned::task(lock.clone(), None))).is_ok());
    assert_eq!(only_worker(&executor), worker);
}

// limit: INTERRUPTION_GRACE
#[test]
fn a_task_that_does_not_yield_costs_its_worker() {
    let _house = house();
    let executor = builder().build().expect("builds");
    let (lock, held, never) = (lock().expect("made"), event().expect("made"), event().expect("made"));
    let holding = submit(&executor, shared::hold::task(lock.clone(), held.clone(), never));
    held.wait(None).expect("it holds the lock");
    let worker = only_worker(&executor);
    // Between the two host calls it would still yield.
    until("it waits within a host call", || state_of(worker.pid) == Some('S'));
    assert!(holding.cancel() && error_of(&holding).is_cancelled());
    until("its worker is gone", || !is_alive(worker.pid));
    assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
    assert_eq!(executor.stats().workers_lost, 0, "it was this executor's own doing");
}

#[test]
fn a_task_with_tasks_of_its_own_is_stopped_with_its_worker() {
    let _house = house();
    let log = logs::listen();
    let executor = builder().build().expect("builds");
    let text = "a child of a task that is to be stopped";
    let waiting = submit(&executor, nested::wait_for_one_that_never_ends::task(text.into()));
    until("its child runs", || !log.with(text).is_empty());
    let worker = only_worker(&executor);
    assert!(waiting.cancel() && error_of(&waiting).is_cancelled());
    until("its worker is gone", || !is_alive(worker.pid));
    assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
}
