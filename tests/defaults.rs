//! What an executor allows when nobody says otherwise: each default is met, by something that just passes and something that
//! does not.

use crate::patience::{end_of, error_of, kill, only_worker, until};
use crate::support::{begin_waiting, executor, house};
use guest_basic::{environment, value};
use isopool::{Bytes, Codec, ErrorKind, Executor, GuestOutput, TaskError, TaskFuture, limits};
use std::fs;

fn one_worker() -> Executor {
    Executor::builder().max_workers(1).build().expect("builds")
}

// limit: DEFAULT_QUEUE_CAPACITY
#[test]
fn as_many_tasks_may_be_unfinished() {
    let _house = house();
    let executor = one_worker();
    let running = begin_waiting(&executor);
    // Without the task, which comes back.
    let more = || executor.try_submit(value::noop::task()).map_err(|refused| Box::new(refused.error));
    let held: Vec<TaskFuture<()>> =
        (1..limits::DEFAULT_QUEUE_CAPACITY).map(|_| more().expect("there is room")).collect();
    let error = more().expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::QueueFull, "{error}");
    assert!(error.to_string().contains("131072 tasks are unfinished"), "{error}");
    held.iter().for_each(|task| assert!(task.cancel()));
    assert!(running.cancel());
}

// limit: DEFAULT_MAX_ARGUMENT_BYTES, DEFAULT_MAX_RESULT_BYTES
#[test]
fn an_argument_and_a_result_have_a_quarter_of_a_gibibyte() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).codec(Codec::Raw).build().expect("builds");
    let argument = Bytes::from(vec![0; limits::DEFAULT_MAX_ARGUMENT_BYTES + 1]);
    let error = error_of(&executor.submit(value::echo::task(argument)).expect("open"));
    assert!(error.to_string().contains("268435457") && error.to_string().contains("max_argument_bytes"), "{error}");
    let executor = one_worker();
    let error = error_of(&executor.submit(value::big_result::task(limits::DEFAULT_MAX_RESULT_BYTES)).expect("open"));
    assert!(error.to_string().contains("max_result_bytes"), "with its length it is a little more: {error}");
    assert_eq!(end_of(&executor.submit(value::add::task(1, 2)).expect("open")), Ok(3));
}

// limit: DEFAULT_MAX_OUTPUT_BYTES
#[test]
fn a_mebibyte_of_output_is_kept() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).guest_output(GuestOutput::Capture).build().expect("builds");
    let print = environment::print::task("x".repeat(limits::DEFAULT_MAX_OUTPUT_BYTES), "yz".into());
    let printing = executor.submit(print).expect("submits");
    assert_eq!(end_of(&printing), Ok(()));
    let output = &printing.report().expect("it has run").output;
    assert_eq!((output.stdout.len(), output.dropped_bytes), (limits::DEFAULT_MAX_OUTPUT_BYTES, 2));
}

// limit: DEFAULT_MAX_OPEN_FILES
#[test]
fn a_worker_has_its_limits_from_the_kernel() {
    let _house = house();
    let executor = executor(1);
    end_of(&executor.submit(value::noop::task()).expect("submits")).expect("it returns");
    let limits = fs::read_to_string(format!("/proc/{}/limits", only_worker(&executor).pid)).expect("it lives");
    let both = |name: &str| {
        let row = limits.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel has it");
        row.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(both("Max open files"), ["1024", "1024"]);
    assert_eq!(both("Max core file size"), ["0", "0"]);
    let data = both("Max data size");
    assert!(data[0] == data[1] && data[0].parse::<u64>().is_ok(), "it is bounded: {data:?}");
}

// limit: DEFAULT_QUARANTINE_DEATHS, DEFAULT_FIRST_QUARANTINE
#[test]
fn a_module_kills_ten_workers_and_then_none_for_a_second() {
    let _house = house();
    let executor = one_worker();
    for _ in 0..limits::DEFAULT_QUARANTINE_DEATHS {
        let task = begin_waiting(&executor);
        kill(only_worker(&executor).pid);
        assert!(error_of(&task).broken_process_pool().is_some());
    }
    let error = error_of(&executor.submit(value::noop::task()).expect("submits"));
    let TaskError::Quarantined { quarantine, .. } = &error else { panic!("{error}") };
    let left = quarantine.ends_in.expect("nothing is on trial");
    assert!(quarantine.deaths == 10 && left <= limits::DEFAULT_FIRST_QUARANTINE, "{error}");
    let tries = || end_of(&executor.submit(value::noop::task()).expect("submits")).is_ok();
    until("its time is over", tries);
}

// limit: HOST_CALL_SLACK_BYTES
#[test]
fn what_a_guest_hands_to_the_host_in_one_call_is_bounded() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).max_result_bytes(1000).max_host_function_bytes(1000);
    let executor = builder.build().expect("builds");
    let log = |bytes| environment::log_all_levels::task("x".repeat(bytes));
    assert_eq!(end_of(&executor.submit(log(1 << 20)).expect("submits")), Ok(()));
    let error = error_of(&executor.submit(log(3 << 20)).expect("submits"));
    assert!(error.to_string().contains("HOST_CALL_SLACK_BYTES"), "{error}");
    assert_eq!(end_of(&executor.submit(value::add::task(1, 2)).expect("open")), Ok(3));
}
