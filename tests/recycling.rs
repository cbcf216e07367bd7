//! Workers that have served long enough: they leave between two tasks, and nobody notices.

use crate::support::{executor, house, logs, no_hang, wait_until};
use guest_basic::{resources, value};
use isopool::{ErrorKind, Executor, ExecutorBuilder, Reuse, Shutdown, TaskError, TaskFuture};
use std::collections::BTreeMap;
use std::time::Duration;

fn pool(max_workers: usize, max_tasks: usize) -> Executor {
    let builder = Executor::builder().max_workers(max_workers).max_tasks_per_worker(max_tasks);
    builder.build().expect("these are good options")
}

fn sums(executor: &Executor, count: u64) -> Vec<TaskFuture<u64>> {
    (0..count).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect()
}

/// Waits for all of them.
fn check(futures: Vec<TaskFuture<u64>>) {
    no_hang("the backlog of workers that retire", move || {
        (1..).zip(&futures).for_each(|(sum, future)| assert_eq!(future.result(), Ok(sum)));
    });
}

// behaviour: B42
#[test]
fn no_worker_runs_more_tasks_than_it_may_and_no_task_is_lost() {
    let _house = house();
    let log = logs::listen();
    let executor = pool(2, 3);
    let futures = sums(&executor, 40);
    check(futures.clone());
    let mut tasks_of = BTreeMap::<u32, u32>::new();
    for future in &futures {
        let report = future.report().expect("it has run");
        assert_eq!(report.attempts, 1);
        *tasks_of.entry(report.pid).or_default() += 1;
    }
    assert!(tasks_of.values().all(|&tasks| tasks <= 3), "{tasks_of:?}");
    let full = tasks_of.values().filter(|&&tasks| tasks == 3).count() as u64;
    wait_until("each of them is told of", || executor.stats().workers_retired == full);
    let stats = executor.stats();
    assert_eq!((stats.finished, stats.failed, stats.workers_lost), (40, 0, 0));
    // Each was told of once, with its worker and its figure.
    for (pid, _) in tasks_of.iter().filter(|(_, tasks)| **tasks == 3) {
        let told = log.with("it has run as many tasks as one may");
        let told: Vec<_> = told.iter().filter(|event| event.field("worker").contains(&format!("pid {pid})"))).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].field("tasks"), "3");
    }
}

// behaviour: B42
// The shape of cpython#115634.
#[test]
fn the_last_worker_retires_with_a_backlog_behind_it() {
    let _house = house();
    let executor = pool(1, 2);
    check(sums(&executor, 10));
    wait_until("the last one has left too", || executor.stats().workers.is_empty());
    let stats = executor.stats();
    assert_eq!((stats.workers_started, stats.workers_retired, stats.workers_lost), (5, 5, 0));
    check(sums(&executor, 1));
}

// behaviour: B42, B15
// The shapes of cpython#119592 and #132969.
#[test]
fn workers_that_retire_while_the_executor_shuts_down_are_replaced_until_all_is_done() {
    let _house = house();
    let waits = pool(1, 1);
    let futures = sums(&waits, 6);
    let shutting_down = waits.clone();
    no_hang("a shutdown that waits", move || shutting_down.shutdown(Shutdown::Finish));
    check(futures);
    assert_eq!((waits.stats().workers_started, waits.stats().workers_retired), (6, 6));
    let held = pool(2, 1);
    let futures = sums(&held, 6);
    held.begin_shutdown(Shutdown::Finish);
    // Nothing about the pool is forgotten while it ends.
    held.resize(3).expect("it has not ended");
    check(futures);
    assert!(held.wait_for_shutdown(Duration::from_secs(60)));
}

// behaviour: B42, B16
// The shape of cpython#152967.
#[test]
fn workers_that_retire_after_the_last_handle_was_dropped_are_replaced_until_all_is_done() {
    let _house = house();
    let executor = pool(1, 1);
    let futures = sums(&executor, 4);
    drop(executor);
    check(futures);
}

// behaviour: B42, B17
#[test]
fn a_shutdown_that_cancels_or_kills_ends_while_workers_retire_and_leaves_none_behind() {
    let _house = house();
    for how in [Shutdown::CancelPending, Shutdown::Kill] {
        for finished in 0..4 {
            let executor = pool(2, 1);
            let futures = sums(&executor, 50);
            // At another moment of the life of a worker each time.
            let reached = executor.clone();
            wait_until("some are done", move || reached.stats().finished >= finished);
            no_hang("a shutdown while workers retire", move || executor.shutdown(how));
            for future in &futures {
                let ended = future.result_timeout(Duration::ZERO);
                let expected = matches!(ended, Ok(_) | Err(TaskError::Cancelled { .. } | TaskError::Shutdown { .. }));
                assert!(expected, "{how:?}: {ended:?}");
            }
        }
    }
}

// behaviour: B42
#[test]
fn all_workers_retire_at_once() {
    let _house = house();
    let executor = pool(4, 1);
    for _ in 0..3 {
        let sleeping: Vec<_> =
            (0..8).map(|_| executor.submit(resources::sleep_ms::task(30)).expect("submits")).collect();
        no_hang("four that end together, and four more", move || {
            sleeping.iter().for_each(|future| assert_eq!(future.result(), Ok(())));
        });
        assert!(executor.stats().workers.len() <= 4);
    }
    wait_until("each has left", || executor.stats().workers_retired == 24);
}

// behaviour: B42, B8
#[test]
fn workers_retire_in_a_storm_of_sizes() {
    let _house = house();
    let executor = pool(4, 2);
    let mut futures = Vec::new();
    for size in [12, 2, 1, 12, 6, 1, 8, 5] {
        executor.resize(size).expect("it is a good number");
        futures.push(sums(&executor, 20));
    }
    futures.into_iter().for_each(check);
    let stats = executor.stats();
    assert_eq!((stats.finished, stats.failed, stats.workers_lost), (160, 0, 0));
}

// behaviour: B42
#[test]
fn a_worker_leaves_when_it_is_too_old_and_not_while_it_runs_a_task() {
    let _house = house();
    let log = logs::listen();
    let builder = Executor::builder().max_workers(1).max_worker_age(Duration::from_millis(20));
    let executor = builder.build().expect("builds");
    // Older than that before its first task is over.
    let first = executor.submit(resources::sleep_ms::task(100)).expect("submits");
    let behind = sums(&executor, 3);
    first.result().expect("it is not stopped");
    check(behind);
    let first = first.report().expect("it has run").pid;
    wait_until("it has left", || executor.stats().workers.iter().all(|worker| worker.pid != first));
    check(sums(&executor, 1));
    let told = log.with("it is as old as one may become");
    let told: Vec<_> = told.iter().filter(|event| event.field("worker").contains(&format!("pid {first})"))).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].field("age_s").parse::<f64>().expect("a number") >= 0.1, "{told:?}");
    assert_eq!(executor.stats().workers_lost, 0);
}

// behaviour: B42
#[test]
fn a_worker_that_keeps_more_and_more_memory_leaves_and_one_that_does_not_stays() {
    let _house = house();
    let log = logs::listen();
    let grows = |bytes: usize| {
        let builder = Executor::builder().max_workers(1).reuse(Reuse::Worker).max_worker_growth_bytes(bytes);
        builder.build().expect("builds")
    };
    let (executor, unbounded) = (grows(16 << 20), grows(usize::MAX));
    // The instance that tasks share keeps what one of them has used.
    for pool in [&executor, &unbounded] {
        check(sums(pool, 1));
        let used = pool.submit(resources::allocate::task(64 << 20)).expect("submits");
        assert_eq!(used.result(), Ok(64 << 20));
    }
    let pid = executor.stats().workers[0].pid;
    wait_until("the next look sees it", || {
        check(sums(&executor, 1));
        check(sums(&unbounded, 1));
        executor.stats().workers_retired == 1
    });
    let told = log.with("its memory has grown");
    let told: Vec<_> = told.iter().filter(|event| event.field("worker").contains(&format!("pid {pid})"))).collect();
    assert_eq!(told.len(), 1);
    let bytes = |name| told[0].field(name).parse::<u64>().expect("a number");
    assert!(bytes("resident_bytes") > bytes("least_bytes") + (16 << 20), "{told:?}");
    check(sums(&executor, 1));
    assert_eq!((executor.stats().workers_started, executor.stats().workers_lost), (2, 0));
    assert_eq!((unbounded.stats().workers_started, unbounded.stats().workers_retired), (1, 0));
}

// behaviour: B42
#[test]
fn bounds_that_no_worker_could_keep_are_refused() {
    let _house = house();
    let refused = |builder: ExecutorBuilder, name: &str| {
        let error = builder.build().expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.to_string().starts_with(&format!("{name} is 0; it must be ")), "{error}");
    };
    refused(Executor::builder().max_tasks_per_worker(0), "max_tasks_per_worker");
    refused(Executor::builder().max_worker_age(Duration::ZERO), "max_worker_age");
    refused(Executor::builder().max_worker_growth_bytes(0), "max_worker_growth_bytes");
    let usual = executor(1);
    check(sums(&usual, 200));
    assert_eq!((usual.stats().workers_started, usual.stats().workers_retired), (1, 0));
}
