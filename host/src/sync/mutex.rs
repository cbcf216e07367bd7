//! What everything here is made of: a lock that survives its holder, and a notice board to sleep at.

use super::deadline::Deadline;
use super::holder::{ABANDONED, FREE, ProcessMark, this_thread};
use crate::limits::{SYNC_FINISH, SYNC_INNER_GRACE};
use crate::sys::{FutexWait, SharedMemory, futex_wait, futex_wake};
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

/// Where to sleep until something has happened. `sequence: u32, waiters: u32`.
///
/// Who waits enlists, then looks at what it waits for, then sleeps. Who changes that then looks for waiters. One of them
/// sees the other (all accesses are `SeqCst`). A wake that is lost all the same, because the woken process died or a hostile
/// one has overwritten the words, costs the others [`SYNC_RECHECK`](crate::limits::SYNC_RECHECK).
#[derive(Clone, Copy)]
pub(super) struct Notice<'m> {
    sequence: &'m AtomicU32,
    waiters: &'m AtomicU32,
}

/// One that waits, or is about to.
pub(super) struct Enlisted<'m> {
    notice: Notice<'m>,
    seen: u32,
}

impl<'m> Notice<'m> {
    pub(super) const BYTES: usize = 8;

    pub(super) fn new(memory: &'m SharedMemory, at: usize) -> Self {
        Self { sequence: memory.word(at), waiters: memory.word(at + 4) }
    }

    pub(super) fn enlist(self) -> Enlisted<'m> {
        self.waiters.fetch_add(1, SeqCst);
        Enlisted { notice: self, seen: self.sequence.load(SeqCst) }
    }

    /// Wakes at most `count`.
    pub(super) fn post(self, count: u32) {
        if self.waiters.load(SeqCst) > 0 {
            self.sequence.fetch_add(1, SeqCst);
            futex_wake(self.sequence, count);
        }
    }
}

impl Enlisted<'_> {
    /// Sleeps until a notice is posted, or it is time to look again.
    pub(super) fn sleep(self, until: &mut Deadline) -> Result<FutexWait, SyncError> {
        sleep(self.notice.sequence, self.seen, until)
    }
}

impl Drop for Enlisted<'_> {
    fn drop(&mut self) {
        self.notice.waiters.fetch_sub(1, SeqCst);
    }
}

/// Sleeps while a word is as it was seen, for one slice of the time that is left.
pub(super) fn sleep(word: &AtomicU32, seen: u32, until: &mut Deadline) -> Result<FutexWait, SyncError> {
    futex_wait(word, seen, until.slice()).map_err(|error| SyncError::System { message: error.to_string() })
}

/// A lock: `holder: u64, notice`.
#[derive(Clone, Copy)]
pub(super) struct Mutex<'m> {
    holder: &'m AtomicU64,
    notice: Notice<'m>,
}

/// How a lock was found by the one who has it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Free,
    /// The holder before ended with it.
    Abandoned,
}

impl<'m> Mutex<'m> {
    pub(super) const BYTES: usize = 8 + Notice::BYTES;

    pub(super) fn new(memory: &'m SharedMemory, at: usize) -> Self {
        Self { holder: memory.long(at), notice: Notice::new(memory, at + 8) }
    }

    pub(super) fn is_mine(self) -> bool {
        self.holder.load(SeqCst) == this_thread()
    }

    fn try_lock(self) -> Option<Taken> {
        let mut found = self.holder.load(SeqCst);
        while !ProcessMark::of_word(found).is_somebody() {
            match self.holder.compare_exchange(found, this_thread(), SeqCst, SeqCst) {
                Ok(FREE) => return Some(Taken::Free),
                Ok(_) => return Some(Taken::Abandoned),
                Err(changed) => found = changed,
            }
        }
        None
    }

    /// Takes the lock.
    pub(super) fn lock(self, mut until: Deadline) -> Result<Taken, SyncError> {
        loop {
            if let Some(taken) = self.try_lock() {
                return Ok(taken);
            }
            let enlisted = self.notice.enlist();
            if let Some(taken) = self.try_lock() {
                return Ok(taken);
            }
            if until.is_over() {
                self.take_from_the_gone();
                return self.try_lock().ok_or(SyncError::TimedOut);
            }
            if enlisted.sleep(&mut until)? == FutexWait::TimedOut {
                self.take_from_the_gone();
            }
        }
    }

    pub(super) fn unlock(self) -> Result<(), SyncError> {
        self.holder.compare_exchange(this_thread(), FREE, SeqCst, SeqCst).map_err(|_| SyncError::NotOwner)?;
        self.notice.post(1);
        Ok(())
    }

    fn take_from_the_gone(self) {
        let holder = ProcessMark::of_word(self.holder.load(SeqCst));
        if holder.is_somebody() && holder.is_gone() {
            self.take_from(holder);
        }
    }

    /// Takes the lock from a process that has ended, or whose task has.
    pub(super) fn take_from(self, process: ProcessMark) {
        let held = self.holder.load(SeqCst);
        if ProcessMark::of_word(held) == process
            && self.holder.compare_exchange(held, ABANDONED, SeqCst, SeqCst).is_ok()
        {
            self.notice.post(1);
        }
    }

    /// Takes the lock for one short operation, which one store completes: so nothing is half-done if the holder before
    /// died. An operation that must not wait waits for that much.
    pub(super) fn enter(self, until: Deadline) -> Result<Inside<'m>, SyncError> {
        self.lock(until.not_before(SYNC_INNER_GRACE)).map_err(busy)?;
        Ok(Inside(self))
    }

    /// As [`enter`](Self::enter), for operations that have no timeout of their own.
    pub(super) fn enter_to_finish(self) -> Result<Inside<'m>, SyncError> {
        self.lock(Deadline::after(Some(SYNC_FINISH))).map_err(busy)?;
        Ok(Inside(self))
    }
}

fn busy(error: SyncError) -> SyncError {
    if error == SyncError::TimedOut { SyncError::Busy } else { error }
}

/// In the middle of an operation.
pub(super) struct Inside<'m>(Mutex<'m>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // It fails only when another process has overwritten the lock.
        let _ = self.0.unlock();
    }
}
