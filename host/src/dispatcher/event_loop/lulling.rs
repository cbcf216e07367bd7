//! Where answers come one soon after another nobody is woken for each of them: the dispatcher's thread sleeps for a moment, and then
//! takes all that has come. To wake a thread costs as much as a small task.

use super::EventLoop;
use super::attending::watch_or_kill;
use crate::limits::{LULL_FROM_TASKS, LULL_PAUSE};
use crate::task::WorkerId;
use std::time::Instant;

/// Whether the dispatcher's thread sleeps for moments.
#[derive(Debug)]
pub(super) struct Lull {
    is_on: bool,
    /// Answers of this turn.
    pub(super) answers: usize,
    /// When the turn before this one ended.
    turned_at: Instant,
}

impl Default for Lull {
    fn default() -> Self {
        Self { is_on: false, answers: 0, turned_at: Instant::now() }
    }
}

impl EventLoop {
    /// Takes in what came in a moment in which nobody was woken.
    pub(super) fn take_in_the_lull(&mut self) {
        if self.lull.is_on {
            self.read_mailbox();
            let muted: Vec<WorkerId> = self.workers.0.values().filter(|worker| worker.is_muted).map(|w| w.id).collect();
            muted.into_iter().for_each(|worker| self.read_channel(worker));
        }
    }

    /// Whether to sleep for a moment: answers come fast, and workers have enough to go on with.
    pub(super) fn lulls(&mut self) -> bool {
        let now = Instant::now();
        let (answers, since) = (std::mem::take(&mut self.lull.answers), now.duration_since(self.lull.turned_at));
        self.lull.turned_at = now;
        let are_busy = || self.workers.0.values().all(|worker| worker.in_flight() >= LULL_FROM_TASKS);
        let lulls = answers > 0 && since < 4 * LULL_PAUSE && !self.terminated && are_busy();
        if lulls != self.lull.is_on {
            self.set_lull(lulls);
        }
        lulls
    }

    fn set_lull(&mut self, is_on: bool) {
        self.lull.is_on = is_on;
        self.mailbox.set_quiet(is_on);
        for worker in self.workers.0.values_mut().filter(|worker| worker.is_open && worker.is_muted != is_on) {
            worker.is_muted = is_on;
            watch_or_kill(&self.epoll, worker);
        }
    }
}
