//! What the state machine is told.

use crate::queue::Turn;
use crate::task::{ModuleNumber, TaskId, WorkerId};

/// Something happened. Everything that changes the state of a pool is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A task was submitted. Ids grow.
    Submitted { turn: Turn },
    /// A task that runs has submitted another one. Ids grow.
    ChildSubmitted { turn: Turn, parent: TaskId },
    /// A worker says that the task it runs waits for one of its children.
    Awaits { worker: WorkerId, parent: TaskId, child: TaskId },
    /// A task is to be cancelled; one that runs only if asked to.
    Cancel { task: TaskId, even_running: bool },
    /// A worker is ready for tasks.
    WorkerReady { worker: WorkerId },
    /// A worker says that a task has ended. `trapped`: by a trap, which breaks the pool under `Containment::Pool`.
    TaskDone { worker: WorkerId, task: TaskId, trapped: bool },
    /// A worker broke the protocol; it must not be believed any more.
    WorkerLied { worker: WorkerId },
    /// A worker's channel is closed. Its process may be about to end.
    WorkerHungUp { worker: WorkerId },
    /// A worker process is gone, everything that it had said was handled before, and its process was reaped.
    WorkerExited { worker: WorkerId },
    /// The native initializer did not end well in a worker.
    InitializerFailed { worker: WorkerId },
    /// A worker lacks a layer that is required; so would every other one.
    NotHardened { worker: WorkerId },
    /// A worker process could not be started.
    StartFailed { worker: WorkerId },
    /// The answer to [`Action::Measure`](super::action::Action::Measure): what a worker's process holds resident.
    WorkerMeasured { worker: WorkerId, resident_bytes: u64 },
    /// A caller takes a module out of quarantine.
    QuarantineLifted { module: ModuleNumber },
    /// The number of workers is to change.
    Resized { max_workers: usize },
    /// The pool is to end.
    Shutdown { mode: ShutdownMode },
    /// A deadline that [`State::next_deadline`](super::state::State::next_deadline) gave has come.
    Tick,
}

/// How a pool ends. Later calls can only be harsher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShutdownMode {
    /// Everything submitted is finished first.
    Finish,
    /// What has begun is finished; the rest is cancelled.
    CancelPending,
    /// Workers are killed, and everything unfinished fails.
    Kill,
}
