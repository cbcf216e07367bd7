//! Which task comes first, and which is run again.

use crate::patience::{end_of, error_of, kill, only_worker, until};
use crate::support::{executor, house, logs, no_hang, wait_for_ever};
use guest_basic::{crash, failure, resources, value};
use isopool::limits::MAX_TASK_RETRIES;
use isopool::{BrokenCause, Containment, ErrorKind, Executor, IntoTask, TaskFuture};
use std::sync::mpsc::channel;
use std::time::Duration;

// ── Priority ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Runs tasks of these priorities, submitted in this order behind one that runs, on one worker; gives the order in which
/// they ended.
fn order_of(priorities: &[i32]) -> Vec<usize> {
    let executor = executor(1);
    let first = executor.submit(resources::sleep_ms::task(500)).expect("submits");
    until("it runs, and others can be sent ahead", || first.running());
    let (sender, ends) = channel();
    for (place, &priority) in priorities.iter().enumerate() {
        let task = value::noop::task().into_task().priority(priority);
        let sender = sender.clone();
        let future = executor.submit(task).expect("submits");
        future.add_done_callback(move |_| sender.send(place).expect("the test listens"));
    }
    assert!(!first.done(), "the machine is too slow for this test: all must be there before the first one ends");
    drop(sender);
    let receive = || ends.recv_timeout(Duration::from_secs(60)).expect("each ends");
    priorities.iter().map(|_| receive()).collect()
}

#[test]
fn the_most_urgent_task_runs_first_and_equals_run_in_the_order_of_their_submission() {
    let _house = house();
    assert_eq!(order_of(&[0, 0, 5, -1, 5, 0, 9]), [6, 2, 4, 0, 1, 5, 3]);
    assert_eq!(order_of(&[i32::MIN, i32::MAX, 0]), [1, 2, 0]);
}

#[test]
fn an_urgent_task_overtakes_a_hundred_that_were_sent_ahead_or_wait() {
    let _house = house();
    let mut priorities = vec![0; 100];
    priorities.push(1);
    let order = order_of(&priorities);
    assert_eq!(order[0], 100);
    assert_eq!(order[1..], (0..100).collect::<Vec<_>>());
}

#[test]
fn an_urgent_task_does_not_wait_behind_a_long_one_while_another_worker_works() {
    let _house = house();
    let executor = executor(2);
    let long = executor.submit(wait_for_ever()).expect("submits");
    let short = executor.submit(resources::sleep_ms::task(100)).expect("submits");
    until("both run", || long.running() && short.running());
    let batch: Vec<_> = (0..100).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
    let urgent = executor.submit(value::add::task(2, 3).into_task().priority(1)).expect("submits");
    assert_eq!(end_of(&urgent).expect("it runs in the other worker"), 5);
    assert!((1..).zip(&batch).all(|(sum, future)| end_of(future) == Ok(sum)));
    assert!(long.running());
    long.cancel();
}

// ── Retries ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Kills the worker in which a task runs.
fn lose(executor: &Executor, future: &TaskFuture<()>, before: Option<u32>) -> u32 {
    until("it runs in another worker than before", || {
        future.running() && executor.stats().workers.iter().any(|worker| Some(worker.pid) != before)
    });
    let pid = only_worker(executor).pid;
    kill(pid);
    pid
}

#[test]
fn a_task_with_retries_survives_the_loss_of_its_worker_and_its_report_tells() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(1);
    let future = executor.submit(resources::sleep_ms::task(300).into_task().retries(3)).expect("submits");
    let behind = executor.submit(value::add::task(1, 2)).expect("submits");
    let first = lose(&executor, &future, None);
    end_of(&future).expect("it is run again");
    let report = future.report().expect("it has run");
    assert_eq!(report.attempts, 2);
    assert_ne!(report.pid, first);
    assert_eq!(end_of(&behind), Ok(3));
    let told = log.with(&format!("{} was lost with its worker", future.task()));
    let told: Vec<_> = told.iter().filter(|event| event.field("worker").contains(&format!("pid {first})"))).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].field("cause").contains("SIGKILL"), "{told:?}");
    assert_eq!((told[0].field("attempt"), told[0].field("attempts_allowed")), ("1", "4"));
    assert_eq!((executor.stats().failed, executor.stats().workers_lost), (0, 1));
}

#[test]
fn a_task_is_not_run_again_more_often_than_it_allows() {
    let _house = house();
    let executor = executor(1);
    let future = executor.submit(wait_for_ever().into_task().retries(2)).expect("submits");
    let mut last = None;
    for _ in 0..3 {
        last = Some(lose(&executor, &future, last));
    }
    let error = error_of(&future);
    let broken = error.broken_process_pool().expect("its worker was lost");
    assert_eq!(broken.cause, BrokenCause::Signaled { signal: 9 });
    assert_eq!(broken.worker.map(|worker| worker.pid), last);
}

#[test]
fn a_task_that_is_run_again_can_be_cancelled() {
    let _house = house();
    let executor = executor(1);
    let future = executor.submit(wait_for_ever().into_task().retries(9)).expect("submits");
    lose(&executor, &future, None);
    let cancelled = future.clone();
    assert!(no_hang("a cancellation", move || cancelled.cancel()));
    assert!(future.cancelled());
}

#[test]
fn nothing_but_the_loss_of_a_worker_has_a_task_run_again() {
    let _house = house();
    let executor = executor(1);
    let trapped = executor.submit(crash::trap_unreachable::task().into_task().retries(5)).expect("submits");
    assert!(error_of(&trapped).broken_process_pool().is_some());
    let panicked = executor.submit(failure::panics::task("on purpose".into()).into_task().retries(5)).expect("submits");
    error_of(&panicked);
    assert_eq!(trapped.report().map(|report| report.attempts), Some(1));
    assert_eq!(panicked.report().map(|report| report.attempts), Some(1));
    // Under loky's contract the loss of a worker ends everything.
    let builder = Executor::builder().max_workers(1).containment(Containment::Pool);
    let executor = builder.build().expect("builds");
    let future = executor.submit(wait_for_ever().into_task().retries(5)).expect("submits");
    lose(&executor, &future, None);
    assert!(error_of(&future).broken_process_pool().is_some());
}

// limit: MAX_TASK_RETRIES
#[test]
fn more_retries_than_the_limit_are_refused() {
    let _house = house();
    let executor = executor(1);
    let task = value::noop::task().into_task().retries(MAX_TASK_RETRIES + 1);
    let error = executor.submit(task).expect_err("it is over the limit");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    assert_eq!(error.to_string(), "retries is 101; it must be between 0 and 100");
    executor.submit(value::noop::task().into_task().retries(MAX_TASK_RETRIES)).expect("it is within the limit");
}
