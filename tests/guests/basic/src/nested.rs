//! What it does: tasks that submit tasks. Never: does so outside a sandbox: there is no pool.

use crate::{crash, failure, files, resources, value};
use isopool_guest::{TaskError, TaskErrorKind, map, submit, task};
use std::time::Duration;

/// The `n`th Fibonacci number, the slow way: each call is a task.
///
/// # Errors
/// A task of its ends without a value.
#[task]
pub fn fibonacci(n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let first = submit(fibonacci::task(n - 1))?;
    let second = submit(fibonacci::task(n - 2))?;
    Ok(first.result()? + second.result()?)
}

/// The sum of `0 + 1`, `1 + 1`, … `count - 1 + 1`, each a task.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn sum_of_many(count: u64) -> Result<u64, TaskError> {
    map(|n| value::add::task(n, 1), 0..count).sum()
}

/// The text of a file, read so many times, each time by a task.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn read_in_children(path: String, count: u64) -> Result<Vec<String>, TaskError> {
    map(|_| files::read::task(path.clone()), 0..count).collect()
}

/// Counts to `count` with a task for each step.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn one_after_another(count: u64) -> Result<u64, TaskError> {
    (0..count).try_fold(0, |sum, _| submit(value::add::task(sum, 1))?.result())
}

/// Nests itself until it is refused; gives how deep it came, and what was said there.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn descend(depth: u64) -> Result<(u64, String), TaskError> {
    match submit(descend::task(depth + 1)) {
        Ok(deeper) => deeper.result(),
        Err(refused) => Ok((depth, refused.message)),
    }
}

fn told<R>(result: Result<R, TaskError>) -> String {
    match result {
        Ok(_) => "it returned".to_owned(),
        Err(error) => format!("{:?}: {}", error.kind, error.message),
    }
}

/// What its parent is told of each way to end.
///
/// # Errors
/// One could not be submitted.
#[task]
pub fn ends() -> Result<Vec<String>, TaskError> {
    let gone = submit(resources::sleep_ms::task(60_000))?;
    gone.cancel();
    Ok(vec![
        told(submit(value::add::task(1, 2))?.result()),
        told(submit(failure::fails::task())?.result()),
        told(submit(failure::panics::task("on purpose".into()))?.result()),
        told(submit(crash::trap_unreachable::task())?.result()),
        told(gone.result()),
    ])
}

/// Logs a text, and then never ends.
#[task]
pub fn announce(text: String) {
    log::info!("{text}");
    std::thread::sleep(Duration::from_secs(600));
}

/// Submits a task that announces itself with a text and never ends, and waits for it.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn wait_for_one_that_never_ends(text: String) -> Result<(), TaskError> {
    submit(announce::task(text))?.result()
}

/// As [`wait_for_one_that_never_ends()`], but another worker has the time to begin it; gives how it ended.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn be_told_of_one_in_another_worker(text: String, time_ms: u64) -> Result<String, TaskError> {
    let child = submit(announce::task(text))?;
    std::thread::sleep(Duration::from_millis(time_ms));
    Ok(told(child.result()))
}

/// Submits one that never ends and one that waits for such a one, and then waits itself.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn wait_for_two_that_never_end() -> Result<(), TaskError> {
    let first = submit(resources::sleep_ms::task(600_000))?;
    let second = submit(wait_for_one_that_never_ends::task("a child of a child".into()))?;
    first.result()?;
    second.result()
}

/// Submits `count` tasks that never end, and returns without them.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn leave_children_behind(count: u64) -> Result<(), TaskError> {
    let children: Result<Vec<_>, _> = (0..count).map(|_| submit(resources::sleep_ms::task(600_000))).collect();
    let Err((error, Some(_))) = submit(resources::sleep_ms::task(600_000))?.result_timeout(Duration::ZERO) else {
        return Ok(());
    };
    assert_eq!(error.kind, TaskErrorKind::WaitTimedOut);
    std::mem::forget(children?);
    Ok(())
}

/// Submits tasks until it is refused, each of which does the same; gives how many, and what was said.
///
/// # Errors
/// As [`fibonacci()`].
#[task]
pub fn bomb(fuse_ms: u64) -> Result<(u64, String), TaskError> {
    let mut held = Vec::new();
    let refused = loop {
        match submit(bomb::task(fuse_ms)) {
            Ok(child) => held.push(child),
            Err(refused) => break refused,
        }
    };
    std::thread::sleep(Duration::from_millis(fuse_ms));
    Ok((held.len() as u64, refused.message))
}

/// Submits an argument of so many bytes; gives what was said of it.
#[task]
pub fn submit_bytes(bytes: u64) -> String {
    told(submit(value::echo_vec::task(vec![7; bytes as usize])).and_then(|echo| echo.result()))
}

/// Submits tasks with an argument of so many bytes each, and holds them, until one is refused; gives how many it holds, and
/// what was said.
#[task]
pub fn hold_bytes(bytes: u64) -> (u64, String) {
    let mut held = Vec::new();
    loop {
        match submit(value::echo_vec::task(vec![7; bytes as usize])) {
            Ok(child) => held.push(child),
            Err(refused) => return (held.len() as u64, refused.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_sandbox_there_is_no_pool() {
        assert_eq!(fibonacci(1), Ok(1));
        assert!(fibonacci(2).is_err() && sum_of_many(1).is_err() && one_after_another(1).is_err() && ends().is_err());
        assert!(wait_for_one_that_never_ends(String::new()).is_err() && wait_for_two_that_never_end().is_err());
        assert!(leave_children_behind(1).is_err());
        assert_eq!(descend(0).expect("refused at once").0, 0);
        assert_eq!(bomb(0).expect("refused at once").0, 0);
        assert!(submit_bytes(1).starts_with("NoPool"));
    }
}
