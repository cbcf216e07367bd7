//! What comes of a task that must not wait for room.

use super::future::TaskFuture;
use super::task::{IntoTask, Task};
use crate::error::Error;
use std::fmt;

/// What [`Executor::try_submit`](crate::Executor::try_submit) gives: the future, or the task back.
pub type TrySubmitted<T> =
    Result<TaskFuture<<T as IntoTask>::Output>, TrySubmitError<<T as IntoTask>::Arguments, <T as IntoTask>::Output>>;

/// A task that [`Executor::try_submit`](crate::Executor::try_submit) did not take.
pub struct TrySubmitError<A, R> {
    /// The task, whole.
    pub task: Task<A, R>,
    /// Why it was refused; [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull) when there was no room.
    pub error: Error,
}

impl<A: fmt::Debug, R> fmt::Debug for TrySubmitError<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySubmitError").field("task", &self.task).field("error", &self.error).finish()
    }
}

impl<A, R> fmt::Display for TrySubmitError<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<A: fmt::Debug, R> std::error::Error for TrySubmitError<A, R> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}
