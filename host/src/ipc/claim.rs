//! Claims: who has a task that was sent ahead, the worker or the caller.
//!
//! A worker is sent more tasks than it runs, so a task that has not begun must still be cancelled, or given to another
//! worker, with certainty. Both ends of a channel share one page of words, one word for each task in flight. The worker
//! takes a task by changing its word from *sent* to *begun*; the caller takes it back by changing *sent* to *reclaimed*;
//! one of them wins. One that has begun the caller may ask to stop: *begun* to *stopping*. A word also holds the low bits of a ticket number, so that an old ticket never fits a new word.
//!
//! A worker that lies here can only run a task that was given up, or refuse one of its own: never another worker's.

use crate::limits::SEND_AHEAD;
use crate::sys::SharedWords;
use serde::{Deserialize, Serialize};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Begun, and asked to stop.
const STOPPING: u32 = 0;
const SENT: u32 = 1;
const BEGUN: u32 = 2;
const RECLAIMED: u32 = 3;
const STATE_BITS: u32 = 2;

/// The word after those of the tasks: whether the worker sleeps until something comes.
const SLEEPS: usize = SEND_AHEAD;
const WORDS: usize = SEND_AHEAD + 1;

/// The words of one worker, at either end.
#[derive(Clone, Debug)]
pub(crate) struct ClaimTable {
    words: Arc<SharedWords>,
}

/// The right to one task's word. Sent to the worker with the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimTicket {
    word: u16,
    number: u32,
}

impl ClaimTicket {
    fn value(self, state: u32) -> u32 {
        (self.number << STATE_BITS) | state
    }

    fn index(self) -> usize {
        usize::from(self.word) % SEND_AHEAD
    }
}

/// The caller's end: gives out words and takes them back.
#[derive(Debug)]
pub(crate) struct ClaimLedger {
    table: ClaimTable,
    free: Vec<u16>,
    next_number: u32,
}

impl ClaimLedger {
    /// A new table with all its words free.
    pub(crate) fn create() -> std::io::Result<Self> {
        let table = ClaimTable { words: Arc::new(SharedWords::create(WORDS)?) };
        Ok(Self { table, free: (0..SEND_AHEAD as u16).rev().collect(), next_number: 0 })
    }

    /// Offers a task to the worker; `None` when as many are in flight as there are words.
    pub(crate) fn offer(&mut self) -> Option<ClaimTicket> {
        let word = self.free.pop()?;
        self.next_number = (self.next_number + 1) & (u32::MAX >> STATE_BITS);
        let ticket = ClaimTicket { word, number: self.next_number };
        self.table.words.store(ticket.index(), ticket.value(SENT));
        Some(ticket)
    }

    /// Frees the word of a task that has ended or was taken back.
    pub(crate) fn release(&mut self, ticket: ClaimTicket) {
        self.free.push(ticket.word);
    }

    /// The words themselves.
    pub(crate) fn table(&self) -> &ClaimTable {
        &self.table
    }
}

impl ClaimTable {
    /// The table behind a descriptor (worker's end).
    pub(crate) fn open(descriptor: OwnedFd) -> std::io::Result<Self> {
        Ok(Self { words: Arc::new(SharedWords::open(descriptor, WORDS)?) })
    }

    /// What to send to the worker.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.words.descriptor()
    }

    /// Takes the task, at the worker's end. False: the caller took it back.
    pub(crate) fn begin(&self, ticket: ClaimTicket) -> bool {
        self.words.compare_exchange(ticket.index(), ticket.value(SENT), ticket.value(BEGUN))
    }

    /// Whether the task can still be taken, at the worker's end.
    pub(crate) fn is_offered(&self, ticket: ClaimTicket) -> bool {
        self.words.load(ticket.index()) == ticket.value(SENT)
    }

    /// Takes the task back, at the caller's end. False: it has begun.
    pub(crate) fn reclaim(&self, ticket: ClaimTicket) -> bool {
        self.words.compare_exchange(ticket.index(), ticket.value(SENT), ticket.value(RECLAIMED))
    }

    /// Whether the worker has begun the task.
    pub(crate) fn has_begun(&self, ticket: ClaimTicket) -> bool {
        let word = self.words.load(ticket.index());
        word == ticket.value(BEGUN) || word == ticket.value(STOPPING)
    }

    /// Asks the worker to stop the task, at the caller's end. False: it has not begun, or was asked before.
    pub(crate) fn ask_to_stop(&self, ticket: ClaimTicket) -> bool {
        self.words.compare_exchange(ticket.index(), ticket.value(BEGUN), ticket.value(STOPPING))
    }

    /// Whether the caller wants the task to stop, at the worker's end.
    pub(crate) fn is_stopping(&self, ticket: ClaimTicket) -> bool {
        self.words.load(ticket.index()) == ticket.value(STOPPING)
    }

    /// Says whether the worker sleeps until something comes, at the worker's end.
    pub(crate) fn set_asleep(&self, is_asleep: bool) {
        self.words.store(SLEEPS, u32::from(is_asleep));
    }

    /// Whether the worker would see at once what it is sent, at the caller's end. No more than a hint: it may lie, or fall
    /// asleep meanwhile.
    pub(crate) fn is_awake(&self) -> bool {
        self.words.load(SLEEPS) == 0
    }

    /// A look at one task's word that lives as long as the look.
    pub(crate) fn view(&self, ticket: ClaimTicket) -> ClaimView {
        ClaimView { table: self.clone(), ticket }
    }
}

/// One task's word, seen by its future.
#[derive(Clone, Debug)]
pub(crate) struct ClaimView {
    table: ClaimTable,
    ticket: ClaimTicket,
}

impl ClaimView {
    /// Whether the worker has begun the task.
    pub(crate) fn has_begun(&self) -> bool {
        self.table.has_begun(self.ticket)
    }

    /// Whether the caller wants the task to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.table.is_stopping(self.ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_ends() -> (ClaimLedger, ClaimTable) {
        let ledger = ClaimLedger::create().expect("memory file");
        let descriptor = ledger.table().descriptor().try_clone_to_owned().expect("dup");
        (ledger, ClaimTable::open(descriptor).expect("map"))
    }

    #[test]
    fn one_side_wins_a_claim() {
        let (mut caller, worker) = two_ends();
        let (first, second) = (caller.offer().expect("free"), caller.offer().expect("free"));
        assert!(worker.is_offered(first) && worker.is_offered(second));
        assert!(worker.begin(first));
        assert!(!caller.table().reclaim(first));
        assert!(caller.table().reclaim(second));
        assert!(!worker.begin(second) && !worker.is_offered(first) && !worker.is_offered(second));
        assert!(caller.table().has_begun(first));
        assert!(!caller.table().has_begun(second));
    }

    #[test]
    fn an_old_ticket_never_fits_a_word_that_was_given_again() {
        let (mut caller, worker) = two_ends();
        let old = caller.offer().expect("free");
        caller.release(old);
        let new = caller.offer().expect("free");
        assert_eq!(old.index(), new.index());
        assert!(!worker.begin(old));
        assert!(!caller.table().reclaim(old));
        assert!(worker.begin(new));
    }

    // limit: SEND_AHEAD
    #[test]
    fn only_a_task_that_has_begun_is_asked_to_stop_and_it_counts_as_begun() {
        let (mut caller, worker) = two_ends();
        let (first, second) = (caller.offer().expect("free"), caller.offer().expect("free"));
        assert!(!caller.table().ask_to_stop(first));
        assert!(worker.begin(first) && worker.begin(second));
        assert!(caller.table().ask_to_stop(first) && !caller.table().ask_to_stop(first));
        assert!(worker.is_stopping(first) && !worker.is_stopping(second));
        assert!(caller.table().has_begun(first));
        caller.release(first);
        let next = caller.offer().expect("free");
        assert!(!worker.is_stopping(next) && !worker.is_stopping(first), "a later task is not meant");
    }

    #[test]
    fn no_more_words_are_given_than_there_are() {
        let (mut caller, _worker) = two_ends();
        let tickets: Vec<_> = std::iter::from_fn(|| caller.offer()).collect();
        assert_eq!(tickets.len(), SEND_AHEAD);
        caller.release(tickets[3]);
        assert!(caller.offer().is_some());
    }

    #[test]
    fn a_ticket_of_no_word_and_the_last_number_harm_nothing() {
        let (mut caller, worker) = two_ends();
        assert!(!worker.begin(ClaimTicket { word: u16::MAX, number: 7 }));
        caller.next_number = u32::MAX >> STATE_BITS;
        for _ in 0..3 {
            let ticket = caller.offer().expect("free");
            assert!(worker.begin(ticket) && caller.table().has_begun(ticket));
            caller.release(ticket);
        }
        assert_eq!(caller.next_number, 2, "it began again");
    }
}
