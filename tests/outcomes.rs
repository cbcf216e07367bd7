//! What becomes of what: the table of the design, row by row.

use guest_basic::{failure, value};
use isopool::{Executor, TaskError};

#[test]
fn a_value_comes_back() {
    let executor = Executor::builder().max_workers(2).build().expect("builds");
    let future = executor.submit(value::add::task(2, 3)).expect("submits");
    assert_eq!(future.result().expect("adds"), 5);
    let error =
        executor.submit(failure::panics::task("boom".to_owned())).expect("submits").result().expect_err("panics");
    eprintln!("{error}");
    assert!(matches!(error, TaskError::Panicked { .. }));
}
