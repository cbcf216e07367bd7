//! Guests that see nothing of the world but their arguments, and guests that are interpreted.

use crate::patience::{end_of, error_of, only_worker};
use crate::support::house;
use guest_basic::{chance, crash, resources, value};
use isopool::{Bytes, ErrorKind, Execution, Executor, IntoTask, Limit, Reuse, TaskError, TaskFuture};
use std::collections::HashSet;

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("submits")
}

fn bytes_of(future: &TaskFuture<Bytes>) -> Vec<u8> {
    end_of(future).expect("it draws").to_vec()
}

#[test]
fn fifty_runs_on_several_workers_give_the_same_bytes() {
    let _house = house();
    let executor = Executor::builder().max_workers(3).deterministic(1).build().expect("builds");
    let mut futures = Vec::new();
    let workers = |futures: &[TaskFuture<Bytes>]| -> HashSet<u32> {
        futures.iter().filter_map(TaskFuture::report).map(|report| report.worker_index).collect()
    };
    // The first worker may be so quick that it does all of one round before the others are up.
    while workers(&futures).len() < 2 {
        assert!(futures.len() < 50_000, "several workers take part");
        let round: Vec<_> = (0..50)
            .map(|n| {
                let future = submit(&executor, chance::draw::task(20));
                // What ran before differs from one to the next.
                submit(&executor, chance::draw::task(n));
                future
            })
            .collect();
        round.iter().for_each(|future| drop(bytes_of(future)));
        futures.extend(round);
    }
    let drawn: HashSet<Vec<u8>> = futures.iter().map(bytes_of).collect();
    assert_eq!(drawn.len(), 1);
    // Another process, another executor: the same world. Another seed: another one.
    let again = Executor::builder().max_workers(1).deterministic(1).build().expect("builds");
    let drawn = drawn.into_iter().next().expect("one");
    assert_eq!(bytes_of(&submit(&again, chance::draw::task(20))), drawn);
    let other = Executor::builder().max_workers(1).deterministic(2).build().expect("builds");
    assert_ne!(bytes_of(&submit(&other, chance::draw::task(20))), drawn);
}

#[test]
fn sleeping_takes_no_time_in_a_world_without_any() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).deterministic(1).build().expect("builds");
    // An hour for each of them.
    assert_eq!(end_of(&submit(&executor, resources::sleep_ms::task(3_600_000_000))), Ok(()));
    assert!(end_of(&submit(&executor, resources::compute_ms::task(10))).is_ok());
}

#[test]
fn deterministic_tasks_keep_no_instance() {
    let _house = house();
    let error = Executor::builder().deterministic(1).reuse(Reuse::Worker).build().expect_err("refused");
    assert!(error.kind() == ErrorKind::InvalidOption && error.to_string().contains("Reuse::Worker"), "{error}");
}

#[test]
fn each_task_of_a_fortress_has_a_process_of_its_own_and_its_limits_hold() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).execution(Execution::Fortress);
    let executor = builder.max_memory_bytes(32 << 20).build().expect("builds");
    let mut pids = HashSet::new();
    for n in 0..4 {
        let future = submit(&executor, value::add::task(n, 1));
        assert_eq!(end_of(&future), Ok(n + 1));
        pids.insert(future.report().expect("it has run").pid);
    }
    assert_eq!(pids.len(), 4);
    let error = error_of(&submit(&executor, resources::allocate::task(64 << 20)));
    assert!(matches!(error, TaskError::OutOfMemory { limit, .. } if limit == 32 << 20), "{error}");
    let error = error_of(&submit(&executor, crash::trap_unreachable::task()));
    assert!(error.broken_process_pool().is_some(), "{error}");
    assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
}

#[test]
fn a_worker_of_a_fortress_has_no_memory_that_was_made_executable() {
    let _house = house();
    let pool = |execution| Executor::builder().max_workers(1).execution(execution).build().expect("builds");
    let maps = |executor: &Executor| {
        let sleeping = crate::support::begin_waiting(executor);
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", only_worker(executor).pid)).expect("it lives");
        sleeping.cancel();
        let is_made = |line: &&str| {
            let rights = line.split_whitespace().nth(1).unwrap_or_default();
            let is_file = line.contains('/') && !line.contains("memfd:");
            rights.contains('x') && !is_file && !line.contains("[vdso]") && !line.contains("[vsyscall]")
        };
        maps.lines().filter(is_made).count()
    };
    assert_eq!(maps(&pool(Execution::Fortress)), 0);
    assert!(maps(&pool(Execution::Speed)) > 0, "what this test would see");
}

#[test]
fn executors_of_several_flavours_run_the_same_module_one_beside_the_other() {
    let _house = house();
    let builder = || Executor::builder().max_workers(1);
    let executors = [
        builder(),
        builder().limit(Limit::Fuel, 1_000_000_000),
        builder().interruption(isopool::Interruption::Epoch),
        builder().deterministic(3),
        builder().execution(Execution::Fortress),
        builder().execution(Execution::Fortress).limit(Limit::Fuel, 1_000_000_000).deterministic(3),
    ]
    .map(|builder| builder.build().expect("builds"));
    for _ in 0..2 {
        let futures: Vec<_> = executors.iter().map(|executor| submit(executor, value::add::task(2, 3))).collect();
        assert!(futures.iter().all(|future| end_of(future) == Ok(5)));
    }
}
