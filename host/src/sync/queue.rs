//! A ring of bytes under a lock. What stands between the two ends is items, each `length: u64` and its bytes, filled up to
//! a multiple of eight. An end is one word, its position and the number of items that went by, stored last: an operation
//! that was not finished has not happened.

use super::deadline::Deadline;
use super::holder::ProcessMark;
use super::mutex::{Enlisted, Mutex, Notice};
use crate::sys::SharedMemory;
use crate::task::QueueBounds;
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const HEAD: usize = Mutex::BYTES;
const TAIL: usize = HEAD + 8;
const ITEMS: usize = TAIL + 8;
const ROOM: usize = ITEMS + Notice::BYTES;
const RING: usize = ROOM + Notice::BYTES;
const LENGTH_BYTES: u32 = 8;

pub(super) fn bytes(bounds: &QueueBounds) -> usize {
    RING + bounds.ring_bytes as usize
}

/// What an item of so many bytes takes in the ring.
pub(super) const fn size_in_ring(item_bytes: u32) -> u32 {
    LENGTH_BYTES + item_bytes.next_multiple_of(8)
}

#[derive(Clone, Copy)]
pub(super) struct Queue<'m> {
    memory: &'m SharedMemory,
    bounds: QueueBounds,
    inner: Mutex<'m>,
    head: &'m AtomicU64,
    tail: &'m AtomicU64,
    /// There are items.
    items: Notice<'m>,
    /// There is room.
    room: Notice<'m>,
}

/// Both ends, as they were read and found to make sense.
struct Ends {
    head: End,
    tail: End,
    used_bytes: u32,
    items: u32,
}

/// One end: both count on and wrap around.
#[derive(Clone, Copy)]
struct End {
    position: u32,
    number: u32,
}

impl End {
    fn unpack(word: u64) -> Self {
        Self { position: word as u32, number: (word >> 32) as u32 }
    }

    fn past(self, bytes: u32) -> u64 {
        u64::from(self.position.wrapping_add(bytes)) | u64::from(self.number.wrapping_add(1)) << 32
    }
}

/// What came of one try, without waiting for the other end.
pub(super) enum Tried<'m, T> {
    Done(T),
    /// Enlisted already, so that no change is missed.
    Wait(Enlisted<'m>),
}

impl<'m> Queue<'m> {
    pub(super) fn new(memory: &'m SharedMemory, bounds: QueueBounds) -> Self {
        Self {
            memory,
            bounds,
            inner: Mutex::new(memory, 0),
            head: memory.long(HEAD),
            tail: memory.long(TAIL),
            items: Notice::new(memory, ITEMS),
            room: Notice::new(memory, ROOM),
        }
    }

    fn ends(self) -> Result<Ends, SyncError> {
        let (head, tail) = (End::unpack(self.head.load(SeqCst)), End::unpack(self.tail.load(SeqCst)));
        let used_bytes = tail.position.wrapping_sub(head.position);
        let items = tail.number.wrapping_sub(head.number);
        let makes_sense = used_bytes <= self.bounds.ring_bytes
            && head.position.is_multiple_of(8)
            && used_bytes.is_multiple_of(8)
            && items <= used_bytes / LENGTH_BYTES
            && (items == 0) == (used_bytes == 0);
        if makes_sense { Ok(Ends { head, tail, used_bytes, items }) } else { Err(SyncError::Corrupt) }
    }

    pub(super) fn put(self, item: &[u8], mut until: Deadline) -> Result<(), SyncError> {
        loop {
            let Tried::Wait(enlisted) = self.try_put(item, until)? else { return Ok(()) };
            if until.is_over() {
                return Err(SyncError::Full);
            }
            enlisted.sleep(&mut until)?;
        }
    }

    /// Waits for the lock only.
    pub(super) fn try_put(self, item: &[u8], until: Deadline) -> Result<Tried<'m, ()>, SyncError> {
        let limit = self.bounds.max_item_bytes;
        let length = u32::try_from(item.len()).ok().filter(|length| *length <= limit);
        let Some(length) = length else {
            return Err(SyncError::ItemTooLarge { size: item.len() as u64, limit: u64::from(limit) });
        };
        let size = size_in_ring(length);
        let inside = self.inner.enter(until)?;
        let ends = self.ends()?;
        if ends.items < self.bounds.max_items && size <= self.bounds.ring_bytes - ends.used_bytes {
            self.write(ends.tail.position, &u64::from(length).to_le_bytes());
            self.write(ends.tail.position.wrapping_add(LENGTH_BYTES), item);
            self.tail.store(ends.tail.past(size), SeqCst);
            drop(inside);
            self.items.post(1);
            return Ok(Tried::Done(()));
        }
        Ok(Tried::Wait(self.room.enlist()))
    }

    pub(super) fn get(self, mut until: Deadline) -> Result<Vec<u8>, SyncError> {
        loop {
            let enlisted = match self.try_get(until)? {
                Tried::Done(item) => return Ok(item),
                Tried::Wait(enlisted) => enlisted,
            };
            if until.is_over() {
                return Err(SyncError::Empty);
            }
            enlisted.sleep(&mut until)?;
        }
    }

    /// Waits for the lock only.
    pub(super) fn try_get(self, until: Deadline) -> Result<Tried<'m, Vec<u8>>, SyncError> {
        let inside = self.inner.enter(until)?;
        let ends = self.ends()?;
        if ends.items > 0 {
            let item = self.take(&ends)?;
            drop(inside);
            // All of them: the item that fits now may be anyone's.
            self.room.post(u32::MAX);
            return Ok(Tried::Done(item));
        }
        Ok(Tried::Wait(self.items.enlist()))
    }

    /// Wakes whoever waits at either end.
    pub(super) fn wake_all(self) {
        self.items.post(u32::MAX);
        self.room.post(u32::MAX);
    }

    /// How many items there are at most, or were a moment ago. Waits for nobody.
    pub(super) fn glance(self) -> u32 {
        // Without the lock the ends may not fit each other.
        self.ends().map_or(self.bounds.ring_bytes / LENGTH_BYTES, |ends| ends.items)
    }

    fn take(self, ends: &Ends) -> Result<Vec<u8>, SyncError> {
        let mut length = [0; LENGTH_BYTES as usize];
        self.read(ends.head.position, &mut length);
        // Before anything is reserved for it.
        let length = u32::try_from(u64::from_le_bytes(length)).ok();
        let length = length.filter(|length| *length <= self.bounds.max_item_bytes).ok_or(SyncError::Corrupt)?;
        let size = size_in_ring(length);
        // The last item fills what is left.
        let fits = if ends.items == 1 { size == ends.used_bytes } else { size < ends.used_bytes };
        if !fits {
            return Err(SyncError::Corrupt);
        }
        let mut item = vec![0; length as usize];
        self.read(ends.head.position.wrapping_add(LENGTH_BYTES), &mut item);
        self.head.store(ends.head.past(size), SeqCst);
        Ok(item)
    }

    pub(super) fn len(self) -> Result<u32, SyncError> {
        let _inside = self.inner.enter_to_finish()?;
        Ok(self.ends()?.items)
    }

    pub(super) fn is_full(self) -> Result<bool, SyncError> {
        let _inside = self.inner.enter_to_finish()?;
        let ends = self.ends()?;
        Ok(ends.items >= self.bounds.max_items || self.bounds.ring_bytes - ends.used_bytes < size_in_ring(0))
    }

    pub(super) fn take_from(self, process: ProcessMark) {
        self.inner.take_from(process);
    }

    /// The part of the ring at a position, and how much is left from there to its end.
    fn place(self, position: u32) -> (usize, usize) {
        // The ring's size is a power of two, so that positions can wrap around at 2³².
        let offset = (position & (self.bounds.ring_bytes - 1)) as usize;
        (RING + offset, self.bounds.ring_bytes as usize - offset)
    }

    fn read(self, position: u32, bytes: &mut [u8]) {
        let (at, to_end) = self.place(position);
        let (first, rest) = bytes.split_at_mut(bytes.len().min(to_end));
        self.memory.read(at, first);
        self.memory.read(RING, rest);
    }

    fn write(self, position: u32, bytes: &[u8]) {
        let (at, to_end) = self.place(position);
        let (first, rest) = bytes.split_at(bytes.len().min(to_end));
        self.memory.write(at, first);
        self.memory.write(RING, rest);
    }
}
