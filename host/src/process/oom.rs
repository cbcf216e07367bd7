//! Whether the kernel kills for want of memory.
//!
//! It kills by `SIGKILL`, as anybody may, and tells the parent nothing else. But it counts: so a worker that died of a
//! `SIGKILL` that nobody here sent, while that count grew, was taken by the kernel. The count is of the whole machine, control
//! groups included; where it cannot be read, or two things happen within a moment, the signal is all that is known.

use crate::error::BrokenCause;
use crate::limits::OOM_KILL_MOMENT;
use std::time::Instant;

/// Source: proc(5); the line `oom_kill` is there since Linux 4.13.
const COUNTS: &str = "/proc/vmstat";

/// The kernel's count, as it was seen last.
#[derive(Debug)]
pub(crate) struct OomWatch {
    kills: Option<u64>,
    grew_at: Option<Instant>,
}

impl OomWatch {
    pub(crate) fn start() -> Self {
        Self { kills: read(), grew_at: None }
    }

    /// What has ended a process, looked at closer. `expected`: the pool has killed it.
    pub(crate) fn explain(&mut self, cause: BrokenCause, expected: bool) -> BrokenCause {
        let is_unexplained = cause == BrokenCause::Signaled { signal: libc::SIGKILL } && !expected;
        if is_unexplained && self.has_killed(read(), Instant::now()) { BrokenCause::OutOfMemory } else { cause }
    }

    /// One shortage may kill several workers, whose ends are told one after another.
    fn has_killed(&mut self, kills: Option<u64>, now: Instant) -> bool {
        if matches!((self.kills, kills), (Some(before), Some(kills)) if kills > before) {
            self.grew_at = Some(now);
        }
        self.kills = kills;
        self.grew_at.is_some_and(|moment| now.duration_since(moment) <= OOM_KILL_MOMENT)
    }
}

fn read() -> Option<u64> {
    count(&std::fs::read_to_string(COUNTS).ok()?)
}

fn count(counts: &str) -> Option<u64> {
    counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_of_the_kernel_is_found_among_its_others() {
        assert_eq!(count("nr_free_pages 1\noom_kill 3\ndrop_pagecache 0\n"), Some(3));
        assert_eq!(count("nr_free_pages 1\noom_kill_other 3\n"), None);
        assert_eq!(count("oom_kill many\n"), None);
    }

    #[test]
    fn only_a_count_that_grew_just_now_explains_a_death() {
        let now = Instant::now();
        let mut watch = OomWatch { kills: Some(3), grew_at: None };
        assert!(!watch.has_killed(Some(3), now));
        assert!(watch.has_killed(Some(5), now));
        assert!(watch.has_killed(Some(5), now + OOM_KILL_MOMENT), "another one of the same shortage");
        assert!(!watch.has_killed(Some(5), now + 2 * OOM_KILL_MOMENT));
        let mut blind = OomWatch { kills: None, grew_at: None };
        assert!(!blind.has_killed(Some(1), now), "nothing is known of before");
        assert!(!blind.has_killed(None, now));
    }

    #[test]
    fn what_the_pool_killed_and_what_another_signal_killed_is_told_as_it_is() {
        let mut watch = OomWatch { kills: Some(0), grew_at: Some(Instant::now()) };
        let killed = BrokenCause::Signaled { signal: libc::SIGKILL };
        assert_eq!(watch.explain(killed.clone(), true), killed);
        let other = BrokenCause::Signaled { signal: libc::SIGSEGV };
        assert_eq!(watch.explain(other.clone(), false), other);
        assert_eq!(watch.explain(killed, false), BrokenCause::OutOfMemory);
    }
}
