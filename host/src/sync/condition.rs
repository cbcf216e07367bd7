//! A lock and those who wait for a notification. Each has a slot of its own and sleeps at its state, so a notification
//! wakes exactly the one that it is for.

use super::deadline::Deadline;
use super::holder::{ProcessMark, this_thread};
use super::mutex::sleep;
use super::rlock::{self, RLock};
use super::slots::{self, Slot, Slots};
use crate::limits::{SYNC_PLACES, SYNC_REACQUIRE};
use crate::sys::{FutexWait, SharedMemory, futex_wake};
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

const NEXT_TICKET: usize = rlock::BYTES;
const SLOTS: usize = NEXT_TICKET + 8;
pub(super) const BYTES: usize = SLOTS + slots::BYTES;

const WAITS: u32 = 1;
const NOTIFIED: u32 = 2;

#[derive(Clone, Copy)]
pub(super) struct Condition<'m> {
    pub(super) lock: RLock<'m>,
    next_ticket: &'m AtomicU32,
    waiting: Slots<'m>,
}

impl<'m> Condition<'m> {
    pub(super) fn new(memory: &'m SharedMemory) -> Self {
        Self { lock: RLock::new(memory), next_ticket: memory.word(NEXT_TICKET), waiting: Slots::new(memory, SLOTS) }
    }

    /// Releases the lock, waits, takes it again. After an error the lock is not held.
    pub(super) fn wait(self, until: Deadline) -> Result<bool, SyncError> {
        if !self.lock.mutex.is_mine() {
            return Err(SyncError::NotOwner);
        }
        let Some(slot) = self.waiting.claim(this_thread()) else {
            self.lock.release_whole()?;
            return Err(SyncError::TooMany { places: SYNC_PLACES });
        };
        slot.ticket.store(self.next_ticket.fetch_add(1, SeqCst), SeqCst);
        slot.state.store(WAITS, SeqCst);
        let notified = self.wait_in(slot, until);
        slot.free();
        notified
    }

    fn wait_in(self, slot: Slot<'_>, mut until: Deadline) -> Result<bool, SyncError> {
        let count = self.lock.release_whole()?;
        while slot.state.load(SeqCst) == WAITS && !until.is_over() {
            if sleep(slot.state, WAITS, &mut until)? == FutexWait::TimedOut {
                // What was said to one that has ended since may be for this one.
                self.take_from_the_gone();
            }
        }
        // Notifications come under the lock: from here on the state stays.
        self.lock.acquire_whole(count, until.not_before(SYNC_REACQUIRE)).inspect_err(|_| self.hand_on(slot))?;
        match slot.state.load(SeqCst) {
            NOTIFIED => Ok(true),
            WAITS => Ok(false),
            _ => {
                self.lock.release_whole()?;
                Err(SyncError::Corrupt)
            }
        }
    }

    pub(super) fn notify(self, count: u32) -> Result<u32, SyncError> {
        if !self.lock.mutex.is_mine() {
            return Err(SyncError::NotOwner);
        }
        Ok(self.wake(count))
    }

    /// Wakes those who have waited longest.
    fn wake(self, count: u32) -> u32 {
        let now = self.next_ticket.load(SeqCst);
        let mut waiting: Vec<Slot<'_>> = self.waiting.taken().filter(|slot| slot.state.load(SeqCst) == WAITS).collect();
        // Tickets wrap around: the older one is the one further back from the next.
        waiting.sort_by_key(|slot| std::cmp::Reverse(now.wrapping_sub(slot.ticket.load(SeqCst))));
        let mut woken = 0;
        for slot in waiting {
            if woken == count {
                break;
            }
            if slot.state.compare_exchange(WAITS, NOTIFIED, SeqCst, SeqCst).is_ok() {
                futex_wake(slot.state, 1);
                woken += 1;
            }
        }
        woken
    }

    /// What was said to one that cannot hear it any more goes to the next.
    fn hand_on(self, slot: Slot<'_>) {
        if slot.state.swap(0, SeqCst) == NOTIFIED {
            self.wake(1);
        }
    }

    pub(super) fn take_from(self, process: ProcessMark) {
        self.lock.mutex.take_from(process);
        for slot in self.waiting.seize(process) {
            self.hand_on(slot);
            slot.free();
        }
    }

    fn take_from_the_gone(self) {
        self.waiting.gone().into_iter().for_each(|process| self.take_from(process));
    }
}
