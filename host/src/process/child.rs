//! A worker's process, whoever its parent is.

use super::cause_of;
use crate::error::BrokenCause;
use crate::sys::{INTERRUPT, PidFd, WaitStatus};
use nix::sys::signal::Signal;
use std::io;

/// A process that this one has started.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: u32,
    pub(crate) pidfd: PidFd,
}

impl Child {
    /// Kills it and waits for its end.
    pub(crate) fn end(&self) -> io::Result<WaitStatus> {
        self.pidfd.signal(Signal::SIGKILL)?;
        self.pidfd.wait()
    }
}

/// Whose child a worker's process is.
#[derive(Debug)]
pub(crate) enum WorkerProcess {
    /// This process's own, which takes its status.
    Own(PidFd),
    /// The fork server was asked for it, and has not answered.
    Awaited,
    /// The fork server's, which takes its status and tells it: `told`.
    Foster { pidfd: PidFd, told: Option<BrokenCause> },
}

/// What can be said of the end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    /// It lives.
    NotYet,
    /// It has ended, and its parent has not told how.
    Untold,
    /// It has ended.
    Ended(BrokenCause),
}

impl WorkerProcess {
    /// Its descriptor, once there is a process.
    pub(crate) fn pidfd(&self) -> Option<&PidFd> {
        match self {
            Self::Own(pidfd) | Self::Foster { pidfd, .. } => Some(pidfd),
            Self::Awaited => None,
        }
    }

    /// Whether the fork server has not answered for it.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self, Self::Awaited)
    }

    /// Has it look at what it was asked, if there is a process.
    pub(crate) fn interrupt(&self) -> io::Result<()> {
        self.pidfd().map_or(Ok(()), |pidfd| pidfd.signal(INTERRUPT))
    }

    /// Sends SIGKILL, if there is a process.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.pidfd().map_or(Ok(()), |pidfd| pidfd.signal(Signal::SIGKILL))
    }

    /// Its parent has told how it ended. The first word counts.
    pub(crate) fn tell(&mut self, cause: BrokenCause) {
        if let Self::Foster { told, .. } = self {
            told.get_or_insert(cause);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn end(&self) -> io::Result<ProcessEnd> {
        Ok(match self {
            Self::Awaited => ProcessEnd::NotYet,
            Self::Own(pidfd) => {
                pidfd.try_wait()?.map_or(ProcessEnd::NotYet, |status| ProcessEnd::Ended(cause_of(status)))
            }
            Self::Foster { pidfd, .. } if !pidfd.has_ended()? => ProcessEnd::NotYet,
            Self::Foster { told: None, .. } => ProcessEnd::Untold,
            Self::Foster { told: Some(cause), .. } => ProcessEnd::Ended(cause.clone()),
        })
    }

    /// Waits for the end of a process that was killed before, and takes its status if it is this process's to take.
    pub(crate) fn reap(&self) -> io::Result<()> {
        if let Self::Own(pidfd) = self {
            pidfd.wait()?;
        }
        Ok(())
    }
}
