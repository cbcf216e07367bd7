//! Tasks that may run for so long and no longer.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, only_worker, until};
use crate::support::{begin_waiting, executor, house, wait_for_ever};
use guest_basic::{crash, resources, state, value};
use isopool::{Containment, ErrorKind, Executor, IntoTask, TaskError, TimeLimit};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(100);

// behaviour: B30
#[test]
fn a_task_past_its_limit_is_stopped_and_its_neighbours_are_untouched() {
    let _house = house();
    let executor = executor(2);
    let beside = executor.submit(resources::sleep_ms::task(400)).expect("submits");
    let sleeping = executor.submit(wait_for_ever().into_task().time_limit(SHORT)).expect("submits");
    let behind: Vec<_> = (0..50).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
    let error = error_of(&sleeping);
    let TaskError::TimedOut { limit, .. } = &error else { panic!("{error}") };
    assert_eq!(*limit, SHORT);
    let said = error.to_string();
    assert!(said.contains("100ms") && said.contains("time_limit()") && said.contains("sleep_ms"), "{said}");
    assert!(!error.is_wait_timeout() && !sleeping.cancelled() && sleeping.report().is_none());
    assert!((1..).zip(&behind).all(|(sum, future)| end_of(future) == Ok(sum)));
    assert_eq!(end_of(&beside), Ok(()));
    assert!(executor.broken().is_none());
}

// behaviour: B30
#[test]
fn a_task_that_computes_for_ever_is_stopped_and_its_worker_replaced() {
    let _house = house();
    let executor = Executor::builder()
        .max_workers(1)
        .task_time_limit(SHORT)
        .containment(Containment::Pool)
        .build()
        .expect("builds");
    assert_eq!(end_of(&executor.submit(value::add::task(1, 1)).expect("submits")), Ok(2));
    let before = only_worker(&executor);
    let spinning = executor.submit(crash::spin::task()).expect("submits");
    assert!(matches!(error_of(&spinning), TaskError::TimedOut { .. }));
    // Not a crash: even this containment goes on.
    assert_eq!(end_of(&executor.submit(value::add::task(2, 2)).expect("submits")), Ok(4));
    until("the worker that computed is gone", || !is_alive(before.pid));
    assert_eq!(only_worker(&executor).index, before.index);
}

// behaviour: B30
#[test]
fn a_task_s_own_limit_counts_before_the_executor_s_and_waiting_does_not_count() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).task_time_limit(SHORT).build().expect("builds");
    let patient = resources::sleep_ms::task(250).into_task().time_limit(Duration::from_secs(60));
    let patient = executor.submit(patient).expect("submits");
    // It waits for longer than it may run.
    let waiting = executor.submit(value::add::task(1, 2)).expect("submits");
    assert_eq!(end_of(&patient), Ok(()));
    assert_eq!(end_of(&waiting), Ok(3));
}

// behaviour: B30
#[test]
fn the_end_of_a_wait_is_told_from_the_end_of_the_task() {
    let _house = house();
    let executor = executor(1);
    let limit = Duration::from_millis(400);
    let task = executor.submit(wait_for_ever().into_task().time_limit(limit)).expect("submits");
    let error = task.result_timeout(Duration::from_millis(1)).expect_err("it runs");
    assert!(error.is_wait_timeout(), "{error}");
    assert!(matches!(error_of(&task), TaskError::TimedOut { .. }));
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let _house = house();
    let executor = executor(1);
    let error = executor.submit(value::noop::task().into_task().time_limit(Duration::ZERO)).expect_err("refused");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::InvalidOption, "time_limit is 0; it must be longer")
    );
    let error = Executor::builder().task_time_limit(Duration::ZERO).build().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    // Longer than any clock: no limit.
    let task = value::add::task(1, 1).into_task().time_limit(Duration::MAX);
    assert_eq!(end_of(&executor.submit(task).expect("submits")), Ok(2));
}

#[test]
fn a_task_that_waits_past_its_deadline_ends_without_having_begun() {
    let _house = house();
    let executor = executor(1);
    let busy = begin_waiting(&executor);
    let soon = Instant::now() + SHORT;
    let ahead = executor.submit(state::counter::task().into_task().deadline(soon)).expect("submits");
    let past = executor.submit(state::counter::task().into_task().deadline(Instant::now())).expect("submits");
    let patient = executor.submit(value::add::task(1, 2).into_task().deadline(soon + 10 * PATIENCE)).expect("submits");
    for late in [&ahead, &past] {
        let error = error_of(late);
        assert!(matches!(error, TaskError::TimedOut { which: TimeLimit::Deadline, .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("deadline()") && said.contains("counter"), "{said}");
        assert!(late.report().is_none(), "it has not run");
    }
    assert!(busy.running(), "its worker is untouched");
    assert!(busy.cancel());
    assert_eq!(end_of(&patient), Ok(3));
}

#[test]
fn a_task_that_runs_is_stopped_at_its_deadline_and_its_neighbours_are_untouched() {
    let _house = house();
    let executor = Executor::builder().max_workers(2).task_deadline(SHORT).build().expect("builds");
    let late = executor.submit(crash::spin::task()).expect("submits");
    let own = Instant::now() + PATIENCE;
    let beside = executor.submit(resources::sleep_ms::task(300).into_task().deadline(own)).expect("submits");
    let error = error_of(&late);
    assert!(
        matches!(error, TaskError::TimedOut { limit, which: TimeLimit::Deadline, .. } if limit <= SHORT),
        "{error}"
    );
    assert_eq!(end_of(&beside), Ok(()));
    let error = Executor::builder().task_deadline(Duration::ZERO).build().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
}
