//! Who holds something: a process, and a thread in it, in one word of shared memory.
//!
//! ```text
//! ┌──────────────┬─────────────────┬──────────────────┐
//! │ pid: 22 bits │ start: 20 bits  │ thread: 22 bits  │   from the lowest bit
//! └──────────────┴─────────────────┴──────────────────┘
//! ```
//! `start` are the low bits of the clock tick in which the process began, so that a later process with the same id is not
//! taken for it; 0 when `/proc` does not say. Linux has no process ids above 2²². No pid: nobody.

use crate::sys::{ProcessStart, process_start};
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const PID_BITS: u32 = 22;
const START_BITS: u32 = 20;
const PID_MASK: u64 = (1 << PID_BITS) - 1;
const START_MASK: u64 = (1 << START_BITS) - 1;
const PROCESS_BITS: u32 = PID_BITS + START_BITS;
const PROCESS_MASK: u64 = (1 << PROCESS_BITS) - 1;

/// The word of what is free.
pub(super) const FREE: u64 = 0;

/// The word of a lock that is free because its holder ended with it. Not a process: it has no pid.
pub(super) const ABANDONED: u64 = 1 << PID_BITS;

/// The mark of this process, and the process that it is the mark of: after a fork that is another one.
static CURRENT: AtomicU64 = AtomicU64::new(0);
static CURRENT_PID: AtomicU32 = AtomicU32::new(0);

/// What this process saw of itself before it was locked in; another process's after a fork.
static SEEN: AtomicU64 = AtomicU64::new(0);

/// A process, as it stands in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessMark(u64);

impl ProcessMark {
    fn new(pid: u32, start: ProcessStart) -> Self {
        let start = if let ProcessStart::Ticks(ticks) = start { ticks & START_MASK } else { 0 };
        Self(u64::from(pid) & PID_MASK | start << PID_BITS)
    }

    /// This process. Asked for once, and again after a fork.
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        if CURRENT_PID.load(Ordering::Acquire) != pid {
            Self::of(pid).adopt();
        }
        Self(CURRENT.load(Ordering::Relaxed))
    }

    /// Makes this the mark of this process: the one that its caller knows it by, which it may not be able to find out itself.
    pub(crate) fn adopt(self) {
        CURRENT.store(self.0, Ordering::Relaxed);
        CURRENT_PID.store(std::process::id(), Ordering::Release);
    }

    /// Looks for this process while `/proc` is open to it: once it is locked in it cannot.
    pub(crate) fn look_for_itself() {
        let seen = Self::of(std::process::id());
        SEEN.store(seen.0, Ordering::Relaxed);
    }

    /// The process that has this id now.
    pub(crate) fn of(pid: u32) -> Self {
        Self::new(pid, process_start(pid))
    }

    /// The process of a holder's word.
    pub(crate) fn of_word(word: u64) -> Self {
        Self(word & PROCESS_MASK)
    }

    /// Whether a word names a process at all.
    pub(super) fn is_somebody(self) -> bool {
        self.0 & PID_MASK != 0
    }

    /// As it stands in memory and in messages.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// Whether the process has ended. False when that cannot be known here: then whoever watches the process says so.
    pub(super) fn is_gone(self) -> bool {
        let current = Self::current();
        if self == current {
            return false;
        }
        let (pid, start) = (self.0 & PID_MASK, self.0 >> PID_BITS);
        match process_start(pid as u32) {
            ProcessStart::Ticks(ticks) => start != 0 && ticks & START_MASK != start,
            ProcessStart::Gone => current.is_in_sight(),
            ProcessStart::Unknown => false,
        }
    }

    /// Whether this process finds itself: in a sandbox without a `/proc`, or with ids of its own, nobody is to be found.
    fn is_in_sight(self) -> bool {
        let is_here = Self(SEEN.load(Ordering::Relaxed)) == self || Self::of(std::process::id()) == self;
        is_here && self.0 >> PID_BITS != 0
    }
}

/// The word of this thread.
pub(super) fn this_thread() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static TAG: Cell<u32> = const { Cell::new(0) };
    }
    let mut tag = TAG.get();
    if tag == 0 {
        tag = NEXT.fetch_add(1, Ordering::Relaxed);
        TAG.set(tag);
    }
    // The highest bits of the tag fall out: two threads are the same after four million others.
    ProcessMark::current().0 | u64::from(tag) << PROCESS_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_thread_has_one_word_and_another_thread_of_the_process_another() {
        let own = this_thread();
        assert_eq!(own, this_thread());
        let other = std::thread::spawn(this_thread).join().expect("it only reads");
        assert_ne!(own, other);
        assert_eq!(ProcessMark::of_word(own), ProcessMark::current());
        assert_eq!(ProcessMark::of_word(other), ProcessMark::current());
        assert!(!ProcessMark::current().is_gone());
    }

    #[test]
    fn a_process_is_gone_when_it_has_ended_and_when_another_has_its_id() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is everywhere");
        let mark = ProcessMark::of(child.id());
        assert!(mark.is_somebody() && !mark.is_gone());
        let earlier = ProcessMark(mark.0 ^ (1 << PID_BITS));
        assert!(earlier.is_gone(), "the same id, another start");
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        assert!(mark.is_gone());
    }

    #[test]
    fn words_that_name_nobody_are_told_apart() {
        for word in [FREE, ABANDONED, u64::MAX << PID_BITS] {
            assert!(!ProcessMark::of_word(word).is_somebody());
        }
    }
}
