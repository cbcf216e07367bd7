//! A crash or a trap.

use super::{TaskRef, WorkerRef};
use crate::sandbox::Layer;
use crate::task::{SystemCall, Trap};
use std::fmt;
use std::time::Duration;

/// A task was lost to a crash or a trap, or the pool as a whole cannot go on.
///
/// The name is that of `concurrent.futures`. With [`Containment::Task`](crate::Containment::Task), the default, it
/// reaches only the task that was running; with [`Containment::Pool`](crate::Containment::Pool) every task that was
/// pending. Each future has an error object of its own.
///
/// ```
/// # use guest_basic::crash::trap_unreachable;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// use isopool::{BrokenCause, TrapCode};
///
/// let error = executor.submit(trap_unreachable::task())?.result().expect_err("it traps");
/// let broken = error.broken_process_pool().expect("a trap is one");
/// assert_eq!(broken.task.as_ref().expect("it is of one task").function(), "crash::trap_unreachable");
/// let BrokenCause::Trap(trap) = &broken.cause else { panic!("{broken}") };
/// assert_eq!(trap.code, TrapCode::Unreachable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// `concurrent.futures.process.BrokenProcessPool`, which names neither task nor worker nor cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenProcessPool {
    /// The task whose future this is; `None` when it speaks for the executor as a whole.
    pub task: Option<TaskRef>,
    /// The task that was running when it happened, when that is another one.
    pub culprit: Option<TaskRef>,
    /// The worker it happened in.
    pub worker: Option<WorkerRef>,
    /// What happened.
    pub cause: BrokenCause,
}

/// What broke a worker or a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenCause {
    /// The guest's code trapped. The worker lives on.
    Trap(Trap),
    /// The worker process left by itself with this code.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal killed the worker process, and not one of the pool's own.
    Signaled {
        /// The number of the signal.
        signal: i32,
    },
    /// The kernel killed the worker process because the machine, or a control group, ran out of memory. It does not say so to a
    /// parent: this is a `SIGKILL` that the pool did not send, while the count of such kills in `/proc/vmstat` grew. Where
    /// that cannot be read, it is [`Signaled`](Self::Signaled). A guest over *its* limit is
    /// [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory).
    OutOfMemory,
    /// The kernel killed the worker process because it held more memory than the control group of its own may
    /// ([`worker_cgroup`](crate::ExecutorBuilder::worker_cgroup)).
    OutOfWorkerMemory {
        /// How much that was, in bytes.
        limit: u64,
    },
    /// The worker made a system call that its sandbox forbids, and the kernel killed it. No guest makes system calls: its code
    /// must have got out of the sandbox of WebAssembly, or isopool or a library needs a call that
    /// [`Layer::SystemCalls`] does not allow.
    SyscallDenied {
        /// Which, in the worker's own last words; the kernel does not tell.
        syscall: Option<SystemCall>,
    },
    /// The worker had used up the processor time of its whole life,
    /// [`max_worker_cpu_time`](crate::ExecutorBuilder::max_worker_cpu_time).
    OutOfCpuTime {
        /// How much that was.
        limit: Duration,
    },
    /// A layer that the executor requires ([`Hardening::Require`](crate::Hardening::Require)) does not hold. Nothing was run.
    NotHardened {
        /// Which.
        layer: Layer,
        /// Why it does not hold.
        reason: String,
    },
    /// A [live instance](crate::LiveInstance) is gone, and its state with it.
    InstanceEnded {
        /// Why, in words.
        reason: String,
    },
    /// The executor's initializer failed, in the guest's own words.
    InitializerFailed {
        /// What the guest said.
        message: String,
    },
    /// A worker process could not be started.
    SpawnFailed {
        /// Why.
        reason: String,
    },
    /// The worker said something that makes no sense, and was killed.
    Protocol {
        /// What was wrong.
        message: String,
    },
    /// The fork server, the worker's parent process, is gone and took the worker along.
    ForkServerDied {
        /// Which fork server, and how it ended.
        reason: String,
    },
    /// The worker process is gone, and something else in this program took its exit status.
    Vanished,
    /// The dispatcher thread of the executor died of a bug in isopool.
    DispatcherFailed {
        /// Its last words.
        message: String,
    },
}

/// Behind a `SIGKILL` that the pool did not send.
const FOREIGN_KILL: &str = ", which isopool did not send: it came from somebody else, or from the kernel for want of memory (then \
                            `dmesg` tells of it)";

impl fmt::Display for BrokenCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrokenCause::Trap(trap) => {
                write!(f, "the guest trapped: {}", trap.message)?;
                trap.backtrace.iter().try_for_each(|frame| write!(f, "\n  {frame}"))
            }
            BrokenCause::Exited { code } => write!(f, "the worker process left with exit code {code}"),
            BrokenCause::Signaled { signal } => {
                write!(f, "the worker process was killed by {}", signal_name(*signal))?;
                if *signal == libc::SIGKILL {
                    // What the pool itself kills is told as what it was killed for.
                    f.write_str(FOREIGN_KILL)?;
                }
                Ok(())
            }
            BrokenCause::OutOfMemory => f.write_str(
                "the kernel killed the worker process for want of memory (`dmesg` tells of it): give the machine or the \
                 control group more, run fewer workers, or bound what a guest may hold with max_memory_bytes()",
            ),
            BrokenCause::OutOfWorkerMemory { limit } => write!(
                f,
                "the kernel killed the worker process because it held more than the {limit} bytes of its control group; raise \
                 that with max_worker_memory_bytes()"
            ),
            BrokenCause::InstanceEnded { reason } => f.write_str(reason),
            BrokenCause::SyscallDenied { syscall } => {
                f.write_str("the worker process made a system call that its sandbox forbids")?;
                syscall.map_or(Ok(()), |syscall| write!(f, ": {syscall}"))
            }
            BrokenCause::OutOfCpuTime { limit } => write!(
                f,
                "the worker process has used up its processor time of {limit:?}; raise it with max_worker_cpu_time()"
            ),
            BrokenCause::NotHardened { layer, reason } => write!(
                f,
                "the layer `{layer}` is required and does not hold: {reason}; run it where it does, or require less with \
                 hardening()"
            ),
            BrokenCause::InitializerFailed { message } => write!(f, "the initializer failed: {message}"),
            BrokenCause::SpawnFailed { reason } => write!(f, "no worker process could be started: {reason}"),
            BrokenCause::Protocol { message } => {
                write!(f, "the worker process broke the protocol and was killed: {message}")
            }
            BrokenCause::ForkServerDied { reason } => {
                write!(f, "the worker process was taken along by its parent: {reason}")
            }
            BrokenCause::Vanished => {
                write!(f, "the worker process is gone, and this program took its exit status elsewhere")
            }
            BrokenCause::DispatcherFailed { message } => write!(f, "the executor's dispatcher failed: {message}"),
        }
    }
}

impl fmt::Display for BrokenProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{task} was lost")?,
            None => f.write_str("the pool is broken")?,
        }
        if let Some(worker) = &self.worker {
            write!(f, " in {worker}")?;
        }
        write!(f, ": {}", self.cause)?;
        if let Some(culprit) = &self.culprit {
            write!(f, " (while it ran {culprit})")?;
        }
        Ok(())
    }
}

impl std::error::Error for BrokenProcessPool {}

/// `SIGKILL (9)`, or `signal 64` for one without a name.
pub(crate) fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(name) => format!("{} ({signal})", name.as_str()),
        Err(_) => format!("signal {signal}"),
    }
}
