//! One run of a program: what it leaves.

use isopool_guest::Bytes;
use serde::{Deserialize, Serialize};

/// How a program ended, and what it wrote. See [`Command`](crate::Command).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandOutput {
    /// Its exit code, 0 to 255; 0 is success.
    pub status: i32,
    /// What it wrote to standard output; empty when that goes elsewhere ([`Task::guest_output`](crate::Task::guest_output)).
    pub stdout: Bytes,
    /// What it wrote to standard error; as for `stdout`.
    pub stderr: Bytes,
    /// Bytes that it wrote beyond its limit, and that are lost.
    pub dropped_bytes: u64,
}

impl CommandOutput {
    /// Whether the program says that it has done what it was asked to.
    pub fn success(&self) -> bool {
        self.status == 0
    }
}
