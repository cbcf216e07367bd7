//! Futures in the order in which they end.

use super::future::TaskFuture;
use super::wait::Watch;
use std::fmt;
use std::time::{Duration, Instant};

/// Gives futures as they end: those that have ended already first. The timeout counts from this call, over all of them
/// (`None`: as long as it takes); when it is up, [`Unfinished`] comes once, and then nothing: the tasks go on. A future that
/// is given twice comes once; futures of several executors mix.
///
/// # Source
/// `concurrent.futures.as_completed`.
///
/// ```
/// # use guest_basic::resources::sleep_ms;
/// # let executor = isopool::Executor::builder().max_workers(2).build()?;
/// use isopool::as_completed;
///
/// let slow = executor.submit(sleep_ms::task(3_600_000))?;
/// let fast = executor.submit(sleep_ms::task(1))?;
/// let first = as_completed([slow.clone(), fast.clone()], None).next().expect("two will come")?;
/// assert_eq!(first.task(), fast.task());
/// # slow.cancel();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = TaskFuture<T>>, timeout: Option<Duration>) -> AsCompleted<T> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    AsCompleted { watch: Watch::new(futures), deadline, given: 0, timed_out: false }
}

/// See [`as_completed`].
#[derive(Debug)]
pub struct AsCompleted<T> {
    watch: Watch<T>,
    deadline: Option<Instant>,
    given: usize,
    timed_out: bool,
}

/// The time of an [`as_completed`] is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Futures that have not ended.
    pub unfinished: usize,
    /// All the futures.
    pub total: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (of {}) futures unfinished", self.unfinished, self.total)
    }
}

impl std::error::Error for Unfinished {}

impl<T> Iterator for AsCompleted<T> {
    type Item = Result<TaskFuture<T>, Unfinished>;

    fn next(&mut self) -> Option<Self::Item> {
        let total = self.watch.futures.len();
        if self.given == total || self.timed_out {
            return None;
        }
        match self.watch.set.next(self.deadline) {
            Some(place) => {
                self.given += 1;
                Some(Ok(self.watch.futures[place].clone()))
            }
            None => {
                self.timed_out = true;
                Some(Err(Unfinished { unfinished: total - self.given, total }))
            }
        }
    }
}
