//! Modules whose tasks kill workers again and again: they are left alone for a while, and nobody else notices.

use crate::patience::{end_of, error_of, kill, only_worker, until};
use crate::support::{begin_waiting, house, logs, wait_for_ever};
use guest_basic::{crash, failure, value};
use isopool::{
    BrokenCause, ErrorKind, Executor, Function, IntoTask, ModuleHash, Quarantine, Shutdown, TaskError, limits,
};
use std::time::Duration;

fn pool(deaths: usize, first: Duration) -> Executor {
    let builder = Executor::builder().max_workers(1).quarantine_after(deaths).first_quarantine(first);
    builder.build().expect("these are good options")
}

const LONG: Duration = Duration::from_secs(300);

/// A worker that is killed while it runs a task of the module.
fn kill_one(executor: &Executor) {
    let task = begin_waiting(executor);
    kill(only_worker(executor).pid);
    assert!(error_of(&task).broken_process_pool().is_some());
}

fn module() -> ModuleHash {
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    executor.submit(value::add::task(1, 2)).expect("submits").task().module_hash()
}

/// The same functions in another module: another section makes another hash.
fn add_of_another_module(executor: &Executor) -> Function {
    let mut wasm = value::add::task(1, 2).module.wasm.to_vec();
    wasm.extend([0, 6, 5, b'o', b't', b'h', b'e', b'r']);
    executor.load("another", wasm).expect("a sound module").function("value::add").expect("has it")
}

fn add(executor: &Executor) -> Result<u64, TaskError> {
    end_of(&executor.submit(value::add::task(2, 3)).expect("an open executor"))
}

fn quarantine(error: &TaskError) -> &Quarantine {
    let TaskError::Quarantined { quarantine, .. } = error else { panic!("no quarantine: {error}") };
    quarantine
}

#[test]
fn a_module_that_kills_workers_is_refused_until_its_quarantine_is_lifted_and_others_run() {
    let _house = house();
    let log = logs::listen();
    let executor = pool(2, LONG);
    kill_one(&executor);
    assert_eq!(add(&executor), Ok(5), "one death is none too many, and this makes good for it");
    kill_one(&executor);
    kill_one(&executor);
    let error = add(&executor).expect_err("two in a row");
    let found = quarantine(&error);
    assert_eq!((found.deaths, &found.last), (2, &BrokenCause::Signaled { signal: 9 }));
    assert!(found.ends_in.is_some_and(|time| !time.is_zero() && time <= LONG));
    let told = error.to_string();
    assert!(told.contains("was not run: tasks of its module have killed 2 workers one after another"), "{told}");
    assert!(told.contains("lift_quarantine()"), "{told}");
    let warned = log.with("a module is in quarantine");
    assert!(warned.iter().any(|event| event.field("deaths") == "2"), "{warned:?}");
    let other = add_of_another_module(&executor);
    assert_eq!(end_of(&executor.submit(other.call::<_, u64>((4_u64, 5_u64))).expect("submits")), Ok(9));
    executor.lift_quarantine(module());
    assert_eq!(add(&executor), Ok(5));
    executor.lift_quarantine(module());
}

#[test]
fn one_task_is_let_through_after_the_time_and_brings_the_module_back() {
    let _house = house();
    let executor = pool(1, Duration::from_millis(200));
    kill_one(&executor);
    assert!(matches!(add(&executor), Err(TaskError::Quarantined { .. })));
    until("a trial is let through", || add(&executor).is_ok());
    assert_eq!((add(&executor), add(&executor)), (Ok(5), Ok(5)));
}

#[test]
fn tasks_that_wait_end_with_the_quarantine_and_one_that_allows_retries_is_not_run_again() {
    let _house = house();
    let executor = pool(1, LONG);
    let first = executor.submit(wait_for_ever().into_task().retries(100)).expect("submits");
    until("it runs", || first.running());
    let waiting: Vec<_> = (0..100).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
    let other = executor.submit(add_of_another_module(&executor).call::<_, u64>((4_u64, 5_u64))).expect("submits");
    kill(only_worker(&executor).pid);
    assert!(error_of(&first).broken_process_pool().is_some(), "what ended it is told");
    for future in &waiting {
        assert_eq!(quarantine(&error_of(future)).deaths, 1);
    }
    assert_eq!(end_of(&other), Ok(9));
    let stats = executor.stats();
    assert_eq!((stats.failed, stats.finished, stats.workers_lost), (101, 1, 1));
    executor.shutdown(Shutdown::Finish);
}

#[test]
fn what_ends_a_task_and_not_its_worker_puts_nothing_in_quarantine() {
    let _house = house();
    let executor = pool(1, LONG);
    let limit = Duration::from_millis(20);
    for _ in 0..3 {
        assert!(end_of(&executor.submit(crash::trap_unreachable::task()).expect("submits")).is_err());
        assert!(end_of(&executor.submit(failure::panics::task("on purpose".into())).expect("submits")).is_err());
        let late = executor.submit(wait_for_ever().into_task().time_limit(limit)).expect("submits");
        assert!(matches!(end_of(&late), Err(TaskError::TimedOut { .. })));
        assert!(begin_waiting(&executor).cancel());
    }
    assert_eq!(add(&executor), Ok(5));
}

#[test]
fn an_executor_that_wants_no_quarantine_has_none() {
    let _house = house();
    let executor = pool(usize::MAX, LONG);
    for _ in 0..=limits::DEFAULT_QUARANTINE_DEATHS {
        kill_one(&executor);
    }
    assert_eq!(add(&executor), Ok(5));
}

#[test]
fn options_of_a_quarantine_that_cannot_be_are_refused() {
    let refused = |builder: isopool::ExecutorBuilder| {
        let error = builder.build().map(drop).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        error.to_string()
    };
    assert!(
        refused(Executor::builder().quarantine_after(0))
            .starts_with("quarantine_after is 0; it must be between 1 and ")
    );
    for (first, told) in [(Duration::ZERO, "0ns"), (limits::LONGEST_QUARANTINE + Duration::from_millis(1), "600.001s")]
    {
        let message = refused(Executor::builder().first_quarantine(first));
        assert_eq!(message, format!("first_quarantine is {told}; it must be longer than 0, and no longer than 600s"));
    }
}
