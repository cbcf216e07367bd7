//! Why a process gave no value.

use crate::error::BrokenCause;
use std::time::Duration;

/// Why a [`Process`](crate::Process) gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It was not started.
    #[error("the process was not started; call start()")]
    NotStarted,
    /// The function returned an error.
    #[error("the native function `{function}` failed: {message}")]
    Failed {
        /// Its name.
        function: String,
        /// Its error, in its own words.
        message: String,
    },
    /// The function panicked.
    #[error("the native function `{function}` panicked at {place}: {message}")]
    Panicked {
        /// Its name.
        function: String,
        /// What it said.
        message: String,
        /// File, line and column.
        place: String,
    },
    /// The arguments or the result do not go through the codec.
    #[error("the native function `{function}`: {message}")]
    Codec {
        /// Its name.
        function: String,
        /// Which, and why.
        message: String,
    },
    /// The program that the process ran has no such function.
    #[error("{message}")]
    Unknown {
        /// Which functions it has.
        message: String,
    },
    /// The process ended before the function did.
    #[error("the process {pid} ended before its function did: {cause}")]
    Died {
        /// Its id.
        pid: u32,
        /// How it ended.
        cause: BrokenCause,
    },
    /// It has not ended in the time that was given for the wait. It runs on.
    #[error("the process has not ended after {waited:?}; it runs on")]
    StillRunning {
        /// How long the wait was.
        waited: Duration,
    },
}
