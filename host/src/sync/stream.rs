//! A stream: a queue, and one word that says which of its ends has ended, and how. A bit of it that was set stays set.
//!
//! ```text
//! reader:  chunks first ─▶ finished: the end ─▶ abandoned: an error ─▶ waits
//! writer:  closed or ended: an error ─▶ room: puts ─▶ waits
//! ```
//! Whoever waits enlists and then looks at the word, and whoever changes it then wakes all who are enlisted: nobody sleeps through
//! an end. Another process can overwrite the word as all the rest, so the process that made the stream, which learns of the end of
//! every task, keeps what it has said of either end where nobody else can write.

use super::deadline::Deadline;
use super::holder::ProcessMark;
use super::mutex::Enlisted;
use super::queue::{self, Queue, Tried};
use crate::sys::SharedMemory;
use crate::task::QueueBounds;
use isopool_guest::stream::StreamError;
use isopool_guest::sync::SyncError;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

/// The writer has said that this was all.
const FINISHED: u32 = 1;
/// The writer has ended without saying so.
const ABANDONED: u32 = 2;
/// Nobody reads any more.
const CLOSED: u32 = 4;

const WRITER_ENDED: u32 = FINISHED | ABANDONED;

pub(super) fn bytes(bounds: &QueueBounds) -> usize {
    queue::bytes(bounds) + size_of::<u64>()
}

/// Which end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Writer,
    Reader,
}

/// What the process that made a stream has said of its ends.
#[derive(Debug, Default)]
pub(super) struct Known {
    state: AtomicU32,
    /// Chunks that were there when the writer ended, less those that were read since: a process that writes on, though its task
    /// has ended, is not listened to.
    left: AtomicU32,
}

#[derive(Clone, Copy)]
pub(super) struct Stream<'m> {
    queue: Queue<'m>,
    state: &'m AtomicU32,
    side: Side,
    known: Option<&'m Known>,
}

impl<'m> Stream<'m> {
    pub(super) fn new(memory: &'m SharedMemory, bounds: QueueBounds, side: Side, known: Option<&'m Known>) -> Self {
        let state = memory.word(queue::bytes(&bounds));
        Self { queue: Queue::new(memory, bounds), state, side, known }
    }

    /// Which ends have ended: as this process has said it, or else as it stands in the memory.
    fn state(self) -> u32 {
        let (told, known) = (self.state.load(SeqCst), self.known.map_or(0, |known| known.state.load(SeqCst)));
        if known & WRITER_ENDED == 0 { told | known } else { (told & !WRITER_ENDED) | known }
    }

    fn expect_side(self, side: Side) -> Result<(), StreamError> {
        if self.side == side { Ok(()) } else { Err(StreamError::WrongKind) }
    }

    pub(super) fn write(self, chunk: &[u8], mut until: Deadline) -> Result<(), StreamError> {
        self.expect_side(Side::Writer)?;
        loop {
            let seen = self.state();
            if seen != 0 {
                return Err(StreamError::Closed);
            }
            match self.queue.try_put(chunk, soon()) {
                Ok(Tried::Done(())) => return Ok(()),
                Ok(Tried::Wait(enlisted)) => self.wait(seen, enlisted, &mut until)?,
                Err(SyncError::Busy) if !until.is_over() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn read(self, mut until: Deadline) -> Result<Option<Vec<u8>>, StreamError> {
        self.expect_side(Side::Reader)?;
        loop {
            // Before the chunks: what was put before the end was said is seen.
            let seen = self.state();
            if seen & CLOSED != 0 {
                return Err(StreamError::Closed);
            }
            if !self.may_take_another() {
                return end(seen);
            }
            match self.queue.try_get(soon()) {
                Ok(Tried::Done(chunk)) => return Ok(Some(chunk)),
                Ok(Tried::Wait(_)) if seen & WRITER_ENDED != 0 => return end(seen),
                Ok(Tried::Wait(enlisted)) => self.wait(seen, enlisted, &mut until)?,
                // Nobody who ended like that is in the middle of an operation: it is a lie, and nothing more will come.
                Err(SyncError::Busy) if seen & WRITER_ENDED != 0 => return Err(StreamError::Abandoned),
                Err(SyncError::Busy) if !until.is_over() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Counts the chunks down that there were when the writer was known to have ended.
    fn may_take_another(self) -> bool {
        let Some(known) = self.known.filter(|known| known.state.load(SeqCst) & WRITER_ENDED != 0) else { return true };
        known.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    /// Sleeps until something has changed, or it is time to look.
    fn wait(self, seen: u32, enlisted: Enlisted<'m>, until: &mut Deadline) -> Result<(), StreamError> {
        if until.is_over() {
            return Err(StreamError::TimedOut);
        }
        if self.state() == seen {
            enlisted.sleep(until)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), StreamError> {
        self.expect_side(Side::Writer)?;
        self.writer_ends(FINISHED);
        Ok(())
    }

    pub(super) fn abandon(self) -> Result<(), StreamError> {
        self.expect_side(Side::Writer)?;
        self.writer_ends(ABANDONED);
        Ok(())
    }

    pub(super) fn close(self) -> Result<(), StreamError> {
        self.expect_side(Side::Reader)?;
        self.say(CLOSED);
        Ok(())
    }

    /// The one who had this end has ended, and can say nothing more of it.
    pub(super) fn owner_has_ended(self) {
        match self.side {
            Side::Writer => self.writer_ends(ABANDONED),
            Side::Reader => self.say(CLOSED),
        }
    }

    /// What was said first counts.
    fn writer_ends(self, how: u32) {
        let said = self.state() & WRITER_ENDED;
        let how = if said == 0 { how } else { said };
        if let Some(known) = self.known
            && known.state.load(SeqCst) & WRITER_ENDED == 0
        {
            known.left.store(self.queue.glance(), SeqCst);
        }
        self.say(how);
    }

    fn say(self, what: u32) {
        if let Some(known) = self.known {
            known.state.fetch_or(what, SeqCst);
        }
        self.state.fetch_or(what, SeqCst);
        self.queue.wake_all();
    }

    pub(super) fn take_from(self, process: ProcessMark) {
        self.queue.take_from(process);
    }
}

/// What a reader is told when there are no more chunks.
fn end(state: u32) -> Result<Option<Vec<u8>>, StreamError> {
    if state & FINISHED != 0 { Ok(None) } else { Err(StreamError::Abandoned) }
}

/// The lock is held for moments only; whoever waits longer for it looks at the ends meanwhile.
fn soon() -> Deadline {
    Deadline::after(Some(Duration::ZERO))
}
