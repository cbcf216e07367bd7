//! A flag that can be waited for.

use super::{Handle, SyncError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A flag that can be waited for. A clone is another handle of the same event. Made by `isopool::sync::event()`, not set.
///
/// # Source
/// `multiprocessing.Event`. Whoever waits is woken also when the event is cleared again at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Event(Handle);

impl Event {
    pub(super) fn wrap(handle: Handle) -> Self {
        Self(handle)
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0
    }

    /// Sets it, and wakes all who wait.
    ///
    /// # Errors
    /// [`SyncError::NotShared`]: the object was not passed to this task.
    pub fn set(&self) -> Result<(), SyncError> {
        self.0.object()?.set(true)
    }

    /// Clears it.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn clear(&self) -> Result<(), SyncError> {
        self.0.object()?.set(false)
    }

    /// Whether it is set.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn is_set(&self) -> Result<bool, SyncError> {
        self.0.object()?.is_set()
    }

    /// Waits until it is set, at most `timeout` (`None`: as long as it takes); false when the timeout is over.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, SyncError> {
        self.0.object()?.wait(timeout)
    }
}
