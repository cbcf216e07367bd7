//! Permits. What is free is not stored but counted: all permits, less those that processes hold. So each operation is one
//! store, and a process that dies at any point of one leaves nothing half-done.

use super::deadline::Deadline;
use super::holder::ProcessMark;
use super::mutex::{Mutex, Notice};
use super::slots::{self, Slot, Slots};
use crate::sys::{FutexWait, SharedMemory};
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

const TOTAL: usize = Mutex::BYTES;
const NOTICE: usize = TOTAL + 8;
const SLOTS: usize = NOTICE + Notice::BYTES;
pub(super) const BYTES: usize = SLOTS + slots::BYTES;

#[derive(Clone, Copy)]
pub(super) struct Semaphore<'m> {
    inner: Mutex<'m>,
    /// Free and taken.
    total: &'m AtomicU32,
    notice: Notice<'m>,
    /// One for each process that has permits; the state is how many.
    holders: Slots<'m>,
    max_permits: u32,
}

impl<'m> Semaphore<'m> {
    pub(super) fn new(memory: &'m SharedMemory, max_permits: u32) -> Self {
        Self {
            inner: Mutex::new(memory, 0),
            total: memory.word(TOTAL),
            notice: Notice::new(memory, NOTICE),
            holders: Slots::new(memory, SLOTS),
            max_permits,
        }
    }

    pub(super) fn begin(self, permits: u32) {
        self.total.store(permits, SeqCst);
    }

    fn free(self) -> u32 {
        let taken: u64 = self.holders.taken().map(|slot| u64::from(slot.state.load(SeqCst))).sum();
        u64::from(self.total.load(SeqCst)).saturating_sub(taken) as u32
    }

    fn try_acquire(self) -> bool {
        let own = ProcessMark::current().word();
        if self.free() == 0 {
            return false;
        }
        // When all places are taken, who has no permit yet waits until one is free.
        let Some(slot) = self.holders.of(own).or_else(|| self.holders.claim(own)) else { return false };
        slot.state.fetch_add(1, SeqCst);
        true
    }

    pub(super) fn acquire(self, mut until: Deadline) -> Result<(), SyncError> {
        loop {
            let inside = self.inner.enter(until)?;
            if self.try_acquire() {
                return Ok(());
            }
            let enlisted = self.notice.enlist();
            drop(inside);
            if until.is_over() {
                let came_back = self.take_from_the_gone();
                let _inside = self.inner.enter(until)?;
                return if came_back && self.try_acquire() { Ok(()) } else { Err(SyncError::TimedOut) };
            }
            if enlisted.sleep(&mut until)? == FutexWait::TimedOut {
                self.take_from_the_gone();
            }
        }
    }

    /// A slot of this process with a permit.
    fn own(self) -> Result<Slot<'m>, SyncError> {
        let slot = self.holders.of(ProcessMark::current().word());
        slot.filter(|slot| slot.state.load(SeqCst) > 0).ok_or(SyncError::OverReleased)
    }

    fn give_back(slot: Slot<'_>) {
        if slot.state.fetch_sub(1, SeqCst) <= 1 {
            slot.free();
        }
    }

    pub(super) fn release(self) -> Result<(), SyncError> {
        let inside = self.inner.enter_to_finish()?;
        Self::give_back(self.own()?);
        drop(inside);
        self.notice.post(1);
        Ok(())
    }

    /// Dying between the two stores is as good as dying after them: what is still held is given back.
    pub(super) fn forget(self) -> Result<(), SyncError> {
        let _inside = self.inner.enter_to_finish()?;
        let slot = self.own()?;
        let total = self.total.load(SeqCst).checked_sub(1).ok_or(SyncError::Corrupt)?;
        self.total.store(total, SeqCst);
        Self::give_back(slot);
        Ok(())
    }

    pub(super) fn post(self) -> Result<(), SyncError> {
        let inside = self.inner.enter_to_finish()?;
        let total = self.total.load(SeqCst);
        if total >= self.max_permits {
            return Err(SyncError::OverReleased);
        }
        self.total.store(total + 1, SeqCst);
        drop(inside);
        self.notice.post(1);
        Ok(())
    }

    pub(super) fn value(self) -> Result<u32, SyncError> {
        let _inside = self.inner.enter_to_finish()?;
        Ok(self.free())
    }

    fn take_from_the_gone(self) -> bool {
        let gone = self.holders.gone();
        gone.iter().for_each(|process| self.take_from(*process));
        !gone.is_empty()
    }

    pub(super) fn take_from(self, process: ProcessMark) {
        self.inner.take_from(process);
        let mut came_back = 0;
        for slot in self.holders.seize(process) {
            came_back += 1;
            slot.free();
        }
        if came_back > 0 {
            self.notice.post(u32::MAX);
        }
    }
}
