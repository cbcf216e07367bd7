//! The end of an executor, as those who wait for it see it.

use parking_lot::{Condvar, Mutex};
use std::time::Instant;

/// Set once, and waited for by anybody.
#[derive(Debug, Default)]
pub(super) struct Latch {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    pub(super) fn set(&self) {
        *self.set.lock() = true;
        self.changed.notify_all();
    }

    /// Waits until it is set; false at the deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut set = self.set.lock();
        while !*set {
            match deadline {
                None => self.changed.wait(&mut set),
                Some(deadline) if self.changed.wait_until(&mut set, deadline).timed_out() => return *set,
                Some(_) => {}
            }
        }
        true
    }
}
