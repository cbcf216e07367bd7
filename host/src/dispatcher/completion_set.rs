//! A wait over many futures.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Instant;

/// Collects the places of futures in the order in which they end.
#[derive(Debug, Default)]
pub(crate) struct CompletionSet {
    done: Mutex<VecDeque<usize>>,
    changed: Condvar,
}

impl CompletionSet {
    /// A future has ended.
    pub(crate) fn completed(&self, place: usize) {
        self.done.lock().push_back(place);
        self.changed.notify_all();
    }

    /// Waits for the next one that ended; `None` at the deadline.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut done = self.done.lock();
        loop {
            if let Some(place) = done.pop_front() {
                return Some(place);
            }
            match deadline {
                None => self.changed.wait(&mut done),
                Some(deadline) => {
                    if self.changed.wait_until(&mut done, deadline).timed_out() {
                        return done.pop_front();
                    }
                }
            }
        }
    }
}
