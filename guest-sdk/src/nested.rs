//! What it does: submits tasks from a task, and waits for them. Takes from: guest code. Hands to: the worker, through the
//! `nested` import. Never: runs a task itself.

use crate::{Call, Codec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// How many tasks a [`map()`] has in flight.
const MAP_AHEAD: usize = 64;

/// Why a task that was submitted by a task gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct TaskError {
    /// What sort of error.
    pub kind: TaskErrorKind,
    /// What happened, in the words that the caller of the pool would be told.
    pub message: String,
}

/// What sort of [`TaskError`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskErrorKind {
    /// The task returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// Its arguments or its result could not be encoded or decoded.
    Codec,
    /// It trapped.
    Trapped,
    /// The process that it ran in is gone.
    Lost,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// An argument or a result is over a limit.
    TooLarge,
    /// It was cancelled.
    Cancelled,
    /// The pool ends.
    Shutdown,
    /// It was never run: it is nested too deep, the task holds too many, or the module has no such function.
    Refused,
    /// Only the wait has ended, and the task goes on.
    WaitTimedOut,
    /// There is no pool: the function runs outside a sandbox.
    NoPool,
}

impl TaskError {
    pub(crate) fn new(kind: TaskErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// A task that a task has submitted.
///
/// Dropping it cancels the task if it has not ended: nobody could see its result.
#[must_use = "a task whose future is dropped is cancelled"]
pub struct TaskFuture<R> {
    #[cfg(target_family = "wasm")]
    child: crate::wasm::Child,
    signature: &'static str,
    result: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for TaskFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskFuture").field("signature", &self.signature).finish()
    }
}

/// Submits a task from a task: a call of a function of the same module (functions of packages that this one depends on are in
/// it too). It runs in the same pool, in a sandbox of its own, on any worker that is free, and in this one while this task waits
/// for it: so any number of tasks may wait for tasks of theirs, with a single worker too.
///
/// It ends with its parent at the latest: what has not ended when this task does is cancelled. It has no use of the objects of
/// [`sync`](crate::sync) that its parent was passed: they are the parent's alone ([`SyncError::NotShared`](crate::sync::SyncError)).
///
/// ```
/// # use isopool_guest::{EmbeddedModule, TaskError, submit, task};
/// # static MODULE: EmbeddedModule = EmbeddedModule { name: "tasks", wasm: b"" };
/// #[task(module = MODULE)] // in a package with the build script, just `#[task]`
/// pub fn fibonacci(n: u64) -> Result<u64, TaskError> {
///     if n < 2 {
///         return Ok(n);
///     }
///     let first = submit(fibonacci::task(n - 1))?;
///     let second = submit(fibonacci::task(n - 2))?;
///     Ok(first.result()? + second.result()?)
/// }
/// # fn main() { assert!(fibonacci(2).is_err()) } // no pool here
/// ```
///
/// # Errors
/// [`TaskErrorKind::Refused`]: the task is nested as deep as the caller allows (`ISOPOOL_MAX_DEPTH`, 10 by default), or holds
/// 1024 futures. [`TaskErrorKind::TooLarge`]: the arguments are over a limit. [`TaskErrorKind::Codec`]: they cannot be encoded.
/// [`TaskErrorKind::NoPool`]: outside a sandbox. Everything else is the future's error.
pub fn submit<A: Serialize, R: DeserializeOwned>(call: Call<A, R>) -> Result<TaskFuture<R>, TaskError> {
    let signature = call.signature;
    let argument = Codec::Bincode.encode(&call.arguments).map_err(|error| {
        TaskError::new(TaskErrorKind::Codec, format!("the arguments of `{signature}` cannot be encoded: {error}"))
    })?;
    #[cfg(target_family = "wasm")]
    {
        let child = crate::wasm::submit(call.function, Codec::Bincode.name(), &argument)?;
        Ok(TaskFuture { child, signature, result: PhantomData })
    }
    #[cfg(not(target_family = "wasm"))]
    {
        drop(argument);
        let message = format!("`{}` cannot be submitted outside a sandbox: there is no pool", call.function);
        Err(TaskError::new(TaskErrorKind::NoPool, message))
    }
}

impl<R: DeserializeOwned> TaskFuture<R> {
    /// Waits for the task to end, and gives its value.
    ///
    /// # Errors
    /// How it ended without one.
    pub fn result(self) -> Result<R, TaskError> {
        self.decode(&self.wait(None)?)
    }

    /// As [`result`](Self::result), and not much longer than `timeout`: a worker that waits may run a task of the same parent
    /// meanwhile, this one among them, and that comes to its end first.
    ///
    /// # Errors
    /// Also [`TaskErrorKind::WaitTimedOut`], with the future, for another wait.
    pub fn result_timeout(self, timeout: Duration) -> Result<R, (TaskError, Option<Self>)> {
        match self.wait(Some(timeout)) {
            Ok(bytes) => self.decode(&bytes).map_err(|error| (error, None)),
            Err(error) if error.kind == TaskErrorKind::WaitTimedOut => Err((error, Some(self))),
            Err(error) => Err((error, None)),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<R, TaskError> {
        Codec::Bincode.decode(bytes).map_err(|error| {
            let message = format!("the result of `{}` does not decode: {error}", self.signature);
            TaskError::new(TaskErrorKind::Codec, message)
        })
    }

    #[cfg(target_family = "wasm")]
    fn wait(&self, timeout: Option<Duration>) -> Result<Vec<u8>, TaskError> {
        crate::wasm::wait(&self.child, timeout)
    }

    #[cfg(not(target_family = "wasm"))]
    fn wait(&self, _timeout: Option<Duration>) -> Result<Vec<u8>, TaskError> {
        Err(TaskError::new(TaskErrorKind::NoPool, "there is no pool outside a sandbox"))
    }
}

impl<R> TaskFuture<R> {
    /// Cancels the task: one that has not begun never begins, one that runs is stopped. Its result is then
    /// [`TaskErrorKind::Cancelled`], unless it has ended before.
    pub fn cancel(&self) {
        #[cfg(target_family = "wasm")]
        self.child.cancel();
    }
}

/// Calls `task` for each item, and gives the results in the order of the items. Lazy: items are taken as the results are asked
/// for, at most 64 ahead. Dropping it cancels what has not ended.
pub fn map<I, F, A, R>(task: F, items: I) -> Map<I::IntoIter, F, R>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> Call<A, R>,
    A: Serialize,
    R: DeserializeOwned,
{
    Map { items: items.into_iter(), task, ahead: VecDeque::new() }
}

/// The results of [`map()`].
pub struct Map<I, F, R> {
    items: I,
    task: F,
    ahead: VecDeque<Result<TaskFuture<R>, TaskError>>,
}

impl<I, F, R> fmt::Debug for Map<I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("ahead", &self.ahead.len()).finish()
    }
}

impl<I, F, A, R> Iterator for Map<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item) -> Call<A, R>,
    A: Serialize,
    R: DeserializeOwned,
{
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ahead.len() < MAP_AHEAD
            && let Some(item) = self.items.next()
        {
            self.ahead.push_back(submit((self.task)(item)));
        }
        Some(self.ahead.pop_front()?.and_then(TaskFuture::result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddedModule;

    static MODULE: EmbeddedModule = EmbeddedModule { name: "tasks", wasm: b"" };

    #[test]
    fn outside_a_sandbox_there_is_no_pool_to_submit_to() {
        let call = |n: u64| Call::<(u64,), u64>::new(&MODULE, "double", "fn(n: u64) -> u64", (n,));
        let error = submit(call(1)).expect_err("no pool");
        assert_eq!(error.kind, TaskErrorKind::NoPool);
        assert!(error.message.contains("`double`"), "{error}");
        let results: Vec<_> = map(call, 0..3).collect();
        assert_eq!(results.len(), 3, "an error for each");
        assert!(results.iter().all(Result::is_err));
    }
}
