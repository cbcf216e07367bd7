//! Waiting for many futures.

use super::future::TaskFuture;
use crate::dispatcher::{CompletionSet, Observer};
use crate::error::TaskError;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// As soon as one future has ended.
    FirstCompleted,
    /// As soon as one future has ended with an error that is not a cancellation, or when all have ended.
    FirstException,
    /// When all have ended.
    #[default]
    AllCompleted,
}

/// What [`wait`] found. Each future is in one of the two, once.
#[derive(Debug)]
pub struct Waited<T> {
    /// Those that have ended.
    pub done: Vec<TaskFuture<T>>,
    /// Those that have not.
    pub not_done: Vec<TaskFuture<T>>,
}

/// Waits for many futures, of one executor or of several, at most `timeout` (`None`: as long as it takes). A future that
/// is given twice counts once. No task is touched: those that are not done go on.
///
/// # Source
/// `concurrent.futures.wait`.
///
/// ```
/// # use guest_basic::resources::sleep_ms;
/// # let executor = isopool::Executor::builder().max_workers(2).build()?;
/// use isopool::{ReturnWhen, wait};
///
/// let slow = executor.submit(sleep_ms::task(3_600_000))?;
/// let fast = executor.submit(sleep_ms::task(1))?;
/// let waited = wait([slow.clone(), fast.clone()], None, ReturnWhen::FirstCompleted);
/// assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
/// assert_eq!(waited.done[0].task(), fast.task());
/// # slow.cancel();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait<T>(
    futures: impl IntoIterator<Item = TaskFuture<T>>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> Waited<T> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let watch = Watch::new(futures);
    let mut left = watch.futures.len();
    while left > 0 {
        let Some(place) = watch.set.next(deadline) else { break };
        left -= 1;
        let ended = watch.futures[place].promise.ended();
        let failed = ended.is_some_and(|ended| !matches!(&ended.result, Ok(_) | Err(TaskError::Cancelled { .. })));
        if return_when == ReturnWhen::FirstCompleted || (return_when == ReturnWhen::FirstException && failed) {
            break;
        }
    }
    let (done, not_done) = watch.into_futures().into_iter().partition(TaskFuture::done);
    Waited { done, not_done }
}

/// Futures that tell one set when they end.
#[derive(Debug)]
pub(super) struct Watch<T> {
    pub(super) futures: Vec<TaskFuture<T>>,
    pub(super) set: Arc<CompletionSet>,
}

impl<T> Watch<T> {
    pub(super) fn new(futures: impl IntoIterator<Item = TaskFuture<T>>) -> Self {
        let set = Arc::new(CompletionSet::default());
        let mut seen = HashSet::new();
        let futures: Vec<_> = futures.into_iter().filter(|future| seen.insert(Arc::as_ptr(&future.promise))).collect();
        for (place, future) in futures.iter().enumerate() {
            if future.promise.observe(Observer::Set(Arc::clone(&set), place)).is_err() {
                set.completed(place);
            }
        }
        Self { futures, set }
    }

    fn into_futures(mut self) -> Vec<TaskFuture<T>> {
        self.forget();
        std::mem::take(&mut self.futures)
    }

    fn forget(&self) {
        self.futures.iter().filter(|future| !future.done()).for_each(|future| future.promise.forget_set(&self.set));
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.forget();
    }
}
