//! The start method `fork`: a copy of the caller, which goes straight to a worker's life.
//!
//! The only place where the caller is copied. Its memory is shared until one of the two writes to it, its threads are not
//! there in the copy, and what they had locked stays locked: the copy may hang, and then does not get ready in time.

use super::Child;
use crate::sys::{self, Fork, PidFd};
use crate::worker::become_worker;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::io;
use std::os::fd::OwnedFd;

/// Copies this process, and gives the copy with the caller's end of its channel.
pub(super) fn fork() -> io::Result<(Child, OwnedFd)> {
    let (ours, theirs) = sys::socket_pair()?;
    let caller = std::process::id();
    match sys::fork()? {
        // It closes every other descriptor first, `ours` among them.
        Fork::Child => become_worker(theirs, caller),
        Fork::Parent(pid) => match PidFd::open(pid) {
            Ok(pidfd) => Ok((Child { pid, pidfd }, ours)),
            Err(error) => {
                // Out of descriptors: the child must not outlive this call. Both can fail only if it is gone already.
                let pid = Pid::from_raw(pid.cast_signed());
                let _ = kill(pid, Signal::SIGKILL);
                let _ = waitpid(pid, None);
                Err(error)
            }
        },
    }
}
