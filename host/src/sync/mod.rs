//! What it does: makes and operates objects that processes and tasks share: locks, semaphores, conditions, events, queues,
//! streams.
//! Takes from: the user, stream, executor, dispatcher, native, worker. Hands to: sys (shared memory, futexes).
//! Never: trusts what stands in shared memory; waits without an end when a timeout was given; needs a pool.
//!
//! The types are those of [`isopool_guest::sync`], the same in a task and here. The functions of this module make the
//! objects, and so do the methods of a [context](crate::get_context); a clone of a handle goes to a task, a
//! [`Process`](crate::Process) or a native initializer as an ordinary argument.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lock = isopool::sync::lock()?;
//! {
//!     let guard = lock.acquire(None)?; // held until the guard is dropped
//!     assert!(!guard.was_abandoned());
//! }
//! let queue = isopool::sync::queue::<String>(2)?; // at most two items
//! queue.put(&"first".to_owned(), None)?;
//! assert_eq!(queue.get_nowait()?, "first");
//! # Ok(())
//! # }
//! ```
//! An object lives as long as a handle of it, or a task that was given one, in any process. A native function that was passed
//! one can pass it on, to a process or a task of its own. Handles among the arguments of an *initializer* of a module, in the
//! *result* of a task or a native function, or in an *item* of a queue, are only names: what they stand for is not shared.

mod condition;
mod create;
mod deadline;
mod event;
#[cfg(debug_assertions)]
pub(crate) mod fuzz;
mod holder;
#[cfg(test)]
mod hostile_tests;
mod mutex;
mod object;
mod of_context;
#[cfg(test)]
mod process_tests;
mod queue;
mod rlock;
mod semaphore;
mod slots;
mod stream;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;

pub(crate) use create::Words;
pub use create::{
    QueueOptions, bounded_semaphore, condition, event, lock, queue, queue_with, rlock, semaphore, simple_queue,
};
pub(crate) use holder::ProcessMark;
pub use isopool_guest::sync::{
    BoundedSemaphore, Condition, ConditionGuard, Event, Lock, LockGuard, ObjectId, Permit, Queue, RLock, RLockGuard,
    Semaphore, SimpleQueue, SyncError,
};
pub(crate) use object::{Collected, SharedObject, collect, provide};
