//! A lock that one holder has at a time.

use super::{Handle, SyncError};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// A lock that one thread of one process, or one task, has at a time. A clone is another handle of the same lock.
///
/// Made by `isopool::sync::lock()`. The lock of a process that dies, or of a task that ends without having released it, goes
/// to the next one who asks, and that one is told: [`LockGuard::was_abandoned`].
///
/// # Source
/// `multiprocessing.Lock`. There any process may release it; here only the holder can.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lock(Handle);

impl Lock {
    pub(super) fn wrap(handle: Handle) -> Self {
        Self(handle)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Waits until nobody else has the lock, and takes it; at most `timeout` (`None`: as long as it takes; zero: does not
    /// wait). A thread that has it already waits for itself.
    ///
    /// # Errors
    /// [`SyncError::TimedOut`]; [`SyncError::NotShared`] when the object was not passed to this task.
    pub fn acquire(&self, timeout: Option<Duration>) -> Result<LockGuard<'_>, SyncError> {
        let abandoned = self.0.object()?.acquire(timeout)?;
        Ok(LockGuard { lock: self, abandoned, of_one_thread: PhantomData })
    }
}

/// The lock is held; dropping this releases it.
#[derive(Debug)]
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct LockGuard<'a> {
    lock: &'a Lock,
    abandoned: bool,
    of_one_thread: PhantomData<*const ()>,
}

impl LockGuard<'_> {
    /// Whether the holder before this one died, or ended, with the lock: what the lock protects may be half-done.
    #[must_use]
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        // It fails only when another process has overwritten the lock: then it is not ours any more.
        let _ = self.lock.0.object().and_then(|object| object.release());
    }
}
