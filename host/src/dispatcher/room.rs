//! Room for tasks: the bounds that make `submit` wait.

use parking_lot::{Condvar, FairMutex, Mutex};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the tasks of an executor that have not ended and the bytes of their arguments, and makes callers wait while there
/// are too many.
#[derive(Debug)]
pub(crate) struct Room {
    places: Bound,
    bytes: Bound,
    waiters: Mutex<usize>,
    freed: Condvar,
    /// Those who wait for bytes do so one after another: else many small arguments would always slip past a large one.
    turnstile: FairMutex<()>,
    waiting_for_bytes: AtomicUsize,
}

/// How much there is, and how much of it is taken.
#[derive(Debug)]
struct Bound {
    capacity: usize,
    used: AtomicUsize,
}

impl Bound {
    fn new(capacity: usize) -> Self {
        Self { capacity, used: AtomicUsize::new(0) }
    }

    fn try_take(&self, count: usize) -> bool {
        let take = |used: usize| used.checked_add(count).filter(|&used| used <= self.capacity);
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Ordering::SeqCst);
    }
}

impl Room {
    pub(crate) fn new(capacity: usize, max_bytes: usize) -> Self {
        let (waiters, freed, turnstile) = Default::default();
        let (places, bytes) = (Bound::new(capacity), Bound::new(max_bytes));
        Self { places, bytes, waiters, freed, turnstile, waiting_for_bytes: AtomicUsize::new(0) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.places.capacity
    }

    pub(crate) fn max_bytes(&self) -> usize {
        self.bytes.capacity
    }

    /// Takes a place if there is one.
    pub(crate) fn try_take(&self) -> bool {
        self.places.try_take(1)
    }

    /// Waits for a place. Ends early, without one, when `given_up` says so after [`wake_all`](Self::wake_all).
    pub(crate) fn take(&self, given_up: impl Fn() -> bool) -> bool {
        self.try_take() || self.wait(|| self.try_take(), given_up)
    }

    /// Takes room for an argument if there is some, and nobody waits for it.
    pub(crate) fn try_take_bytes(&self, bytes: usize) -> bool {
        self.waiting_for_bytes.load(Ordering::SeqCst) == 0 && self.bytes.try_take(bytes)
    }

    /// Waits for room for an argument, as [`take`](Self::take) does for a place.
    pub(crate) fn take_bytes(&self, bytes: usize, given_up: impl Fn() -> bool) -> bool {
        if self.try_take_bytes(bytes) {
            return true;
        }
        self.waiting_for_bytes.fetch_add(1, Ordering::SeqCst);
        let turn = self.turnstile.lock();
        let taken = self.wait(|| self.bytes.try_take(bytes), given_up);
        drop(turn);
        self.waiting_for_bytes.fetch_sub(1, Ordering::SeqCst);
        taken
    }

    fn wait(&self, try_take: impl Fn() -> bool, given_up: impl Fn() -> bool) -> bool {
        let mut waiters = self.waiters.lock();
        *waiters += 1;
        let taken = loop {
            if try_take() {
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

    /// Gives a place back, and wakes those who wait.
    pub(crate) fn give_back(&self) {
        self.give_back_all(0);
    }

    /// Gives a place and the room of an argument back, and wakes those who wait.
    pub(crate) fn give_back_all(&self, bytes: usize) {
        self.free(bytes);
        self.wake_all();
    }

    /// Gives both back without waking anyone: [`wake_all`](Self::wake_all) must follow, once for many.
    pub(crate) fn free(&self, bytes: usize) {
        self.bytes.give_back(bytes);
        self.places.give_back(1);
    }

    /// Lets everyone who waits look again. A waiter counts itself under the lock before it looks at `used`, so it is
    /// seen here or sees what was freed before.
    pub(crate) fn wake_all(&self) {
        if *self.waiters.lock() > 0 {
            self.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn small_arguments_do_not_slip_past_a_large_one_that_waits() {
        let room = Arc::new(Room::new(usize::MAX >> 1, 100));
        assert!(room.try_take_bytes(60));
        let waiting = Arc::clone(&room);
        let large = std::thread::spawn(move || waiting.take_bytes(90, || false));
        while room.waiting_for_bytes.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert!(!room.try_take_bytes(1), "there is room for it, and someone waits");
        assert!(room.try_take(), "a place");
        room.give_back_all(60);
        assert!(large.join().expect("did not panic"));
        assert!(room.try_take_bytes(10) && !room.try_take_bytes(1), "what is left, and no more");
    }

    #[test]
    fn those_who_wait_for_bytes_give_up_all_of_them_when_the_pool_ends() {
        let room = Arc::new(Room::new(usize::MAX >> 1, 10));
        assert!(room.try_take_bytes(10));
        let over = Arc::new(AtomicUsize::new(0));
        let waiters = [1, 10, 5].map(|bytes| {
            let (room, over) = (Arc::clone(&room), Arc::clone(&over));
            std::thread::spawn(move || room.take_bytes(bytes, || over.load(Ordering::SeqCst) == 1))
        });
        while room.waiting_for_bytes.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        over.store(1, Ordering::SeqCst);
        room.wake_all();
        assert!(waiters.into_iter().all(|waiter| !waiter.join().expect("did not panic")));
        assert_eq!(room.waiting_for_bytes.load(Ordering::SeqCst), 0);
    }
}
