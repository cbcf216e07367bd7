//! Room for tasks: the bound that makes `submit` wait.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the tasks of an executor that have not ended, and makes callers wait while there are too many.
#[derive(Debug)]
pub(crate) struct Room {
    capacity: usize,
    used: AtomicUsize,
    waiters: Mutex<usize>,
    freed: Condvar,
}

impl Room {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, used: AtomicUsize::new(0), waiters: Mutex::new(0), freed: Condvar::new() }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes a place if there is one.
    pub(crate) fn try_take(&self) -> bool {
        let take = |used: usize| (used < self.capacity).then_some(used + 1);
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    /// Waits for a place. Ends early, without one, when `given_up` says so after [`wake_all`](Self::wake_all).
    pub(crate) fn take(&self, given_up: impl Fn() -> bool) -> bool {
        if self.try_take() {
            return true;
        }
        let mut waiters = self.waiters.lock();
        *waiters += 1;
        let taken = loop {
            if self.try_take() {
                break true;
            }
            if given_up() {
                break false;
            }
            self.freed.wait(&mut waiters);
        };
        *waiters -= 1;
        taken
    }

    /// Gives a place back, and wakes those who wait for one.
    pub(crate) fn give_back(&self) {
        self.free();
        self.wake_all();
    }

    /// Gives a place back without waking anyone: [`wake_all`](Self::wake_all) must follow, once for many.
    pub(crate) fn free(&self) {
        self.used.fetch_sub(1, Ordering::SeqCst);
    }

    /// Lets everyone who waits look again. A waiter counts itself under the lock before it looks at `used`, so it is
    /// seen here or sees what was freed before.
    pub(crate) fn wake_all(&self) {
        if *self.waiters.lock() > 0 {
            self.freed.notify_all();
        }
    }
}
