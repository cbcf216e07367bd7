//! Copies of this process (fork(2)).
//!
//! Always the C library's `fork`, never the bare system call: what the engine keeps of its process (a descriptor of its
//! page map, for one) is put right by handlers that only the former runs.

use nix::unistd::ForkResult;
use std::io;

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fork {
    /// The old one; the id of the new one.
    Parent(u32),
    /// The new one.
    Child,
}

/// Copies this process, and of its threads only this one. What another thread had locked at that moment stays locked in
/// the copy for ever: the copy may hang at its first use of it, and must be watched. One of a process with one thread lacks
/// nothing.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the contract of fork in a process with threads is that the copy calls nothing that may wait for a lock of a
    // thread that is not there. In a fork server there is no such thread (`worker/forkserver.rs` checks). With the start
    // method `fork` there may be: the copy can then hang, and is killed when it is not ready in time, but touches no memory
    // that is not valid.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child.as_raw().unsigned_abs())),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// Leaves the process at once: runs nothing that was registered for its end, which is another process's.
pub(crate) fn leave_now(code: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}
