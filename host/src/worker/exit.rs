//! How a worker leaves. Its exit code is its own word: the caller shows it and trusts nothing to it.

use crate::ipc::{FrameError, WorkerChannelError};
use crate::sandbox::SandboxError;
use std::io;

/// The code of a worker that was told to stop, or whose caller is gone.
pub(super) const EXIT_STOPPED: i32 = 0;
/// The native function that it ran did not return.
pub(super) const EXIT_FAILED: i32 = 1;
/// It was not started by isopool (`EX_USAGE`).
pub(super) const EXIT_NOT_A_WORKER: i32 = 64;
/// It panicked (`EX_SOFTWARE`).
pub(super) const EXIT_PANIC: i32 = 70;
/// It could not make itself ready (`EX_OSERR`).
pub(super) const EXIT_SETUP: i32 = 71;
/// The channel failed or carried what no request is (`EX_PROTOCOL`).
pub(super) const EXIT_PROTOCOL: i32 = 76;

/// Why a worker leaves before it is told to.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("{name} is set, but {problem}; it is for isopool's own workers, unset it")]
    NotAWorker { name: &'static str, problem: String },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("could not {step}: {source}")]
    Setup { step: &'static str, source: io::Error },
    #[error("could not start the engine: {0}")]
    Engine(String),
    #[error(transparent)]
    Channel(#[from] WorkerChannelError),
    /// The caller knows of it.
    #[error(transparent)]
    Told(Box<WorkerError>),
    #[error("it could not take {0}: it has as many open files as it may; raise that with max_open_files()")]
    OutOfFiles(&'static str),
    #[error("the caller sent {0}")]
    Protocol(&'static str),
    #[error("its native function failed")]
    NativeFailed,
}

impl WorkerError {
    /// The caller has closed its end while this worker wrote: as good as a stop.
    pub(super) fn is_caller_gone(&self) -> bool {
        matches!(self, Self::Channel(WorkerChannelError::Io(error))
            if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset))
    }

    /// A reply did not fit into a message.
    pub(super) fn is_message_too_large(&self) -> bool {
        matches!(self, Self::Channel(WorkerChannelError::Frame(FrameError::MessageTooLarge(_))))
    }

    pub(super) fn exit_code(&self) -> i32 {
        match self {
            Self::NativeFailed => EXIT_FAILED,
            Self::NotAWorker { .. } => EXIT_NOT_A_WORKER,
            Self::Sandbox(_) | Self::Setup { .. } | Self::Engine(_) | Self::OutOfFiles(_) => EXIT_SETUP,
            Self::Channel(_) | Self::Protocol(_) => EXIT_PROTOCOL,
            Self::Told(error) => error.exit_code(),
        }
    }
}
