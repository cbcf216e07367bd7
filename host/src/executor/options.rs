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
