//! Bounded waits: what a test waits for comes soon, or the test fails and says what did not come.

use isopool::{Executor, TaskError, TaskFuture, WorkerRef};
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};

/// Long enough for the slowest machine: only a hang takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a task ended; a task that does not end fails the test.
pub(crate) fn end_of<T: DeserializeOwned>(future: &TaskFuture<T>) -> Result<T, TaskError> {
    let end = future.result_timeout(PATIENCE);
    assert!(!end.as_ref().is_err_and(TaskError::is_wait_timeout), "{future:?} hangs");
    end
}

/// The error that a task ended with.
pub(crate) fn error_of<T: DeserializeOwned>(future: &TaskFuture<T>) -> TaskError {
    end_of(future).err().unwrap_or_else(|| panic!("{future:?} gave a value"))
}

/// Looks until it is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    until_within(PATIENCE, what, is_so);
}

/// Looks until it is so, and gives how long that took.
///
/// Where the machine gives this thread no time, it gives none to what is waited for either: between two looks no more counts than
/// a scheduler's turn or two.
pub(crate) fn until_within(limit: Duration, what: &str, is_so: impl Fn() -> bool) -> Duration {
    const TURN: Duration = Duration::from_millis(10);
    let begun = Instant::now();
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < limit, "after {limit:?} still not so: {what}");
        let look = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        waited += look.elapsed().min(TURN);
    }
    begun.elapsed()
}

/// The one worker of an executor.
pub(crate) fn only_worker(executor: &Executor) -> WorkerRef {
    let workers = executor.stats().workers;
    assert_eq!(workers.len(), 1, "one worker is up: {workers:?}");
    workers[0]
}

/// Whether a process runs: neither gone nor waiting to be reaped.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // After the name, which is in brackets and may hold anything.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Kills a process with SIGKILL; one that is gone already is no error.
pub(crate) fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("process ids are small"));
    let killed = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    assert!(matches!(killed, Ok(()) | Err(nix::errno::Errno::ESRCH)), "{killed:?}");
}
