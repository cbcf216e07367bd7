//! Whether it is worth its time to look out for what comes next instead of sleeping: to be woken takes longer than most of what a
//! quick partner needs, and to look out for one that does not come costs a processor.

/// Most waits that go by before the next try.
const MOST_SKIPPED: u32 = 63;

/// The memory of one who waits again and again. Each look-out in vain doubles the number of short waits that must go by before the
/// next one, so that whatever the pattern, few are in vain; one that was worth it forgets that. Long waits count for nothing: who
/// idles never looks out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookOut {
    /// Short waits before the next look-out.
    skip: u32,
    /// What `skip` was after the last one in vain.
    in_vain: u32,
}

impl Default for LookOut {
    fn default() -> Self {
        Self { skip: 1, in_vain: 0 }
    }
}

impl LookOut {
    /// Whether to look out this time.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.skip == 0
    }

    /// What was looked out for came.
    pub(crate) fn was_worth_it(&mut self) {
        self.in_vain = 0;
    }

    /// It did not come in time.
    pub(crate) fn was_in_vain(&mut self) {
        self.in_vain = (2 * self.in_vain + 1).min(MOST_SKIPPED);
        self.skip = self.in_vain;
    }

    /// Nobody looked out, and it came soon.
    pub(crate) fn was_missed(&mut self) {
        self.skip = self.skip.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many look-outs there are, and how many of them in vain, when these waits are short.
    fn look_outs(is_short: impl Fn(u32) -> bool) -> (u32, u32) {
        let (mut look_out, mut all, mut in_vain) = (LookOut::default(), 0, 0);
        for wait in 0..1000 {
            match (look_out.is_worth_it(), is_short(wait)) {
                (true, true) => look_out.was_worth_it(),
                (true, false) => {
                    in_vain += 1;
                    look_out.was_in_vain();
                }
                (false, true) => look_out.was_missed(),
                (false, false) => continue,
            }
            all += u32::from(look_out.is_worth_it());
        }
        (all, in_vain)
    }

    #[test]
    fn quick_partners_are_looked_out_for_and_idle_ones_never() {
        assert_eq!(look_outs(|_| true), (1000, 0));
        assert_eq!(look_outs(|_| false), (0, 0));
    }

    #[test]
    fn each_burst_costs_one_look_out_in_vain_and_pairs_of_tasks_hardly_any() {
        assert_eq!(look_outs(|wait| wait % 100 != 99).1, 10);
        assert!(look_outs(|wait| wait % 2 == 0).1 < 15);
    }
}
