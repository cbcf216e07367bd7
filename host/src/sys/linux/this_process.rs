//! Properties of this process.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::io;

/// Asks the kernel to kill this process when the thread that started it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// The process id of the parent; 0 or 1 when it is gone.
pub(crate) fn parent_pid() -> u32 {
    nix::unistd::getppid().as_raw().unsigned_abs()
}

/// Starts a session of its own, so that a terminal's Ctrl-C does not reach this process.
pub(crate) fn start_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// No file with this process's memory is ever written.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_CORE, 0, 0)?)
}

/// No program that this process starts can have more rights than it.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    Ok(prctl::set_no_new_privs()?)
}
