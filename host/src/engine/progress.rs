//! How far a task is, passed on at a bounded rate: the first word at once, then the latest one of each interval.

use crate::limits::PROGRESS_INTERVAL;
use crate::task::Progress;
use std::time::Instant;

/// What one task says of its progress.
#[derive(Debug, Default)]
pub(super) struct ProgressGate {
    /// Nothing is passed on before this moment.
    closed_until: Option<Instant>,
    /// The latest word that was not passed on.
    held: Option<Progress>,
    dropped: u32,
}

impl ProgressGate {
    /// The guest says something; gives what is to be passed on.
    pub(super) fn say(&mut self, progress: Progress, now: Instant) -> Option<Progress> {
        if self.held.take().is_some() {
            self.dropped = self.dropped.saturating_add(1);
        }
        if self.closed_until.is_some_and(|moment| now < moment) {
            self.held = Some(progress);
            return None;
        }
        self.closed_until = Some(now + PROGRESS_INTERVAL);
        Some(progress)
    }

    /// The task has ended: its last word is passed on too. Gives how many were not.
    pub(super) fn end(&mut self) -> (Option<Progress>, u32) {
        let Self { held, dropped, .. } = std::mem::take(self);
        (held, dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_the_latest_of_each_interval_and_the_last_are_passed_on() {
        let mut gate = ProgressGate::default();
        let begin = Instant::now();
        let word = |done| Progress { done, total: 10, message: String::new() };
        let mut passed = Vec::new();
        for done in 0..=10 {
            passed.extend(gate.say(word(done), begin + PROGRESS_INTERVAL * done as u32 / 4));
        }
        let (last, dropped) = gate.end();
        passed.extend(last);
        assert_eq!(passed.iter().map(|progress| progress.done).collect::<Vec<_>>(), [0, 4, 8, 10]);
        assert_eq!(dropped, 7);
        // The next task begins anew.
        assert!(gate.say(word(0), begin).is_some());
        assert_eq!(gate.end(), (None, 0));
    }
}
