//! A lock that its holder may take again.

use super::{Handle, SyncError};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// A lock that its holder may take again. It is free when each guard was dropped. A clone is another handle of the same
/// lock. Made by `isopool::sync::rlock()`.
///
/// # Source
/// `multiprocessing.RLock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RLock(Handle);

impl RLock {
    pub(super) fn wrap(handle: Handle) -> Self {
        Self(handle)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Waits until nobody else has the lock, and takes it, or takes it once more; at most `timeout` (`None`: as long as it
    /// takes; zero: does not wait).
    ///
    /// # Errors
    /// [`SyncError::TimedOut`]; [`SyncError::NotShared`] when the object was not passed to this task;
    /// [`SyncError::TooMany`] after 2³² − 1 guards of one holder.
    pub fn acquire(&self, timeout: Option<Duration>) -> Result<RLockGuard<'_>, SyncError> {
        let abandoned = self.0.object()?.acquire(timeout)?;
        Ok(RLockGuard { lock: self, abandoned, of_one_thread: PhantomData })
    }
}

/// The lock is held; dropping the last guard releases it.
#[derive(Debug)]
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct RLockGuard<'a> {
    lock: &'a RLock,
    abandoned: bool,
    of_one_thread: PhantomData<*const ()>,
}

impl RLockGuard<'_> {
    /// Whether the holder before this one died, or ended, with the lock: what the lock protects may be half-done.
    #[must_use]
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }
}

impl Drop for RLockGuard<'_> {
    fn drop(&mut self) {
        // It fails only when another process has overwritten the lock: then it is not ours any more.
        let _ = self.lock.0.object().and_then(|object| object.release());
    }
}
