//! The choices of an executor.

use serde::{Deserialize, Serialize};

/// How long an instance lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reuse {
    /// Every task gets an instance of its own: nothing that a task leaves behind is seen by another one.
    #[default]
    Never,
    /// An instance serves one task after another in its worker, and keeps its state between them, as the globals of a
    /// loky worker do. A trap, a panic or an exhausted limit ends it. Much faster for tiny tasks; only for tasks that
    /// trust one another.
    Worker,
}

/// Where a guest's standard output and standard error go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GuestOutput {
    /// To the caller's own, line by line, each line named by its task: `[task 7 word_count] …`.
    #[default]
    Inherit,
    /// Into the task's [report](crate::TaskReport::output).
    Capture,
    /// Nowhere.
    Discard,
}

/// Whom a crash or a trap reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Containment {
    /// Only the task that was running. Its worker is replaced if its process died, tasks that had not begun are sent
    /// elsewhere, and the executor goes on.
    #[default]
    Task,
    /// Everyone: the contract of loky and concurrent.futures. The executor breaks, every task that is pending or
    /// running ends with [`BrokenProcessPool`](crate::BrokenProcessPool), and a new executor is needed.
    Pool,
}

/// How an executor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Everything that was submitted is finished first.
    Finish,
    /// What has begun is finished; the rest ends as cancelled.
    CancelPending,
    /// Workers are killed at once, and every unfinished task ends with [`TaskError::Shutdown`](crate::TaskError).
    Kill,
    /// As `Finish`, and after this time as `Kill`.
    FinishWithin(std::time::Duration),
}
