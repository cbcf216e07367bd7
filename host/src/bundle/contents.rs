//! What a crash bundle says of its task.

use super::Ending;
use crate::executor::{Execution, Interruption, Overflow, Reuse};
use crate::task::{Access, HostFaultKind, Limit};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The description: JSON in the file. Bytes are beside it, in the order of the fields that give their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// Of isopool, wasmtime and the machine that wrote it.
    pub(crate) versions: String,
    /// Seconds since 1970.
    pub(crate) written_at: u64,
    pub(crate) task: u64,
    pub(crate) tenant: Option<String>,
    pub(crate) module: String,
    pub(crate) module_hash: String,
    pub(crate) function: String,
    /// The executor's.
    pub(crate) codec: String,
    /// `None`: not deterministic, and a replay may come out differently.
    pub(crate) seed: Option<u64>,
    pub(crate) execution: Execution,
    pub(crate) interruption: Interruption,
    pub(crate) overflow: Overflow,
    pub(crate) reuse: Reuse,
    /// The executor's, where they are not the defaults.
    pub(crate) limits: Vec<(Limit, u64)>,
    /// The task's own.
    pub(crate) own_limits: Vec<(Limit, u64)>,
    pub(crate) max_argument_bytes: usize,
    pub(crate) max_result_bytes: usize,
    pub(crate) max_host_function_calls: u64,
    pub(crate) max_host_function_bytes: usize,
    pub(crate) time_limit: Option<Duration>,
    /// From its submission.
    pub(crate) deadline: Option<Duration>,
    /// Names alone: values may be secrets.
    pub(crate) environment: Vec<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) directories: Vec<Directory>,
    pub(crate) addresses: Vec<String>,
    /// How many it was given. They are gone, and with them the replay.
    pub(crate) shared_objects: usize,
    /// What prepares the module.
    pub(crate) initializer: Option<InitializerRecord>,
    pub(crate) argument_bytes: usize,
    /// `None`: it was too large.
    pub(crate) module_bytes: Option<usize>,
    pub(crate) host_calls: Vec<HostCallRecord>,
    /// There were more.
    pub(crate) host_calls_cut: bool,
    /// How it ended, as its future said it.
    pub(crate) message: String,
    pub(crate) ending: Ending,
}

/// A granted directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Directory {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) access: Access,
}

/// The call of an initializer; its argument comes first among the bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InitializerRecord {
    pub(crate) function: String,
    pub(crate) argument_bytes: usize,
}

/// A call of a host function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostCallRecord {
    /// As the module imports it.
    pub(crate) function: String,
    pub(crate) argument_bytes: usize,
    /// `None`: the task ended before it came.
    pub(crate) answer: Option<Answer>,
}

/// What a host function answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    Returned { bytes: usize },
    Fault { kind: HostFaultKind, message: String },
}
