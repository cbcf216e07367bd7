//! What can be submitted.

use super::grants::Asked;
use super::options::GuestOutput;
use super::schedule::Schedule;
use super::task_limits;
use crate::error::{Error, ErrorKind};
use crate::ipc::RunOptions;
use crate::limits::MAX_TASK_ENVIRONMENT_BYTES;
use crate::module::Source;
use crate::task::TaskLimits;
use isopool_guest::Call;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::Arc;

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
    pub(crate) signature: &'static str,
    pub(crate) arguments: A,
    /// What it has that others have not.
    pub(crate) options: Option<Box<RunOptions>>,
    /// Whose it is, and what it may reach.
    pub(crate) asked: Option<Box<Asked>>,
    /// What it reads while it runs, if it is a program.
    pub(crate) input: Option<Arc<OwnedFd>>,
    /// When it runs, and how often.
    pub(crate) schedule: Schedule,
    pub(crate) result: PhantomData<fn() -> R>,
}

impl<A, R> Task<A, R> {
    pub(super) fn new(source: Source, function: Cow<'static, str>, signature: &'static str, arguments: A) -> Self {
        Self {
            source,
            function,
            signature,
            arguments,
            options: None,
            asked: None,
            input: None,
            schedule: Schedule::default(),
            result: PhantomData,
        }
    }

    /// Sets a variable of this task's environment, beside those of the [executor](crate::ExecutorBuilder::env) and
    /// before one of the same name. The last value given for a name counts. Names and values together have at most
    /// [`MAX_TASK_ENVIRONMENT_BYTES`]; `submit` refuses more, and a name that is empty or has `=` or NUL in it.
    ///
    /// With [`Reuse::Worker`](crate::Reuse::Worker), a task with variables of its own gets an instance of its own,
    /// because a guest reads its environment once: it neither sees nor changes the state that other tasks keep. An
    /// [initializer](crate::ExecutorBuilder::initializer) that reads its environment fixes it for every task of the
    /// module.
    ///
    /// ```
    /// use guest_basic::environment::env; // `std::env::var(name).ok()`, as a task
    /// use isopool::{Executor, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).env("LANG", "C").build()?;
    /// let task = env::task("LANG".into()).into_task().env("LANG", "de");
    /// assert_eq!(executor.submit(task)?.result()?.as_deref(), Some("de"));
    /// assert_eq!(executor.submit(env::task("LANG".into()))?.result()?.as_deref(), Some("C"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        let environment = &mut self.options.get_or_insert_default().environment;
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
        self
    }

    /// Where this task's standard output and standard error go, whatever the
    /// [executor](crate::ExecutorBuilder::guest_output) says. The executor's
    /// [bound](crate::ExecutorBuilder::max_output_bytes) holds, and for [`GuestOutput::Capture`] also
    /// [`limits::MAX_CAPTURED_OUTPUT_BYTES`](crate::limits::MAX_CAPTURED_OUTPUT_BYTES). Tasks that this one submits have the
    /// same environment and output; what is captured of theirs goes with their own reports, which nobody sees.
    ///
    /// ```
    /// use guest_basic::environment::print;
    /// use isopool::{Executor, GuestOutput, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let task = print::task("out".into(), "err".into()).into_task().guest_output(GuestOutput::Capture);
    /// let future = executor.submit(task)?;
    /// future.result()?;
    /// let output = &future.report().expect("it has run").output;
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out"[..], &b"err"[..]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn guest_output(mut self, output: GuestOutput) -> Self {
        self.options.get_or_insert_default().output = Some(output);
        self
    }

    /// Checks what no type can.
    pub(super) fn check_options(&self, executor: &TaskLimits) -> Result<(), Error> {
        let limits = self.options.as_ref().map_or(&[][..], |options| &options.limits);
        task_limits::check_own(limits, executor)?;
        let environment = self.options.as_ref().map_or(&[][..], |options| &options.environment);
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidOption, message));
        if let Some((name, _)) = environment.iter().find(|(name, _)| name.is_empty() || name.contains(['=', '\0'])) {
            return refuse(format!(
                "{name:?} is no name of an environment variable: it is empty, or has `=` or NUL in it"
            ));
        }
        let bytes: usize = environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_TASK_ENVIRONMENT_BYTES {
            return refuse(format!(
                "the environment of a task has {bytes} bytes, the limit is {MAX_TASK_ENVIRONMENT_BYTES}; large data \
                 goes into the arguments"
            ));
        }
        Ok(())
    }
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
        Task::new(Source::Embedded(self.module), Cow::Borrowed(self.function), self.signature, self.arguments)
    }
}
