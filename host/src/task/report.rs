//! What a task cost.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the guest wrote, when the executor captures it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Bytes that were dropped because the limit was reached.
    pub dropped_bytes: u64,
}

/// What a worker measured while it ran a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunReport {
    /// From the worker's begin to its answer, instantiation included.
    pub(crate) run_time: Duration,
    /// Processor time of the worker between the two.
    pub(crate) cpu_time: Duration,
    /// Most linear memory that the instance held, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// What the guest has executed, where that is counted.
    pub(crate) fuel_used: Option<u64>,
    /// Log records that were dropped because the limit was reached.
    pub(crate) dropped_log_records: u32,
    /// Words on the task's progress that later ones have replaced.
    pub(crate) dropped_progress: u32,
    /// The guest's output, when it is captured.
    pub(crate) output: CapturedOutput,
}

/// What a task cost and where it ran. See [`TaskFuture::report`](crate::TaskFuture::report).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskReport {
    /// From `submit` until the task was sent to the worker that ran it.
    pub queue_time: Duration,
    /// From the worker's begin to its answer, instantiation included.
    pub run_time: Duration,
    /// Processor time that the worker used between the two, in user and kernel mode.
    pub cpu_time: Duration,
    /// Most linear memory that the guest held, in bytes.
    pub peak_memory_bytes: u64,
    /// What the guest has executed, in units of [`Limit::Fuel`](crate::Limit::Fuel); `None` when its executor does not have it
    /// counted.
    pub fuel_used: Option<u64>,
    /// How often the task was begun: 1, and 1 more for each worker that was lost with it. See
    /// [`Task::retries`](crate::Task::retries).
    pub attempts: u32,
    /// The index of the worker that ran it.
    pub worker_index: u32,
    /// The process id of that worker.
    pub pid: u32,
    /// Log records that were dropped because the limit was reached.
    pub dropped_log_records: u32,
    /// How often the guest told its [progress](crate::TaskFuture::on_progress) and a later word replaced it before it
    /// was sent.
    pub dropped_progress: u32,
    /// The guest's output, when the executor or the [task](crate::Task::guest_output) captures it; else empty. It counts
    /// what was dropped of it.
    pub output: CapturedOutput,
}
