//! What the state machine wants done.

use super::quarantine::Refusal;
use crate::task::{ClassId, ModuleNumber, TaskId, WorkerId};
use std::time::Duration;

/// One thing to do; the event loop carries them out in order and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a worker process for tasks of this class.
    Start { worker: WorkerId, index: u32, class: ClassId },
    /// Send a task to a worker, with a new claim.
    Send { worker: WorkerId, task: TaskId },
    /// As `Send`, for a child of the task that the worker runs, which waits for its children: to be run meanwhile.
    Lend { worker: WorkerId, task: TaskId },
    /// A task is lost with its worker, and waits again: it is declared to bear that.
    Retry { worker: WorkerId, task: TaskId },
    /// Say what a worker's process holds resident. Answered by an event.
    Measure { worker: WorkerId },
    /// A worker takes no more tasks, and leaves when it has ended those that it has begun. To be told, once.
    Retire { worker: WorkerId, why: Retirement },
    /// A worker makes way for one of another class. To be told, once; `Stop` follows.
    Replace { worker: WorkerId },
    /// A module is in quarantine from now on. To be told.
    Quarantine { module: ModuleNumber, refusal: Refusal },
    /// Ask a worker to leave when it is done.
    Stop { worker: WorkerId },
    /// Kill a worker process. Its exit will be an event.
    Kill { worker: WorkerId, reason: KillReason },
    /// Ask a worker to stop the task that it runs, and to go on with the next.
    Interrupt { worker: WorkerId, task: TaskId },
    /// End a task: exactly once for each.
    Finish { task: TaskId, end: End },
    /// The pool is broken from now on: by what happened in this worker, or because workers cannot be started.
    Break { worker: WorkerId, culprit: Option<TaskId> },
    /// Nothing is left to do: the event loop ends.
    Terminate,
}

impl Action {
    /// The worker that it is done to.
    pub(crate) fn worker(&self) -> Option<WorkerId> {
        match *self {
            Action::Start { worker, .. }
            | Action::Send { worker, .. }
            | Action::Lend { worker, .. }
            | Action::Retry { worker, .. }
            | Action::Measure { worker }
            | Action::Retire { worker, .. }
            | Action::Replace { worker }
            | Action::Stop { worker }
            | Action::Kill { worker, .. }
            | Action::Interrupt { worker, .. } => Some(worker),
            Action::Quarantine { .. } | Action::Finish { .. } | Action::Break { .. } | Action::Terminate => None,
        }
    }
}

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As its worker says; the event loop holds the outcome that came with the event.
    Told,
    /// Cancelled.
    Cancelled,
    /// It ran for longer than its limit.
    TimedOut { limit: Duration },
    /// Its deadline has come.
    TooLate,
    /// Its worker is gone, and took it along.
    Lost { worker: WorkerId },
    /// Its module is in quarantine.
    Quarantined(Refusal),
    /// The pool broke under it.
    Broken,
    /// The executor was shut down.
    Shutdown,
}

/// Why a worker is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// The task that it ran was cancelled.
    Cancelled,
    /// The task that it ran had its time.
    Overdue,
    /// It broke the protocol.
    Lied,
    /// It closed its channel, and lived on.
    HungUp,
    /// It did not come up, or did not leave, in time.
    TimedOut,
    /// There are more workers than allowed, and it was not up yet.
    Surplus,
    /// The pool broke.
    Broken,
    /// The executor is shut down.
    Shutdown,
}

/// Why a worker is recycled, with figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retirement {
    /// It has run as many tasks as one worker may.
    Tasks { ended: u64 },
    /// It has been up for longer than one worker may.
    Age { age: Duration },
    /// It holds more memory than one worker may, beyond the least that it held since its first task.
    Growth { least_bytes: u64, resident_bytes: u64 },
}
