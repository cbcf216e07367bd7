//! A bounded table of who holds or awaits something: `owner: u64, state: u32, ticket: u32` for each.
//!
//! A slot that is owned is changed by its owner, or, when that has ended, by whoever cleans up after it.

use super::holder::{FREE, ProcessMark, this_thread};
use crate::limits::{SYNC_LOOKS, SYNC_PLACES};
use crate::sys::SharedMemory;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

pub(super) const BYTES: usize = SYNC_PLACES as usize * SLOT_BYTES;
const SLOT_BYTES: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Slots<'m> {
    memory: &'m SharedMemory,
    at: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Slot<'m> {
    owner: &'m AtomicU64,
    pub(super) state: &'m AtomicU32,
    pub(super) ticket: &'m AtomicU32,
}

impl<'m> Slots<'m> {
    pub(super) fn new(memory: &'m SharedMemory, at: usize) -> Self {
        Self { memory, at }
    }

    fn all(self) -> impl Iterator<Item = Slot<'m>> {
        (0..SYNC_PLACES as usize).map(move |index| {
            let at = self.at + index * SLOT_BYTES;
            let (owner, state) = (self.memory.long(at), self.memory.word(at + 8));
            Slot { owner, state, ticket: self.memory.word(at + 12) }
        })
    }

    /// Those that somebody has.
    pub(super) fn taken(self) -> impl Iterator<Item = Slot<'m>> {
        self.all().filter(|slot| slot.owner.load(SeqCst) != FREE)
    }

    /// The slot of an owner.
    pub(super) fn of(self, owner: u64) -> Option<Slot<'m>> {
        self.all().find(|slot| slot.owner.load(SeqCst) == owner)
    }

    /// A free slot, made the owner's; its state and ticket are 0.
    pub(super) fn claim(self, owner: u64) -> Option<Slot<'m>> {
        let claimed = self.all().find(|slot| slot.owner.compare_exchange(FREE, owner, SeqCst, SeqCst).is_ok())?;
        claimed.state.store(0, SeqCst);
        Some(claimed)
    }

    /// Takes over the slots of a process that has ended, whichever of its threads had them, for the caller to look at and
    /// [free](Slot::free).
    pub(super) fn seize(self, process: ProcessMark) -> impl Iterator<Item = Slot<'m>> {
        self.taken().filter(move |slot| slot.seize(process))
    }

    /// Some of the processes that have slots and have ended; in the course of several calls, all.
    pub(super) fn gone(self) -> Vec<ProcessMark> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut processes: Vec<ProcessMark> = Vec::new();
        for process in self.taken().map(Slot::process) {
            if !processes.contains(&process) {
                processes.push(process);
            }
        }
        let first = NEXT.fetch_add(SYNC_LOOKS, Relaxed).checked_rem(processes.len()).unwrap_or(0);
        processes.rotate_left(first);
        processes.into_iter().take(SYNC_LOOKS).filter(|process| process.is_gone()).collect()
    }
}

impl Slot<'_> {
    fn process(self) -> ProcessMark {
        ProcessMark::of_word(self.owner.load(SeqCst))
    }

    /// Of several that clean up after the same process, one gets the slot.
    fn seize(self, process: ProcessMark) -> bool {
        let owner = self.owner.load(SeqCst);
        ProcessMark::of_word(owner) == process
            && self.owner.compare_exchange(owner, this_thread(), SeqCst, SeqCst).is_ok()
    }

    pub(super) fn free(self) {
        self.state.store(0, SeqCst);
        self.owner.store(FREE, SeqCst);
    }
}
