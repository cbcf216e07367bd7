//! The start method `spawn`: a new program image, without a copy of the caller's memory.

use super::{Child, Program};
#[cfg(debug_assertions)]
use crate::fault;
use crate::ipc::{NATIVE_SUFFIX, WORKER_VARIABLE};
use crate::sys::{self, PidFd};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// What a worker keeps of the caller's environment: where the dynamic linker looks, and how the worker itself reports
/// its own panics. Guests see none of it.
const KEPT_VARIABLES: &[&str] = &[
    "LD_LIBRARY_PATH",
    "RUST_BACKTRACE",
    #[cfg(debug_assertions)]
    fault::VARIABLE,
];

/// What a new process is to be: its name among the processes, and what it keeps of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guise {
    Worker,
    ForkServer,
    /// Runs a native function of the program, with the whole environment of the caller.
    Native,
}

impl Guise {
    fn name(self) -> &'static str {
        match self {
            Self::Worker => "isopool-worker",
            Self::ForkServer => "isopool-forkserver",
            Self::Native => "isopool-process",
        }
    }
}

/// Starts a process, and gives it with the caller's end of its channel.
///
/// The worker's end is its standard input: the only way to hand over a descriptor that no other thread of the caller
/// can leak into a child of its own. `Command` without hooks uses `posix_spawn`, which copies no memory.
pub(crate) fn spawn(program: &Program, guise: Guise) -> io::Result<(Child, OwnedFd)> {
    let (ours, theirs) = sys::socket_pair()?;
    let mut command = Command::new(program.path());
    command.arg0(guise.name());
    if guise != Guise::Native {
        command.env_clear();
        let kept = KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(kept);
    }
    let suffix = if guise == Guise::Native { NATIVE_SUFFIX } else { "" };
    command.env(WORKER_VARIABLE, format!("{}{suffix}", std::process::id()));
    let mut child = command.stdin(Stdio::from(theirs)).spawn()?;
    let pid = child.id();
    match PidFd::open(pid) {
        Ok(pidfd) => Ok((Child { pid, pidfd }, ours)),
        Err(error) => {
            // Out of descriptors: the child must not outlive this call. Both can fail only if it is gone already.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}
