//! What it does: locks, semaphores, conditions, events and queues that processes and tasks share.
//! Takes from: tasks, and programs that use `isopool`. Hands to: the `sync` import, or the caller's own object.
//! Never: waits by itself; keeps the state of an object.
//!
//! The caller makes an object (`isopool::sync::lock()`, `queue()`, …) and passes a clone of it to a task as an ordinary
//! argument. The task can use exactly the objects that it was passed. So can a native function of the caller's program, in a
//! process of its own or as the initializer of a worker.
//!
//! ```
//! use isopool_guest::sync::{Lock, Queue, SyncError};
//!
//! // With `#[isopool_guest::task]` in front this is a task.
//! pub fn report(lock: Lock, lines: Queue<String>, name: String) -> Result<(), SyncError> {
//!     let _alone = lock.acquire(None)?;
//!     lines.put(&format!("{name} begins"), None)?;
//!     lines.put(&format!("{name} ends"), None)
//! }
//! # fn main() {}
//! ```
//!
//! Names and meanings are those of Python's `multiprocessing`, with guards in the place of `release`. Differences: a lock is
//! released by whoever holds it and nobody else; a lock whose holder died goes to the next one, who is told
//! ([`LockGuard::was_abandoned`]); every wait has an optional timeout, and a queue is bounded in bytes too.

mod condition;
mod error;
mod event;
mod handle;
mod lock;
mod object;
mod queue;
mod rlock;
mod semaphore;

pub use condition::{Condition, ConditionGuard};
pub use error::SyncError;
pub use event::Event;
#[doc(hidden)]
pub use handle::Handle;
pub use handle::ObjectId;
#[doc(hidden)]
#[cfg(not(target_family = "wasm"))]
pub use handle::{Collected, collect, provide};
#[cfg(not(target_family = "wasm"))]
pub(crate) use handle::{collect_end, provided};
pub use lock::{Lock, LockGuard};
#[doc(hidden)]
pub use object::Object;
pub use queue::{Queue, SimpleQueue};
pub use rlock::{RLock, RLockGuard};
pub use semaphore::{BoundedSemaphore, Permit, Semaphore};
