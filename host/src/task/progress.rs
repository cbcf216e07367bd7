//! How far a task is.

use serde::{Deserialize, Serialize};

/// How far a task is, in its guest's own words. See [`TaskFuture::on_progress`](crate::TaskFuture::on_progress).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// How much is done, in the guest's own unit.
    pub done: u64,
    /// How much there is to do, in the same unit; 0 when the guest does not know.
    pub total: u64,
    /// For a person; may be empty. At most [`MAX_PROGRESS_TEXT_BYTES`](crate::limits::MAX_PROGRESS_TEXT_BYTES).
    pub message: String,
}

impl Progress {
    /// What part of the whole is done, from 0 to 1; `None` when the guest does not know the whole.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_more_than_the_whole() {
        let fraction = |done, total| Progress { done, total, message: String::new() }.fraction();
        assert_eq!(fraction(1, 4), Some(0.25));
        assert_eq!(fraction(9, 4), Some(1.0));
        assert_eq!(fraction(9, 0), None);
    }
}
