//! How a task ended, without what differs from run to run: its number, its worker, how long it took.

use crate::error::{BrokenCause, TaskError, TimeLimit};
use crate::task::{CodecFailure, Failure, HostFault, LimitExceeded, MemoryBound, Panic, Trap};
use serde::{Deserialize, Serialize};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// With a value: so many bytes, and their hash.
    Returned {
        bytes: usize,
        hash: String,
    },
    Failed(Failure),
    Panicked(Panic),
    Codec(CodecFailure),
    Trapped(Trap),
    OutOfMemory {
        bound: MemoryBound,
        limit: u64,
        peak: u64,
    },
    ResultTooLarge {
        size: u64,
        limit: u64,
    },
    LimitExceeded(LimitExceeded),
    HostFunction(HostFault),
    /// It ran for too long; `at_deadline`: counted from its submission.
    TimedOut {
        at_deadline: bool,
    },
    /// Its worker died of it.
    WorkerLost {
        cause: String,
    },
    /// Something that says nothing of the task.
    Other {
        message: String,
    },
}

impl Ending {
    pub(crate) fn of(result: &Result<Vec<u8>, TaskError>) -> Self {
        match result {
            Ok(bytes) => Self::Returned { bytes: bytes.len(), hash: blake3::hash(bytes).to_string() },
            Err(error) => Self::of_error(error),
        }
    }

    fn of_error(error: &TaskError) -> Self {
        match error {
            TaskError::Failed { failure, .. } => Self::Failed(failure.clone()),
            TaskError::Panicked { panic, .. } => Self::Panicked(panic.clone()),
            TaskError::Codec { failure, .. } => Self::Codec(failure.clone()),
            &TaskError::OutOfMemory { bound, limit, peak, .. } => Self::OutOfMemory { bound, limit, peak },
            &TaskError::ResultTooLarge { size, limit, .. } => Self::ResultTooLarge { size, limit },
            TaskError::LimitExceeded { exceeded, .. } => Self::LimitExceeded(*exceeded),
            TaskError::HostFunction { fault, .. } => Self::HostFunction(fault.clone()),
            TaskError::TimedOut { which, .. } => Self::TimedOut { at_deadline: *which == TimeLimit::Deadline },
            TaskError::BrokenProcessPool(broken) if broken.culprit.is_some() || !is_of_a_task(&broken.cause) => {
                Self::Other { message: error.to_string() }
            }
            TaskError::BrokenProcessPool(broken) => match &broken.cause {
                BrokenCause::Trap(trap) => Self::Trapped(trap.clone()),
                cause => Self::WorkerLost { cause: cause.to_string() },
            },
            error => Self::Other { message: error.to_string() },
        }
    }

    /// Whether a task that ended so leaves a bundle: not if its function returned, an error or not, nor if it was ended for reasons
    /// of its caller's.
    pub(crate) fn leaves_a_bundle(&self) -> bool {
        !matches!(self, Self::Returned { .. } | Self::Failed(_) | Self::Codec(_) | Self::Other { .. })
    }
}

/// Whether a worker can die so because of what it runs.
fn is_of_a_task(cause: &BrokenCause) -> bool {
    matches!(
        cause,
        BrokenCause::Trap(_)
            | BrokenCause::Exited { .. }
            | BrokenCause::Signaled { .. }
            | BrokenCause::OutOfMemory
            | BrokenCause::OutOfWorkerMemory { .. }
            | BrokenCause::SyscallDenied { .. }
            | BrokenCause::OutOfCpuTime { .. }
            | BrokenCause::Protocol { .. }
            | BrokenCause::Vanished
    )
}
