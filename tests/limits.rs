//! Tasks that ask for more than they may have: each ends, says which limit, its value and the remedy; its neighbours are
//! untouched, its worker goes on.

use crate::patience::{end_of, error_of, only_worker};
use crate::support::{executor, house};
use guest_basic::{chance, crash, environment, nested, resources, value};
use isopool::{
    BrokenCause, ErrorKind, Executor, ExecutorBuilder, GuestOutput, IntoTask, Limit, Overflow, TaskError, TaskFuture,
    TrapCode,
};
use serde::de::DeserializeOwned;

fn pool(set: impl FnOnce(ExecutorBuilder) -> ExecutorBuilder) -> Executor {
    set(Executor::builder().max_workers(1).guest_output(GuestOutput::Capture)).build().expect("builds")
}

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("submits")
}

/// Ends a task by a limit, between two that are fine, in the worker that goes on.
fn check<T: IntoTask<Output: DeserializeOwned>>(executor: &Executor, task: T, limit: Limit, value: u64) -> Option<u64> {
    assert_eq!(end_of(&submit(executor, value::add::task(1, 1))), Ok(2));
    let worker = only_worker(executor);
    let over = submit(executor, task);
    let behind = submit(executor, value::add::task(2, 2));
    let error = error_of(&over);
    let TaskError::LimitExceeded { exceeded, .. } = &error else { panic!("{limit}: {error}") };
    assert_eq!((exceeded.limit, exceeded.value), (limit, value));
    let (said, name) = (error.to_string(), format!("limit(Limit::{limit:?}"));
    assert!(said.contains(&value.to_string()) && said.contains(&name) && said.starts_with("task "), "{said}");
    assert_eq!(end_of(&behind), Ok(4));
    assert_eq!(only_worker(executor), worker, "its worker goes on");
    assert!(executor.broken().is_none());
    exceeded.asked
}

#[test]
fn a_task_that_computes_for_ever_runs_out_of_fuel() {
    let _house = house();
    let executor = pool(|builder| builder.limit(Limit::Fuel, 3_000_000));
    check(&executor, crash::spin::task(), Limit::Fuel, 3_000_000);
    check(&executor, crash::spin::task().into_task().limit(Limit::Fuel, 200_000), Limit::Fuel, 200_000);
    // Of two the lower one counts.
    check(&executor, crash::spin::task().into_task().limit(Limit::Fuel, u64::MAX), Limit::Fuel, 3_000_000);
    let fine = submit(&executor, value::add::task(1, 2));
    assert_eq!(end_of(&fine), Ok(3));
    let used = fine.report().expect("it has run").fuel_used.expect("it is counted");
    assert!(used > 0 && used < 3_000_000, "{used}");
}

#[test]
fn a_task_calls_the_host_so_often_and_no_more() {
    let _house = house();
    let executor = pool(|builder| builder.limit(Limit::HostCalls, 2000));
    assert_eq!(end_of(&submit(&executor, resources::look_at_clock::task(1900))), Ok(()));
    check(&executor, resources::look_at_clock::task(2001), Limit::HostCalls, 2000);
    check(&executor, resources::log_often::task(2001), Limit::HostCalls, 2000);
    let own = resources::look_at_clock::task(200).into_task().limit(Limit::HostCalls, 100);
    check(&executor, own, Limit::HostCalls, 100);
}

#[test]
fn output_over_its_limit_ends_the_task_where_it_is_not_to_be_dropped() {
    let _house = house();
    let print = |bytes| environment::print::task("x".repeat(bytes), String::new());
    let executor = pool(|builder| builder.limit(Limit::OutputBytes, 1000).overflow(Overflow::Fail));
    let fine = submit(&executor, print(1000));
    assert_eq!(end_of(&fine), Ok(()));
    assert_eq!(fine.report().expect("it has run").output.stdout.len(), 1000);
    assert_eq!(check(&executor, print(1001), Limit::OutputBytes, 1000), Some(1001));
    check(&executor, print(11).into_task().limit(Limit::OutputBytes, 10), Limit::OutputBytes, 10);
    let dropping = pool(|builder| builder.limit(Limit::OutputBytes, 1000));
    let fine = submit(&dropping, print(1001));
    assert_eq!(end_of(&fine), Ok(()));
    assert_eq!(fine.report().expect("it has run").output.dropped_bytes, 1);
}

#[test]
fn log_records_over_their_limit_end_the_task_where_they_are_not_to_be_dropped() {
    let _house = house();
    let _log = crate::support::logs::listen();
    let executor = pool(|builder| builder.limit(Limit::LogRecords, 5).overflow(Overflow::Fail));
    assert_eq!(end_of(&submit(&executor, resources::log_often::task(5))), Ok(()));
    check(&executor, resources::log_often::task(6), Limit::LogRecords, 5);
    let dropping = pool(|builder| builder.limit(Limit::LogRecords, 5));
    let fine = submit(&dropping, resources::log_often::task(6));
    assert_eq!(end_of(&fine), Ok(()));
    assert_eq!(fine.report().expect("it has run").dropped_log_records, 1);
}

#[test]
fn handles_of_the_host_are_bounded() {
    let _house = house();
    let executor = pool(|builder| builder.limit(Limit::HostResources, 20));
    assert_eq!(end_of(&submit(&executor, nested::sum_of_many::task(5))), Ok(15));
    check(&executor, nested::sum_of_many::task(100), Limit::HostResources, 20);
}

#[test]
fn random_bytes_of_one_call_are_bounded() {
    let _house = house();
    let executor = pool(|builder| builder.limit(Limit::RandomBytes, 64));
    assert_eq!(end_of(&submit(&executor, chance::entropy::task(64))), Ok(true));
    assert_eq!(check(&executor, chance::entropy::task(65), Limit::RandomBytes, 64), Some(65));
}

#[test]
fn the_memory_of_one_task_is_bounded_below_its_executor_s() {
    let _house = house();
    let executor = pool(|builder| builder.max_memory_bytes(64 << 20));
    let own = resources::allocate::task(32 << 20).into_task().limit(Limit::MemoryBytes, 16 << 20);
    let error = error_of(&submit(&executor, own));
    assert!(matches!(error, TaskError::OutOfMemory { limit, .. } if limit == 16 << 20), "{error}");
    assert_eq!(end_of(&submit(&executor, resources::allocate::task(32 << 20))), Ok(32 << 20));
    let more = resources::allocate::task(100 << 20).into_task().limit(Limit::MemoryBytes, 128 << 20);
    let error = error_of(&submit(&executor, more));
    assert!(matches!(error, TaskError::OutOfMemory { limit, .. } if limit == 64 << 20), "{error}");
}

#[test]
fn calls_within_calls_are_bounded_by_the_stack_of_the_executor() {
    let _house = house();
    let ends = |stack: u64| {
        let executor = pool(|builder| builder.limit(Limit::StackBytes, stack));
        end_of(&submit(&executor, resources::nest_calls::task(3000)))
    };
    assert!(ends(4 << 20).is_ok());
    let error = ends(64 << 10).expect_err("too many for so small a stack");
    let Some(BrokenCause::Trap(trap)) = error.broken_process_pool().map(|broken| &broken.cause) else {
        panic!("{error}")
    };
    assert!(trap.code == TrapCode::StackOverflow && trap.message.contains("65536 bytes"), "{}", trap.message);
}

#[test]
fn a_guest_that_overruns_its_own_stack_is_told_so() {
    let _house = house();
    let executor = executor(1);
    let error = error_of(&submit(&executor, crash::stack_overflow::task()));
    let Some(BrokenCause::Trap(trap)) = error.broken_process_pool().map(|broken| &broken.cause) else {
        panic!("{error}")
    };
    assert_eq!(trap.code, TrapCode::MemoryOutOfBounds);
    assert!(trap.message.contains("probably the guest's own stack overflowed"), "{}", trap.message);
    let error = error_of(&submit(&executor, crash::out_of_bounds::task()));
    assert!(!error.to_string().contains("stack overflowed"), "another fault is not called so: {error}");
}

// limit: MIN_MEMORY_BYTES, MIN_WASM_STACK, LARGEST_WASM_STACK, MAX_FUEL, LARGEST_HOST_RESOURCES, LARGEST_RANDOM_BYTES
#[test]
fn limits_that_no_task_can_have_are_refused() {
    let _house = house();
    let refused = |set: fn(ExecutorBuilder) -> ExecutorBuilder| {
        let error = set(Executor::builder()).build().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        error.to_string()
    };
    assert_eq!(
        refused(|builder| builder.limit(Limit::StackBytes, 1)),
        "limit(Limit::StackBytes) is 1; it must be between 65536 and 67108864"
    );
    assert_eq!(
        refused(|builder| builder.limit(Limit::Fuel, 0)),
        "limit(Limit::Fuel) is 0; it must be between 1 and 9223372036854775807"
    );
    assert_eq!(
        refused(|builder| builder.limit(Limit::HostResources, 1_000_001)),
        "limit(Limit::HostResources) is 1000001; it must be between 1 and 1000000"
    );
    assert_eq!(
        refused(|builder| builder.limit(Limit::RandomBytes, (64 << 20) + 1)),
        "limit(Limit::RandomBytes) is 67108865; it must be between 64 and 67108864"
    );
    let executor = executor(1);
    for (limit, value, said) in [
        (Limit::Fuel, 1, "does not have fuel counted"),
        (Limit::StackBytes, 1 << 20, "is the executor's alone"),
        (Limit::MemoryBytes, 1, "must be at least 65536"),
    ] {
        let error = executor.submit(value::noop::task().into_task().limit(limit, value)).expect_err("refused");
        assert!(error.kind() == ErrorKind::InvalidOption && error.to_string().contains(said), "{error}");
    }
}
