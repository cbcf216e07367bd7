//! What it does: the `nested` import of the contract, in the words of this crate. Takes from: `nested.rs`. Hands to: the
//! worker. Never: keeps a handle.

use super::bindings::isopool::task::nested as wit;
use crate::{TaskError, TaskErrorKind};
use std::time::Duration;

pub(crate) use wit::Child;

/// Arguments up to this size, in bytes, are handed over without asking for the limit first: the host refuses them in peace.
const ASK_ABOVE_BYTES: usize = 1 << 20;

pub(crate) fn submit(function: &str, codec: &str, argument: &[u8]) -> Result<Child, TaskError> {
    if argument.len() > ASK_ABOVE_BYTES {
        let limit = wit::max_argument_bytes();
        if argument.len() as u64 > limit {
            let message = format!("the argument of `{function}` has {} bytes, the limit is {limit}", argument.len());
            return Err(TaskError::new(TaskErrorKind::TooLarge, message));
        }
    }
    Child::submit(function, codec, argument).map_err(tell)
}

pub(crate) fn wait(child: &Child, timeout: Option<Duration>) -> Result<Vec<u8>, TaskError> {
    let timeout_ns = timeout.map(|timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    child.wait(timeout_ns).map_err(tell)
}

fn tell(fault: wit::Fault) -> TaskError {
    let kind = match fault.kind {
        wit::FaultKind::Failed => TaskErrorKind::Failed,
        wit::FaultKind::Panicked => TaskErrorKind::Panicked,
        wit::FaultKind::Codec => TaskErrorKind::Codec,
        wit::FaultKind::Trapped => TaskErrorKind::Trapped,
        wit::FaultKind::Lost => TaskErrorKind::Lost,
        wit::FaultKind::OutOfMemory => TaskErrorKind::OutOfMemory,
        wit::FaultKind::TooLarge => TaskErrorKind::TooLarge,
        wit::FaultKind::Cancelled => TaskErrorKind::Cancelled,
        wit::FaultKind::Shutdown => TaskErrorKind::Shutdown,
        wit::FaultKind::Refused => TaskErrorKind::Refused,
        wit::FaultKind::TimedOut => TaskErrorKind::WaitTimedOut,
    };
    TaskError::new(kind, fault.message)
}
