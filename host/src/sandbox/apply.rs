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

/// Gives up everything but `kept` and the output streams. `parent` is the process that asked for this worker.
///
/// # Errors
/// A step failed, or the parent is gone already.
pub(crate) fn apply(kept: BorrowedFd<'_>, parent: u32) -> Result<(), SandboxError> {
    let step = |step, result: io::Result<()>| result.map_err(|source| SandboxError { step, source });
    step("close inherited descriptors", sys::close_all_except(kept))?;
    step("clear the environment", sys::clear_environment())?;
    step("ask to end with the parent", sys::die_with_parent())?;
    // The parent may have died before the line above: no signal comes then.
    step("find the parent alive", check_parent(parent))?;
    step("start a session", sys::start_session())?;
    sys::forbid_shared_files();
    step("leave the working directory", std::env::set_current_dir("/"))?;
    step("forbid core dumps", sys::forbid_core_dumps())?;
    step("forbid new privileges", sys::forbid_new_privileges())
}

fn check_parent(expected: u32) -> io::Result<()> {
    let found = sys::parent_pid();
    if found == expected {
        Ok(())
    } else {
        Err(io::Error::other(format!("process {expected} started this worker, but its parent is {found}")))
    }
}
