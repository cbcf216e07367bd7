//! Waiting under a lock for what another does under it.

use super::{Handle, SyncError};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// A lock, and the possibility to wait for a notification while it is released. The lock is part of the condition, and its
/// holder may take it again. A clone is another handle. Made by `isopool::sync::condition()`.
///
/// A notification wakes exactly as many as it says, those first that have waited longest. One that goes to a process that
/// dies before it has woken goes on to another that waits.
///
/// # Source
/// `multiprocessing.Condition`, with a lock of its own; several conditions on one lock do not exist here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition(Handle);

impl Condition {
    pub(super) fn wrap(handle: Handle) -> Self {
        Self(handle)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Takes the lock, as [`RLock::acquire`](super::RLock::acquire) does.
    ///
    /// # Errors
    /// As there.
    pub fn acquire(&self, timeout: Option<Duration>) -> Result<ConditionGuard<'_>, SyncError> {
        let abandoned = self.0.object()?.acquire(timeout)?;
        Ok(ConditionGuard { condition: self, abandoned, of_one_thread: PhantomData })
    }
}

/// The condition's lock is held; dropping the last guard releases it.
#[derive(Debug)]
#[must_use = "the lock is released as soon as its guard is dropped"]
pub struct ConditionGuard<'a> {
    condition: &'a Condition,
    abandoned: bool,
    of_one_thread: PhantomData<*const ()>,
}

impl ConditionGuard<'_> {
    /// Whether the holder before this one died, or ended, with the lock: what the lock protects may be half-done.
    #[must_use]
    pub fn was_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Releases the lock (however often it was taken), waits for a notification, at most `timeout`, and takes the lock
    /// again. Gives the guard, and whether there was a notification.
    ///
    /// # Errors
    /// The lock is not held any more then. [`SyncError::TimedOut`]: it could not be taken again in
    /// `isopool::limits::SYNC_REACQUIRE` beyond the timeout. [`SyncError::TooMany`]: too many wait already.
    pub fn wait(self, timeout: Option<Duration>) -> Result<(Self, bool), SyncError> {
        let notified = self.condition.0.object()?.wait(timeout)?;
        Ok((self, notified))
    }

    /// Waits until `predicate` is so, at most `timeout`; it is asked under the lock, first at once and then after each
    /// notification. Gives the guard, and what the predicate said last.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_for(
        mut self,
        timeout: Option<Duration>,
        mut predicate: impl FnMut() -> bool,
    ) -> Result<(Self, bool), SyncError> {
        // Beyond what the clock can say is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if predicate() {
                return Ok((self, true));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok((self, false));
            }
            (self, _) = self.wait(left)?;
        }
    }

    /// Wakes at most `count` of those who wait; gives how many it woke. They go on when the lock is free.
    ///
    /// # Errors
    /// [`SyncError::NotOwner`]: another process has overwritten the lock.
    pub fn notify(&self, count: u32) -> Result<u32, SyncError> {
        self.condition.0.object()?.notify(count)
    }

    /// Wakes all who wait; gives how many it woke.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn notify_all(&self) -> Result<u32, SyncError> {
        self.notify(u32::MAX)
    }
}

impl Drop for ConditionGuard<'_> {
    fn drop(&mut self) {
        // It fails only when the lock was lost: to a failed wait, or to a process that has overwritten it.
        let _ = self.condition.0.object().and_then(|object| object.release());
    }
}
