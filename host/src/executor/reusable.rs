//! One executor that is used again and again.

use super::builder::{ExecutorBuilder, checked_max_workers};
use super::handle::Executor;
use super::options::Shutdown;
use crate::context::{StartMethod, get_start_method};
use crate::error::{BrokenProcessPool, Error};
use crate::limits::DEFAULT_REUSABLE_IDLE_TIMEOUT;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::fmt;

thread_local! {
    static OF_THREAD: RefCell<Option<Executor>> = const { RefCell::new(None) };
}

static OF_PROGRAM: Mutex<Option<Executor>> = Mutex::new(None);

/// The executor of this thread with these options: the one of the last call if it fits, else a new one. The same as
/// [`ExecutorBuilder::reusable`] with its defaults, which also tells whether the executor is a new one.
///
/// - Every option but `max_workers` as before: the same executor, resized if `max_workers` differs (not given: the
///   default).
/// - Broken or shut down: a new one takes its place. Results that were finished stay with their futures.
/// - Other options: a new one is made. The old one finishes what was submitted to it, and goes on for those who still hold
///   it.
///
/// Idle workers leave after [`DEFAULT_REUSABLE_IDLE_TIMEOUT`] unless `idle_timeout` says otherwise.
///
/// # Errors
/// As [`ExecutorBuilder::build`]. The start method `fork` is refused: it is unsafe in a program with threads.
///
/// # Source
/// loky's `get_reusable_executor`, which is per thread since 3.7.0.
///
/// ```
/// # fn main() -> Result<(), isopool::Error> {
/// use isopool::{Executor, get_reusable_executor};
/// let first = get_reusable_executor(Executor::builder().max_workers(2))?;
/// let second = get_reusable_executor(Executor::builder().max_workers(3))?;
/// assert_eq!(first.id(), second.id());
/// assert_eq!(first.max_workers(), 3);
/// # Ok(())
/// # }
/// ```
pub fn get_reusable_executor(builder: ExecutorBuilder) -> Result<Executor, Error> {
    Ok(builder.reusable().get()?.executor)
}

/// Takes the executor out of the factory, if it has one: the next call makes a new one. What becomes of it is the
/// caller's choice; dropped, it finishes what was submitted, and leaves.
///
/// ```
/// # fn main() -> Result<(), isopool::Error> {
/// use isopool::{Executor, ReusableScope, Shutdown, release_reusable_executor};
/// Executor::builder().max_workers(1).reusable().scope(ReusableScope::Program).get()?;
/// if let Some(executor) = release_reusable_executor(ReusableScope::Program) {
///     executor.shutdown(Shutdown::Finish);
/// }
/// assert!(release_reusable_executor(ReusableScope::Program).is_none());
/// # Ok(())
/// # }
/// ```
pub fn release_reusable_executor(scope: ReusableScope) -> Option<Executor> {
    scope.with(Option::take)
}

/// When the factory gives the executor that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReuseExecutor {
    /// When every option but `max_workers` is as it was when the executor was made. It is resized to `max_workers`; not
    /// given: to the default.
    #[default]
    Auto,
    /// Whatever its options. It is resized to `max_workers`; not given: it keeps its size.
    Always,
    /// Never: a new one takes its place.
    Never,
}

/// Who shares an executor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReusableScope {
    /// Those who ask on the same thread.
    #[default]
    Thread,
    /// Everyone in the program.
    Program,
}

impl ReusableScope {
    fn with<R>(self, body: impl FnOnce(&mut Option<Executor>) -> R) -> R {
        match self {
            ReusableScope::Thread => OF_THREAD.with_borrow_mut(body),
            ReusableScope::Program => body(&mut OF_PROGRAM.lock()),
        }
    }
}

/// Why the factory did not give the executor that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReused {
    /// It had none.
    First,
    /// The executor was broken.
    Broken(BrokenProcessPool),
    /// The executor was shut down.
    ShutDown,
    /// It was made with other options: those of these names.
    OtherOptions(Vec<&'static str>),
    /// It was asked not to: [`ReuseExecutor::Never`].
    Asked,
}

impl fmt::Display for NotReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReused::First => f.write_str("there was no executor before"),
            NotReused::Broken(cause) => write!(f, "the executor before is broken: {cause}"),
            NotReused::ShutDown => f.write_str("the executor before was shut down"),
            NotReused::OtherOptions(names) => {
                write!(f, "the executor before has other options: {}", names.join(", "))
            }
            NotReused::Asked => f.write_str("a new executor was asked for"),
        }
    }
}

/// What the factory gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReusableExecutor {
    /// The executor.
    pub executor: Executor,
    /// Why it is a new one; `None` when it is the one of before.
    pub not_reused: Option<NotReused>,
}

impl ReusableExecutor {
    /// Whether it is the executor of before.
    pub fn is_reused(&self) -> bool {
        self.not_reused.is_none()
    }
}

/// How the factory is asked: see [`ExecutorBuilder::reusable`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked for until get()"]
pub struct ReusableBuilder {
    builder: ExecutorBuilder,
    reuse: ReuseExecutor,
    scope: ReusableScope,
    kill_workers: bool,
}

impl ExecutorBuilder {
    /// Asks the factory for an executor instead of building one: it gives the one of the last call if that fits, and says
    /// whether it did. Idle workers leave after [`DEFAULT_REUSABLE_IDLE_TIMEOUT`] unless `idle_timeout` says otherwise.
    ///
    /// # Source
    /// loky's `get_reusable_executor`.
    ///
    /// ```
    /// # fn main() -> Result<(), isopool::Error> {
    /// use isopool::{Executor, NotReused};
    /// let first = Executor::builder().max_workers(2).reusable().get()?;
    /// assert_eq!(first.not_reused, Some(NotReused::First));
    /// assert!(Executor::builder().max_workers(3).reusable().get()?.is_reused());
    /// let other = Executor::builder().max_workers(2).env("LANG", "C").reusable().get()?;
    /// assert_eq!(other.not_reused, Some(NotReused::OtherOptions(vec!["env"])));
    /// # Ok(())
    /// # }
    /// ```
    pub fn reusable(self) -> ReusableBuilder {
        let (reuse, scope) = (ReuseExecutor::default(), ReusableScope::default());
        ReusableBuilder { builder: self, reuse, scope, kill_workers: false }
    }
}

impl ReusableBuilder {
    /// When the executor of before is given. Default: [`ReuseExecutor::Auto`].
    pub fn reuse(mut self, reuse: ReuseExecutor) -> Self {
        self.reuse = reuse;
        self
    }

    /// Who shares the executor. Default: [`ReusableScope::Thread`].
    pub fn scope(mut self, scope: ReusableScope) -> Self {
        self.scope = scope;
        self
    }

    /// How an executor ends that a new one takes the place of. `false`, the default: it finishes what was submitted to it,
    /// goes on for those who still hold it, and leaves with the last of them. `true`: as by
    /// [`Shutdown::Kill`]; its unfinished tasks end with [`TaskError::Shutdown`](crate::TaskError::Shutdown), whoever holds
    /// it.
    pub fn kill_workers(mut self, kill_workers: bool) -> Self {
        self.kill_workers = kill_workers;
        self
    }

    /// The executor. One that is broken or shut down is never given again, whatever [`reuse`](Self::reuse) says. Does not
    /// wait for workers or tasks, neither for a new executor nor for a resize or a replacement.
    ///
    /// # Errors
    /// As [`ExecutorBuilder::build`] and [`Executor::resize`]; the start method `fork` is refused, for it is unsafe in a
    /// program with threads. The factory keeps the executor that it has.
    pub fn get(mut self) -> Result<ReusableExecutor, Error> {
        let start_method = *self.builder.options.start_method.get_or_insert_with(get_start_method);
        if start_method == StartMethod::Fork {
            return Err(Error::invalid(
                "the reusable executor does not take the start method fork: it lives through the starts of other threads, \
                 whose locks a copy of this program would find locked for ever; choose spawn or forkserver",
            ));
        }
        self.builder.options.idle_timeout.get_or_insert(DEFAULT_REUSABLE_IDLE_TIMEOUT);
        self.scope.with(|current| self.get_from(current))
    }

    fn get_from(&self, current: &mut Option<Executor>) -> Result<ReusableExecutor, Error> {
        let why_new = match current {
            None => NotReused::First,
            Some(executor) => match self.why_not(executor) {
                Some(why_not) => why_not,
                None => {
                    self.resize(executor)?;
                    return Ok(ReusableExecutor { executor: executor.clone(), not_reused: None });
                }
            },
        };
        let new = self.builder.clone().build()?;
        tracing::debug!(executor = new.id(), why = %why_new, "the factory has made an executor");
        if let Some(old) = current.replace(new.clone())
            && self.kill_workers
        {
            old.begin_shutdown(Shutdown::Kill);
        }
        Ok(ReusableExecutor { executor: new, not_reused: Some(why_new) })
    }

    fn why_not(&self, executor: &Executor) -> Option<NotReused> {
        if let Some(cause) = executor.broken() {
            return Some(NotReused::Broken(cause));
        }
        if executor.is_shut_down() {
            return Some(NotReused::ShutDown);
        }
        match self.reuse {
            ReuseExecutor::Always => None,
            ReuseExecutor::Never => Some(NotReused::Asked),
            ReuseExecutor::Auto => {
                let differences = self.builder.options.differences(executor.options());
                (!differences.is_empty()).then_some(NotReused::OtherOptions(differences))
            }
        }
    }

    fn resize(&self, executor: &Executor) -> Result<(), Error> {
        if self.reuse == ReuseExecutor::Always && self.builder.max_workers.is_none() {
            return Ok(());
        }
        let max_workers = checked_max_workers(self.builder.max_workers)?;
        if max_workers == executor.max_workers() { Ok(()) } else { executor.resize(max_workers) }
    }
}
