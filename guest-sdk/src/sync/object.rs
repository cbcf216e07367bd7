//! What can be done with a shared object: the operations of the `sync` interface of `wit/`, one to one.

use super::SyncError;
#[cfg(not(target_family = "wasm"))]
use super::handle::ObjectId;
#[cfg(not(target_family = "wasm"))]
use crate::stream::StreamEnd;
use std::time::Duration;

/// The operations of all kinds of objects; each kind has some of them and refuses the others with
/// [`SyncError::WrongKind`]. For `isopool` itself: users have [`Lock`](super::Lock) and the others.
#[doc(hidden)]
pub trait Object: Send + Sync + 'static {
    /// The object's name.
    #[cfg(not(target_family = "wasm"))]
    fn id(&self) -> ObjectId;
    /// The object itself, for its maker.
    #[cfg(not(target_family = "wasm"))]
    fn into_any(self: std::sync::Arc<Self>) -> std::sync::Arc<dyn std::any::Any + Send + Sync>;
    /// The object as an end of a stream, if it is one.
    #[cfg(not(target_family = "wasm"))]
    fn stream_end(&self) -> Option<&dyn StreamEnd>;

    /// Lock, rlock, condition: takes the lock. Semaphore: takes a permit. Whether a holder before died with it.
    fn acquire(&self, timeout: Option<Duration>) -> Result<bool, SyncError>;
    /// Gives back what `acquire` took.
    fn release(&self) -> Result<(), SyncError>;
    /// Semaphore: one more permit, of nobody's.
    fn post(&self) -> Result<(), SyncError>;
    /// Semaphore: a permit that `acquire` took is not given back, ever.
    fn forget(&self) -> Result<(), SyncError>;
    /// Semaphore: free permits. Queue: items.
    fn value(&self) -> Result<u32, SyncError>;
    /// Event: waits until it is set. Condition: waits for a notification. False: the timeout is over.
    fn wait(&self, timeout: Option<Duration>) -> Result<bool, SyncError>;
    /// Condition: wakes at most `count`; how many it woke.
    fn notify(&self, count: u32) -> Result<u32, SyncError>;
    /// Event: sets or clears it.
    fn set(&self, set: bool) -> Result<(), SyncError>;
    /// Event: whether it is set.
    fn is_set(&self) -> Result<bool, SyncError>;
    /// Queue: adds an item.
    fn put(&self, item: &[u8], timeout: Option<Duration>) -> Result<(), SyncError>;
    /// Queue: takes an item.
    fn get(&self, timeout: Option<Duration>) -> Result<Vec<u8>, SyncError>;
    /// Queue: whether not even an empty item has room.
    fn is_full(&self) -> Result<bool, SyncError>;
}
