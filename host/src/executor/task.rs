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
