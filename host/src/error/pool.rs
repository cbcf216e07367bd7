//! The pool could not do what it was asked to.

use super::{BrokenProcessPool, ModuleError};
use std::error::Error as StdError;
use std::fmt;

/// The pool could not do what it was asked to. How a *task* ended is [`TaskError`](crate::TaskError).
///
/// ```
/// use isopool::{ErrorKind, Executor};
///
/// let error = Executor::builder().max_workers(0).build().expect_err("no workers, no pool");
/// assert_eq!(error.kind(), ErrorKind::InvalidOption);
/// assert_eq!(error.to_string(), "max_workers is 0; it must be between 1 and 4096");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of [`Error`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option of an executor, a map or an environment variable is out of its range.
    InvalidOption,
    /// A module cannot be used; [`Error::module_error`] says why.
    Module,
    /// The [`Registry`](crate::Registry) has no plugin of this name, or no such version of it.
    UnknownPlugin,
    /// The module has no function of this name.
    UnknownFunction,
    /// Several functions of the module have this name, in several versions of a package.
    AmbiguousFunction,
    /// The function cannot be called as a task: there is a resource in its types, or it is a program.
    NotCallable,
    /// The function's signature is not the one that the caller was compiled against.
    SignatureMismatch,
    /// The function does not speak the executor's codec.
    UnsupportedCodec,
    /// The module's [manifest](crate::Manifest) requires something that nobody has granted; the message says how to grant it.
    NotGranted,
    /// The [live instance](crate::LiveInstance) has ended; the message says how.
    InstanceEnded,
    /// The executor has as many live instances as it may have.
    TooManyInstances,
    /// The executor was shut down.
    Shutdown,
    /// The executor is broken; [`Error::broken_process_pool`] says why.
    Broken,
    /// `try_submit` found the queue full.
    QueueFull,
    /// This process is itself a worker, and must not have a pool of its own.
    InsideWorker,
    /// The executors of this program would have more workers together than
    /// [`MAX_TOTAL_WORKERS`](crate::limits::MAX_TOTAL_WORKERS).
    TooManyWorkers,
    /// A crash bundle cannot be read, or not be replayed.
    Bundle,
    /// The operating system refused something that the pool needs; the source is its error.
    System,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidOption, message)
    }

    pub(crate) fn shutdown() -> Self {
        Self::new(ErrorKind::Shutdown, "the executor was shut down; make a new one, or ask the factory for one")
    }

    pub(crate) fn broken(cause: BrokenProcessPool) -> Self {
        let message = format!("{cause}; make a new executor, or ask the factory for one");
        Self::new(ErrorKind::Broken, message).with_source(cause)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Why the executor is broken, if that is what this error says.
    pub fn broken_process_pool(&self) -> Option<&BrokenProcessPool> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// Why the module was refused, if that is what this error says.
    pub fn module_error(&self) -> Option<&ModuleError> {
        self.0.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The message says already what these two say.
        let told = self.broken_process_pool().is_some() || self.module_error().is_some();
        self.0.source.as_deref().filter(|_| !told).map(|source| source as &(dyn StdError + 'static))
    }
}
