//! How many workers all executors of a program may have together.

use crate::error::{Error, ErrorKind};
use crate::limits::MAX_TOTAL_WORKERS;
use parking_lot::Mutex;
use std::ffi::OsStr;

/// Names another number for [`MAX_TOTAL_WORKERS`].
const LIMIT_VARIABLE: &str = "ISOPOOL_MAX_TOTAL_WORKERS";

/// What the executors of this program have taken.
static TAKEN: Mutex<usize> = Mutex::new(0);

/// What one executor has taken of the number: its `max_workers`, whether they are up or not, so that no executor waits for
/// workers that another one has. Given back when its last worker is gone.
#[derive(Debug)]
pub(super) struct WorkerShare(Mutex<Option<usize>>);

impl WorkerShare {
    /// Takes a share, or says that it is not there.
    pub(super) fn take(workers: usize) -> Result<Self, Error> {
        exchange(0, workers)?;
        Ok(Self(Mutex::new(Some(workers))))
    }

    /// Makes the share another one and has that carried out: both or neither, and one change after another.
    pub(super) fn change(&self, workers: usize, carry_out: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let mut share = self.0.lock();
        let before = share.ok_or_else(Error::shutdown)?;
        exchange(before, workers)?;
        match carry_out() {
            Ok(()) => {
                *share = Some(workers);
                Ok(())
            }
            Err(error) => {
                let mut taken = TAKEN.lock();
                *taken = *taken - workers + before;
                Err(error)
            }
        }
    }

    /// The executor has ended.
    pub(super) fn give_back(&self) {
        if let Some(workers) = self.0.lock().take() {
            give_back(workers);
        }
    }
}

impl Drop for WorkerShare {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Gives back and takes at once.
fn exchange(before: usize, after: usize) -> Result<(), Error> {
    let limit = limit(std::env::var_os(LIMIT_VARIABLE).as_deref())?;
    let mut taken = TAKEN.lock();
    let others = *taken - before;
    let total = others.saturating_add(after);
    // To shrink is never refused: the limit may be below what was taken before.
    if total > limit && after > before {
        let message = format!(
            "an executor of {after} workers would make {total} in this program, with {others} of other executors, and the \
             limit is {limit}; ask for fewer, shut executors down that are not needed any more, or name a larger number \
             in {LIMIT_VARIABLE}"
        );
        return Err(Error::new(ErrorKind::TooManyWorkers, message));
    }
    *taken = total;
    Ok(())
}

fn give_back(workers: usize) {
    *TAKEN.lock() -= workers;
}

fn limit(value: Option<&OsStr>) -> Result<usize, Error> {
    let Some(value) = value else { return Ok(MAX_TOTAL_WORKERS) };
    let number = value.to_str().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 1);
    number.ok_or_else(|| {
        Error::invalid(format!(
            "the environment variable {LIMIT_VARIABLE} is {value:?}, and must be a whole number of at least 1; set it to \
             the most workers that this program may have, or unset it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_the_environment_says() {
        assert_eq!(limit(None).expect("the default"), MAX_TOTAL_WORKERS);
        assert_eq!(limit(Some(OsStr::new(" 12 "))).expect("a number"), 12);
        for wrong in ["0", "-1", "many", ""] {
            let error = limit(Some(OsStr::new(wrong))).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert!(error.to_string().contains("ISOPOOL_MAX_TOTAL_WORKERS"), "{error}");
        }
    }

    #[test]
    fn a_share_is_changed_or_kept_as_a_whole_and_given_back_once() {
        let share = WorkerShare::take(3).expect("there is room for three");
        let failed = share.change(5, || Err(Error::shutdown())).expect_err("it was not carried out");
        assert_eq!((failed.kind(), *share.0.lock()), (ErrorKind::Shutdown, Some(3)));
        let refused = share.change(MAX_TOTAL_WORKERS + 1, || panic!("it must not be tried"));
        assert_eq!(refused.expect_err("too many").kind(), ErrorKind::TooManyWorkers);
        share.change(2, || Ok(())).expect("to shrink is always possible");
        share.give_back();
        share.give_back();
        assert_eq!(share.change(1, || Ok(())).expect_err("it has ended").kind(), ErrorKind::Shutdown);
    }
}
