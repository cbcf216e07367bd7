//! What the end of a process means.

use crate::error::BrokenCause;
use crate::sys::WaitStatus;

/// The cause to report for tasks that a process took along.
pub(crate) fn cause_of(status: WaitStatus) -> BrokenCause {
    match status {
        WaitStatus::Exited(code) => BrokenCause::Exited { code },
        WaitStatus::Signaled(signal) if signal == libc::SIGSYS => BrokenCause::SyscallDenied { syscall: None },
        WaitStatus::Signaled(signal) => BrokenCause::Signaled { signal },
        WaitStatus::Unknown => BrokenCause::Vanished,
    }
}
