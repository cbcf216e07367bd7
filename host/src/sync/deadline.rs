//! When a wait ends, and when it looks around meanwhile.

use crate::limits::{SYNC_FIRST_LOOK, SYNC_RECHECK};
use std::time::{Duration, Instant};

/// The end of a wait; it may have none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    end: Option<Instant>,
    next_look: Duration,
}

impl Deadline {
    /// `None`, and what is beyond what the clock can say: never.
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self { end, next_look: SYNC_FIRST_LOOK }
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }

    /// The same, but not before `grace` from now.
    pub(super) fn not_before(self, grace: Duration) -> Self {
        Self { end: self.end.map(|end| end.max(Instant::now() + grace)), ..self }
    }

    /// How long to sleep before looking again: longer each time.
    pub(super) fn slice(&mut self) -> Duration {
        let look = self.next_look;
        self.next_look = (look * 2).min(SYNC_RECHECK);
        self.end.map_or(look, |end| end.saturating_duration_since(Instant::now()).min(look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rare_and_never_pass_the_end() {
        let mut never = Deadline::after(None);
        let looks: Vec<_> = (0..20).map(|_| never.slice()).collect();
        assert!(looks.is_sorted() && looks[0] == SYNC_FIRST_LOOK && looks[19] == SYNC_RECHECK);
        assert!(!never.is_over() && !Deadline::after(Some(Duration::MAX)).is_over());
        let mut now = Deadline::after(Some(Duration::ZERO));
        assert!(now.is_over() && now.slice() == Duration::ZERO);
        let mut later = Deadline::after(Some(Duration::ZERO)).not_before(SYNC_RECHECK);
        assert!(!later.is_over() && later.slice() <= SYNC_FIRST_LOOK);
        assert!(never.not_before(SYNC_RECHECK).end.is_none());
    }
}
