//! The ordered list. See `README.md` for the reasons of the order.

use crate::sys;
use std::io;
use std::os::fd::BorrowedFd;

/// A step that could not be taken. Nothing runs in a worker then.
#[derive(Debug, thiserror::Error)]
#[error("could not {step}: {source}")]
pub(crate) struct SandboxError {
    step: &'static str,
    source: io::Error,
}

impl SandboxError {
    /// Whether it is that the parent had ended before.
    pub(crate) fn is_parent_gone(&self) -> bool {
        self.step == FIND_PARENT
    }
}

const FIND_PARENT: &str = "find the parent alive";

/// Gives up everything but `kept` and the output streams. `parent` is the process that asked for this worker.
///
/// # Errors
/// A step failed, or the parent is gone already.
pub(crate) fn apply(kept: BorrowedFd<'_>, parent: u32) -> Result<(), SandboxError> {
    step("close inherited descriptors", sys::close_all_except(kept))?;
    step("clear the environment", sys::clear_environment())?;
    die_with(parent)?;
    step("start a session", sys::start_session())?;
    sys::forbid_shared_files();
    step("leave the working directory", std::env::set_current_dir("/"))?;
    step("forbid core dumps", sys::forbid_core_dumps())?;
    step("forbid new privileges", sys::forbid_new_privileges())
}

/// Gives up what a fork of a process that has gone through [`apply`] has again: it is a copy in everything else.
///
/// # Errors
/// As [`apply`].
pub(crate) fn apply_to_copy(parent: u32) -> Result<(), SandboxError> {
    die_with(parent)?;
    step("start a session", sys::start_session())
}

/// For a process that runs the program's own code: nothing is leaked to it, and it does not outlive its parent.
///
/// # Errors
/// As [`apply`].
pub(crate) fn apply_to_native(kept: BorrowedFd<'_>, parent: u32) -> Result<(), SandboxError> {
    step("close inherited descriptors", sys::close_all_except(kept))?;
    apply_to_copy(parent)
}

fn step(step: &'static str, result: io::Result<()>) -> Result<(), SandboxError> {
    result.map_err(|source| SandboxError { step, source })
}

fn die_with(parent: u32) -> Result<(), SandboxError> {
    step("ask to end with the parent", sys::die_with_parent())?;
    // The parent may have died before the line above: no signal comes then.
    step(FIND_PARENT, check_parent(parent))
}

fn check_parent(expected: u32) -> io::Result<()> {
    let found = sys::parent_pid();
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!("process {expected} started this worker, but its parent is {found}")))
    }
}
