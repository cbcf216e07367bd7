//! A lock that its holder may take again: a mutex and a count, which only the holder changes.

use super::deadline::Deadline;
use super::mutex::{Mutex, Taken};
use crate::sys::SharedMemory;
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub(super) const BYTES: usize = Mutex::BYTES + 8;

#[derive(Clone, Copy)]
pub(super) struct RLock<'m> {
    pub(super) mutex: Mutex<'m>,
    count: &'m AtomicU32,
}

impl<'m> RLock<'m> {
    pub(super) fn new(memory: &'m SharedMemory) -> Self {
        Self { mutex: Mutex::new(memory, 0), count: memory.word(Mutex::BYTES) }
    }

    /// Whether the holder before ended with it.
    pub(super) fn acquire(self, until: Deadline) -> Result<bool, SyncError> {
        if self.mutex.is_mine() {
            let more = self.count.load(Relaxed).checked_add(1).ok_or(SyncError::TooMany { places: u32::MAX })?;
            self.count.store(more, Relaxed);
            return Ok(false);
        }
        let taken = self.mutex.lock(until)?;
        self.count.store(1, Relaxed);
        Ok(taken == Taken::Abandoned)
    }

    pub(super) fn release(self) -> Result<(), SyncError> {
        if !self.mutex.is_mine() {
            return Err(SyncError::NotOwner);
        }
        match self.count.load(Relaxed) {
            0 | 1 => self.mutex.unlock(),
            more => {
                self.count.store(more - 1, Relaxed);
                Ok(())
            }
        }
    }

    /// Releases it however often it was taken; gives how often.
    pub(super) fn release_whole(self) -> Result<u32, SyncError> {
        let count = self.count.load(Relaxed);
        self.mutex.unlock()?;
        Ok(count)
    }

    /// Takes it as often as it was.
    pub(super) fn acquire_whole(self, count: u32, until: Deadline) -> Result<(), SyncError> {
        self.mutex.lock(until)?;
        self.count.store(count, Relaxed);
        Ok(())
    }
}
