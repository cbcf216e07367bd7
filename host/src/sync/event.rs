//! A flag: one word that counts its changes, odd while it is set. So one that waits sees that it was set even when it was
//! cleared again at once.

use super::deadline::Deadline;
use super::mutex::sleep;
use crate::sys::{SharedMemory, futex_wake};
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

pub(super) const BYTES: usize = 8;

#[derive(Clone, Copy)]
pub(super) struct Event<'m> {
    changes: &'m AtomicU32,
}

impl<'m> Event<'m> {
    pub(super) fn new(memory: &'m SharedMemory) -> Self {
        Self { changes: memory.word(0) }
    }

    pub(super) fn is_set(self) -> bool {
        self.changes.load(SeqCst) % 2 == 1
    }

    pub(super) fn set(self, set: bool) {
        let change = |changes: u32| ((changes % 2 == 1) != set).then_some(changes.wrapping_add(1));
        if self.changes.fetch_update(SeqCst, SeqCst, change).is_ok() && set {
            futex_wake(self.changes, u32::MAX);
        }
    }

    /// Whether it was set before the deadline.
    pub(super) fn wait(self, mut until: Deadline) -> Result<bool, SyncError> {
        let seen = self.changes.load(SeqCst);
        if seen % 2 == 1 {
            return Ok(true);
        }
        while self.changes.load(SeqCst) == seen {
            if until.is_over() {
                return Ok(false);
            }
            sleep(self.changes, seen, &mut until)?;
        }
        Ok(true)
    }
}
