//! What can be submitted.

use super::schedule::Schedule;
use crate::module::Source;
use isopool_guest::Call;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// One call of a guest function: module, function, arguments. Nothing happens until it is submitted.
///
/// Made from a typed stub (`word_count::task(text)`, see `isopool-guest`), from [`task!`](crate::task), or from a module
/// that was loaded at run time ([`Function::call`](crate::Function::call)).
///
/// ```
/// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// use isopool::{Executor, Task, TaskError};
///
/// fn run(executor: &Executor, task: &Task<(u64, u64), u64>) -> Result<u64, TaskError> {
///     executor.submit(task.clone()).expect("the executor is open").result()
/// }
/// let add = executor.load("numbers", wasm)?.function("value::add")?;
/// let task = add.call((2, 3));
/// assert_eq!(run(&executor, &task)? + run(&executor, &task)?, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Task<A, R> {
    pub(crate) source: Source,
    pub(crate) function: Cow<'static, str>,
    /// What the caller was compiled against; empty when it does not say.
    pub(crate) signature: Cow<'static, str>,
    pub(crate) arguments: A,
    /// When it runs, and how often.
    pub(crate) schedule: Schedule,
    pub(crate) result: PhantomData<fn() -> R>,
}

impl<A: fmt::Debug, R> fmt::Debug for Task<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("function", &self.function).field("arguments", &self.arguments).finish()
    }
}

/// Anything that an executor can run: a [`Task`], or the [`Call`] that a typed stub makes.
///
/// ```
/// # use guest_basic::value::add;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// use isopool::{Error, Executor, IntoTask, TaskFuture};
///
/// /// Submits to a pool and tells of it.
/// fn submit<T: IntoTask>(executor: &Executor, task: T) -> Result<TaskFuture<T::Output>, Error> {
///     executor.submit(task).inspect(|future| println!("submitted {}", future.task()))
/// }
/// assert_eq!(submit(&executor, add::task(2, 3))?.result()?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait IntoTask {
    /// The tuple of arguments.
    type Arguments: Serialize;
    /// What the function returns.
    type Output: DeserializeOwned;
    /// The task.
    fn into_task(self) -> Task<Self::Arguments, Self::Output>;
}

impl<A: Serialize, R: DeserializeOwned> IntoTask for Task<A, R> {
    type Arguments = A;
    type Output = R;
    fn into_task(self) -> Task<A, R> {
        self
    }
}

impl<A: Serialize, R: DeserializeOwned> IntoTask for Call<A, R> {
    type Arguments = A;
    type Output = R;
    fn into_task(self) -> Task<A, R> {
        Task {
            source: Source::Embedded(self.module),
            function: Cow::Borrowed(self.function),
            signature: Cow::Borrowed(self.signature),
            arguments: self.arguments,
            schedule: Schedule::default(),
            result: PhantomData,
        }
    }
}
