//! Counted permits.

use super::{Handle, SyncError};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A number of permits. A clone is another handle of the same semaphore. Made by `isopool::sync::semaphore(permits)`.
///
/// Permits of a process that dies, or of a task that ends, come back. Those that were [forgotten](Permit::forget) do not:
/// they are nobody's. So a semaphore that counts signals is waited for with `acquire(…)?.forget()` and signalled with
/// [`release`](Self::release).
///
/// # Source
/// `multiprocessing.Semaphore`, where no permit comes back from the dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Semaphore(Handle);

/// A [`Semaphore`] that never has more permits than it began with. Made by `isopool::sync::bounded_semaphore(permits)`.
///
/// # Source
/// `multiprocessing.BoundedSemaphore`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BoundedSemaphore(Handle);

macro_rules! semaphore {
    ($name:ident, $over:literal) => {
        impl $name {
            pub(super) fn wrap(handle: Handle) -> Self {
                Self(handle)
            }

            pub(super) fn handle(&self) -> &Handle {
                &self.0
            }

            /// Waits for a permit and takes it; at most `timeout` (`None`: as long as it takes; zero: does not wait).
            ///
            /// # Errors
            /// [`SyncError::TimedOut`]; [`SyncError::NotShared`] when the object was not passed to this task.
            pub fn acquire(&self, timeout: Option<Duration>) -> Result<Permit, SyncError> {
                self.0.object()?.acquire(timeout)?;
                Ok(Permit { handle: self.0.clone(), is_held: true })
            }

            /// Adds a permit that nobody had.
            ///
            /// # Errors
            #[doc = $over]
            pub fn release(&self) -> Result<(), SyncError> {
                self.0.object()?.post()
            }

            /// How many permits are free at this moment.
            ///
            /// # Errors
            /// [`SyncError::NotShared`], [`SyncError::Busy`].
            pub fn value(&self) -> Result<u32, SyncError> {
                self.0.object()?.value()
            }
        }
    };
}

semaphore!(Semaphore, "[`SyncError::OverReleased`] beyond `isopool::limits::MAX_PERMITS`.");
semaphore!(
    BoundedSemaphore,
    "[`SyncError::OverReleased`]: it would have more permits, free and taken, than it began with."
);

/// A permit; dropping this gives it back. It may be dropped on another thread.
#[derive(Debug)]
#[must_use = "the permit is given back as soon as this is dropped"]
pub struct Permit {
    handle: Handle,
    is_held: bool,
}

impl Permit {
    /// Keeps the permit from ever coming back by itself.
    ///
    /// # Errors
    /// [`SyncError::Busy`], [`SyncError::Corrupt`]; the permit is given back then.
    pub fn forget(mut self) -> Result<(), SyncError> {
        self.handle.object()?.forget()?;
        self.is_held = false;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_held {
            // It fails only when the memory was overwritten, or a stopped process is in the middle of an operation.
            let _ = self.handle.object().and_then(|object| object.release());
        }
    }
}
