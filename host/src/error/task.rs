//! How a task ended without a value.

use super::{BrokenProcessPool, Quarantine};
use crate::task::{
    CodecFailure, Failure, HostFault, HostFaultKind, LimitExceeded, MemoryBound, ModuleHash, Panic, TaskId,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which task an error or a future speaks of. Cheap to clone. Shown as `task 7 (word_count in texts@0123456789ab)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRef(Arc<Description>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Description {
    id: TaskId,
    module: Arc<str>,
    hash: ModuleHash,
    function: Arc<str>,
    parent: Option<TaskId>,
    tenant: Option<Arc<str>>,
}

impl TaskRef {
    pub(crate) fn new(id: TaskId, module: Arc<str>, hash: ModuleHash, function: Arc<str>) -> Self {
        Self(Arc::new(Description { id, module, hash, function, parent: None, tenant: None }))
    }

    /// The same, submitted by another task.
    pub(crate) fn with_parent(self, parent: TaskId) -> Self {
        let description = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Description { parent: Some(parent), ..description }))
    }

    /// The same, of this tenant.
    pub(crate) fn with_tenant(self, tenant: Option<Arc<str>>) -> Self {
        if tenant.is_none() {
            return self;
        }
        let description = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Description { tenant, ..description }))
    }

    /// The task's number in its executor.
    pub fn id(&self) -> TaskId {
        self.0.id
    }

    /// The task that submitted it; `None` when the caller has.
    pub fn parent(&self) -> Option<TaskId> {
        self.0.parent
    }

    /// Whose it is: see [`Task::tenant`](crate::Task::tenant).
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// The name of its module.
    pub fn module(&self) -> &str {
        &self.0.module
    }

    /// The hash of its module.
    pub fn module_hash(&self) -> ModuleHash {
        self.0.hash
    }

    /// Its function.
    pub fn function(&self) -> &str {
        &self.0.function
    }
}

/// `task 7 (word_count in texts@0123456789ab)`
impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} ({} in {}@{:.12}", self.0.id, self.0.function, self.0.module, self.0.hash)?;
        if let Some(parent) = self.0.parent {
            write!(f, ", of task {parent}")?;
        }
        if let Some(tenant) = &self.0.tenant {
            write!(f, ", of tenant {tenant:?}")?;
        }
        f.write_str(")")
    }
}

/// Which worker an error speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerRef {
    /// Its index: 0 ≤ index < `max_workers`.
    pub index: u32,
    /// The id of its process.
    pub pid: u32,
}

impl fmt::Display for WorkerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.index, self.pid)
    }
}

/// What bounds a task in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeLimit {
    /// [`Task::time_limit`](crate::Task::time_limit): how long it may run.
    Run,
    /// [`Task::deadline`](crate::Task::deadline): when it must have ended.
    Deadline,
}

/// Why a task gave no value. Belongs to one future; cheap enough to clone.
///
/// ```
/// # use guest_basic::failure::panics;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// use isopool::TaskError;
///
/// match executor.submit(panics::task("out of luck".into()))?.result() {
///     Ok(()) => println!("fine"),
///     Err(TaskError::Failed { failure, .. }) => println!("it returned an error: {}", failure.message),
///     Err(TaskError::Panicked { panic, .. }) => assert_eq!(panic.message, "out of luck"),
///     Err(TaskError::BrokenProcessPool(broken)) => println!("it took its instance or its worker along: {broken}"),
///     Err(other) => println!("{other}"), // over a limit, cancelled, …: the text names the task and the remedy
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// The guest's function returned an error.
    #[non_exhaustive]
    Failed {
        /// The task.
        task: TaskRef,
        /// What the guest said.
        failure: Failure,
    },
    /// The guest panicked.
    #[non_exhaustive]
    Panicked {
        /// The task.
        task: TaskRef,
        /// What the guest said, and where.
        panic: Panic,
    },
    /// An argument or the result could not be encoded or decoded.
    #[non_exhaustive]
    Codec {
        /// The task.
        task: TaskRef,
        /// Which, and why.
        failure: CodecFailure,
    },
    /// The encoded arguments are larger than the executor's limit. Nothing was sent.
    #[non_exhaustive]
    ArgumentTooLarge {
        /// The task.
        task: TaskRef,
        /// What it would have been, in bytes.
        size: u64,
        /// `max_argument_bytes` of the executor.
        limit: u64,
    },
    /// The encoded result is larger than the executor's limit.
    #[non_exhaustive]
    ResultTooLarge {
        /// The task.
        task: TaskRef,
        /// What it would have been, in bytes.
        size: u64,
        /// `max_result_bytes` of the executor.
        limit: u64,
    },
    /// The guest asked for more memory than it may have.
    #[non_exhaustive]
    OutOfMemory {
        /// The task.
        task: TaskRef,
        /// Whose memory it was, and so which option raises it.
        bound: MemoryBound,
        /// How much that may be, in bytes.
        limit: u64,
        /// What it held before, in bytes.
        peak: u64,
    },
    /// The task went over another of its limits.
    #[non_exhaustive]
    LimitExceeded {
        /// The task.
        task: TaskRef,
        /// Which limit, and by how much.
        exceeded: LimitExceeded,
    },
    /// A crash or a trap.
    BrokenProcessPool(Box<BrokenProcessPool>),
    /// A worker could not load the module, though it was compiled: it is of another build, or short of memory.
    #[non_exhaustive]
    ModuleFailed {
        /// The task.
        task: TaskRef,
        /// What the worker said.
        message: String,
    },
    /// Something that the task is granted could not be reached when its worker came up: a directory was removed or replaced
    /// after the executor was built, or the task was submitted.
    #[non_exhaustive]
    GrantFailed {
        /// The task.
        task: TaskRef,
        /// What, and why.
        message: String,
    },
    /// Tasks of the same module have killed their workers again and again, so this one was not run. See
    /// [`ExecutorBuilder::quarantine_after`](crate::ExecutorBuilder::quarantine_after).
    #[non_exhaustive]
    Quarantined {
        /// The task, with its module.
        task: TaskRef,
        /// How that came, and how long it lasts.
        quarantine: Box<Quarantine>,
    },
    /// A call of a [host function](crate::ExecutorBuilder::host_function) came to nothing, and that ended the task.
    #[non_exhaustive]
    HostFunction {
        /// The task.
        task: TaskRef,
        /// Which function, and why.
        fault: HostFault,
    },
    /// The task was cancelled.
    #[non_exhaustive]
    Cancelled {
        /// The task.
        task: TaskRef,
    },
    /// The task ran for longer than its time limit, or its deadline came, and it was stopped, or did not begin. Not the end of a *wait*, which is
    /// [`WaitTimedOut`](Self::WaitTimedOut).
    #[non_exhaustive]
    TimedOut {
        /// The task.
        task: TaskRef,
        /// [`Task::time_limit`](crate::Task::time_limit), or
        /// [`task_time_limit`](crate::ExecutorBuilder::task_time_limit) of the executor; for a deadline, how long it was away
        /// when the task was submitted.
        limit: Duration,
        /// Which of the two.
        which: TimeLimit,
    },
    /// The executor was shut down before the task had ended.
    #[non_exhaustive]
    Shutdown {
        /// The task.
        task: TaskRef,
    },
    /// The task had not ended when the wait for it did. It goes on; the wait can be repeated.
    #[non_exhaustive]
    WaitTimedOut {
        /// The task.
        task: TaskRef,
        /// How long the wait was.
        timeout: Duration,
    },
    /// The task could not be submitted (in a `map`, where each item has an error of its own).
    #[non_exhaustive]
    NotSubmitted {
        /// Why.
        error: Arc<super::Error>,
    },
}

impl PartialEq for super::Error {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.to_string() == other.to_string()
    }
}

impl Eq for super::Error {}

impl TaskError {
    /// The task, unless it never became one.
    pub fn task(&self) -> Option<&TaskRef> {
        match self {
            TaskError::Failed { task, .. }
            | TaskError::Panicked { task, .. }
            | TaskError::Codec { task, .. }
            | TaskError::ArgumentTooLarge { task, .. }
            | TaskError::ResultTooLarge { task, .. }
            | TaskError::OutOfMemory { task, .. }
            | TaskError::LimitExceeded { task, .. }
            | TaskError::ModuleFailed { task, .. }
            | TaskError::GrantFailed { task, .. }
            | TaskError::Quarantined { task, .. }
            | TaskError::HostFunction { task, .. }
            | TaskError::Cancelled { task }
            | TaskError::TimedOut { task, .. }
            | TaskError::Shutdown { task }
            | TaskError::WaitTimedOut { task, .. } => Some(task),
            TaskError::BrokenProcessPool(broken) => broken.task.as_ref(),
            TaskError::NotSubmitted { .. } => None,
        }
    }

    /// The crash or trap, if it was one.
    pub fn broken_process_pool(&self) -> Option<&BrokenProcessPool> {
        match self {
            TaskError::BrokenProcessPool(broken) => Some(broken),
            _ => None,
        }
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, TaskError::Cancelled { .. })
    }

    /// Whether only the wait has ended, and the task goes on.
    pub fn is_wait_timeout(&self) -> bool {
        matches!(self, TaskError::WaitTimedOut { .. })
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Failed { task, failure } => {
                write!(f, "{task} failed: {}", failure.message)?;
                failure.trace.iter().try_for_each(|entry| {
                    // The contract tells a stack frame from a cause by its first word.
                    let kind = if entry.starts_with("at ") { "" } else { "caused by: " };
                    write!(f, "\n  {kind}{entry}")
                })
            }
            TaskError::Panicked { task, panic } => {
                write!(f, "{task} panicked")?;
                if let Some(location) = &panic.location {
                    write!(f, " at {location}")?;
                }
                write!(f, ": {}", panic.message)?;
                panic.backtrace.iter().try_for_each(|frame| write!(f, "\n  {frame}"))
            }
            TaskError::Codec { task, failure } => {
                write!(f, "the {} of {task} could not be encoded or decoded: {}", failure.side, failure.message)
            }
            TaskError::ArgumentTooLarge { task, size, limit } => write!(
                f,
                "the argument of {task} has {size} bytes, the limit is {limit}; raise it with max_argument_bytes()"
            ),
            TaskError::ResultTooLarge { task, size, limit } => write!(
                f,
                "the result of {task} has {size} bytes, the limit is {limit}; raise it with max_result_bytes()"
            ),
            TaskError::OutOfMemory { task, bound, limit, peak } => {
                let of = if *bound == MemoryBound::Worker { " of its worker" } else { "" };
                write!(
                    f,
                    "{task} ran out of memory: it held {peak} bytes and asked for more than the limit of {limit}{of}; raise \
                     it with {}",
                    bound.option()
                )
            }
            TaskError::LimitExceeded { task, exceeded } => write!(f, "{task} {exceeded}"),
            TaskError::BrokenProcessPool(broken) => broken.fmt(f),
            TaskError::ModuleFailed { task, message } => {
                write!(f, "{task} could not run: its worker could not use the module: {message}")
            }
            TaskError::GrantFailed { task, message } => {
                write!(f, "{task} could not run with what it is granted: {message}")
            }
            TaskError::Quarantined { task, quarantine } => write!(f, "{task} was not run: {quarantine}"),
            TaskError::HostFunction { task, fault } => {
                let what = match fault.kind {
                    HostFaultKind::Failed => "failed: ",
                    HostFaultKind::Panicked => "panicked: ",
                    _ => "gave nothing: ",
                };
                write!(
                    f,
                    "{task} was ended by a call of the host function `{}`, which {what}{}",
                    fault.function, fault.message
                )
            }
            TaskError::Cancelled { task } => write!(f, "{task} was cancelled"),
            TaskError::TimedOut { task, limit, which: TimeLimit::Deadline } => write!(
                f,
                "{task} had not ended when its deadline came, {limit:?} after it was submitted; give it more time with \
                 deadline() of the task or task_deadline() of the executor"
            ),
            TaskError::TimedOut { task, limit, which: TimeLimit::Run } => write!(
                f,
                "{task} ran for longer than its limit of {limit:?}, and was stopped; raise it with time_limit() of the \
                 task or task_time_limit() of the executor"
            ),
            TaskError::Shutdown { task } => write!(f, "{task} had not ended when its executor was shut down"),
            TaskError::WaitTimedOut { task, timeout } => {
                write!(f, "{task} had not ended after a wait of {timeout:?}; it goes on")
            }
            TaskError::NotSubmitted { error } => write!(f, "the task could not be submitted: {error}"),
        }
    }
}

impl std::error::Error for TaskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TaskError::NotSubmitted { error } => Some(error.as_ref()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_causes_of_a_failure_are_told_apart() {
        let task = TaskRef::new(TaskId(7), "rules".into(), ModuleHash::of(b""), "score".into());
        let trace =
            ["at score (tasks.js:3)", "attached too late", "at attach (tasks.js:9)"].map(str::to_owned).to_vec();
        let failed = TaskError::Failed { task, failure: Failure { message: "no owner".to_owned(), trace } };
        let told = failed.to_string();
        let (_, said) = told.split_once(" failed: ").expect("it failed");
        let expected = "no owner\n  at score (tasks.js:3)\n  caused by: attached too late\n  at attach (tasks.js:9)";
        assert_eq!(said, expected);
    }
}
