//! When a worker has served long enough. Pure, as the rest of the state.

use super::action::Retirement;
use crate::limits::{MEMORY_LOOK_INTERVAL, MEMORY_SECOND_LOOK_DELAY};
use std::time::{Duration, Instant};

/// What one worker may do and hold before another one takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recycling {
    /// Tasks that may begin in one worker, at least 1.
    pub(crate) max_tasks: Option<u64>,
    /// From its `Ready`.
    pub(crate) max_age: Option<Duration>,
    /// Beyond the least that it held since its first task.
    pub(crate) max_growth_bytes: Option<u64>,
    /// The first worker that has come up is the last: when it is gone, for whatever reason, the pool is broken. For live instances.
    pub(crate) one_life: bool,
}

/// The memory of one worker, from look to look. It gets no tasks from the moment when a look is due until it is over, so
/// that what a running task holds is not taken for what the worker keeps.
#[derive(Debug, Default)]
pub(super) struct MemoryWatch {
    look: Look,
    next_look: Option<Instant>,
    least_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    #[default]
    NotDue,
    /// As soon as it runs nothing.
    Due,
    Asked,
    /// What was seen is too much: a worker gives back what its last task held only after it has answered.
    SecondAt(Instant),
    SecondAsked,
}

impl MemoryWatch {
    /// Whether the worker is left alone.
    pub(super) fn is_quiet(&self) -> bool {
        self.look == Look::NotDue
    }

    /// A task has ended: makes a look due if the last one is long enough ago.
    pub(super) fn task_ended(&mut self, now: Instant) -> bool {
        let is_due = self.is_quiet() && self.next_look.is_none_or(|moment| moment <= now);
        if is_due {
            self.look = Look::Due;
        }
        is_due
    }

    /// Whether to look now, at a worker that runs nothing.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        self.look = match self.look {
            Look::Due => Look::Asked,
            Look::SecondAt(moment) if moment <= now => Look::SecondAsked,
            _ => return false,
        };
        true
    }

    /// When to [`ask`](Self::ask) again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.look {
            Look::SecondAt(moment) => Some(moment),
            _ => None,
        }
    }

    /// The answer. `Some` when it is too much for the second time.
    pub(super) fn seen(&mut self, resident_bytes: u64, max_growth: u64, now: Instant) -> Option<Retirement> {
        let is_second = match self.look {
            Look::Asked => false,
            Look::SecondAsked => true,
            _ => return None,
        };
        let least_bytes = self.least_bytes.map_or(resident_bytes, |least| least.min(resident_bytes));
        self.least_bytes = Some(least_bytes);
        let is_too_much = resident_bytes - least_bytes > max_growth;
        if is_too_much && !is_second {
            self.look = Look::SecondAt(now + MEMORY_SECOND_LOOK_DELAY);
            return None;
        }
        self.look = Look::NotDue;
        self.next_look = Some(now + MEMORY_LOOK_INTERVAL);
        is_too_much.then_some(Retirement::Growth { least_bytes, resident_bytes })
    }
}
