//! The same function for many items.

use super::future::{TaskFuture, cancel_unwatched};
use super::handle::Executor;
use super::task::IntoTask;
use crate::dispatcher::{CompletionSet, Observer};
use crate::error::{Error, TaskError};
use crate::limits::SEND_AHEAD;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far ahead of its results a map works.
#[derive(Debug)]
struct Ahead {
    buffer_size: usize,
    chunk_size: Option<usize>,
    started: Instant,
    timeout: Option<Duration>,
}

impl Ahead {
    fn new(executor: &Executor) -> Self {
        let buffer_size = 2 * SEND_AHEAD * executor.max_workers();
        Self { buffer_size, chunk_size: None, started: Instant::now(), timeout: None }
    }

    fn set_buffer_size(&mut self, buffer_size: usize) -> Result<(), Error> {
        if buffer_size == 0 {
            return Err(Error::invalid("buffer_size is 0; a map needs room for at least 1 task"));
        }
        self.buffer_size = buffer_size;
        Ok(())
    }

    fn set_chunk_size(&mut self, chunk_size: usize) -> Result<(), Error> {
        if chunk_size == 0 {
            return Err(Error::invalid("chunk_size is 0; a map takes at least 1 item at a time"));
        }
        self.chunk_size = Some(chunk_size);
        Ok(())
    }

    /// How many items to take now, with so many tasks submitted and not given out: nothing, or a whole chunk, so that
    /// the dispatcher is woken for many tasks at once.
    fn to_take(&self, in_flight: usize) -> usize {
        let free = self.buffer_size.saturating_sub(in_flight);
        let chunk = self.chunk_size.unwrap_or(self.buffer_size / 4).clamp(1, self.buffer_size);
        if free >= chunk || in_flight == 0 { free } else { 0 }
    }

    fn deadline(&self) -> Option<Instant> {
        self.started.checked_add(self.timeout?)
    }
}

/// The results of [`Executor::map`], in the order of the items. Dropping it cancels what has not begun.
///
/// ```
/// # use guest_basic::value::add;
/// # let executor = isopool::Executor::builder().max_workers(2).build()?;
/// // An endless iterator, of which 50 items are under way at a time.
/// let mut sums = executor.map(|n| add::task(n, 1), 0..).buffer_size(50)?;
/// assert_eq!(sums.next().expect("it has no end")?, 1);
/// assert_eq!(sums.next().expect("it has no end")?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a map is lazy: nothing is submitted until its results are asked for"]
pub struct Map<I, F, R> {
    executor: Executor,
    task: F,
    items: Option<I>,
    ahead: Ahead,
    pending: VecDeque<Result<TaskFuture<R>, TaskError>>,
}

impl<I, F, R> Map<I, F, R> {
    pub(super) fn new(executor: Executor, task: F, items: I) -> Self {
        let ahead = Ahead::new(&executor);
        Self { executor, task, items: Some(items), ahead, pending: VecDeque::new() }
    }

    /// Most tasks that are submitted and not yet given out, at least 1. Default: 128 for each worker.
    ///
    /// # Errors
    /// 0 is refused.
    pub fn buffer_size(mut self, buffer_size: usize) -> Result<Self, Error> {
        self.ahead.set_buffer_size(buffer_size)?;
        Ok(self)
    }

    /// How many items are taken and submitted at a time, at least 1; never changes the results, and each item is a task
    /// of its own in a sandbox of its own. Default: a quarter of the buffer.
    ///
    /// # Errors
    /// 0 is refused.
    pub fn chunk_size(mut self, chunk_size: usize) -> Result<Self, Error> {
        self.ahead.set_chunk_size(chunk_size)?;
        Ok(self)
    }

    /// The time for all results together, from the call of `map`. The first item that is late comes as
    /// [`TaskError::WaitTimedOut`], and nothing after it; what has not begun is cancelled.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ahead.timeout = Some(timeout);
        self
    }

    fn cancel_rest(&mut self) {
        self.items = None;
        for future in self.pending.drain(..).flatten() {
            cancel_unwatched(&future.promise, false);
        }
    }
}

impl<I, F, T, R> Iterator for Map<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item) -> T,
    T: IntoTask<Output = R>,
    R: DeserializeOwned,
{
    type Item = Result<R, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(items) = &mut self.items {
            let take = self.ahead.to_take(self.pending.len());
            let before = self.pending.len();
            let (executor, task) = (&self.executor, &mut self.task);
            self.pending.extend(items.by_ref().take(take).map(|item| submit(executor, task(item))));
            if self.pending.len() - before < take {
                self.items = None;
            }
        }
        let future = match self.pending.pop_front()? {
            Ok(future) => future,
            Err(error) => return Some(Err(error)),
        };
        let result = match self.ahead.deadline() {
            None => future.result(),
            Some(deadline) => future.result_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        if result.as_ref().is_err_and(TaskError::is_wait_timeout) {
            cancel_unwatched(&future.promise, false);
            self.cancel_rest();
        }
        Some(result)
    }
}

impl<I, F, R> Drop for Map<I, F, R> {
    fn drop(&mut self) {
        self.cancel_rest();
    }
}

/// The results of [`Executor::map_unordered`]: `(number of the item, result)`, as they come. Dropping it cancels what
/// has not begun.
#[must_use = "a map is lazy: nothing is submitted until its results are asked for"]
pub struct MapUnordered<I, F, R> {
    executor: Executor,
    task: F,
    items: Option<I>,
    ahead: Ahead,
    next_place: usize,
    pending: HashMap<usize, TaskFuture<R>>,
    refused: VecDeque<(usize, TaskError)>,
    set: Arc<CompletionSet>,
}

impl<I, F, R> MapUnordered<I, F, R> {
    pub(super) fn new(executor: Executor, task: F, items: I) -> Self {
        let ahead = Ahead::new(&executor);
        Self {
            executor,
            task,
            items: Some(items),
            ahead,
            next_place: 0,
            pending: HashMap::new(),
            refused: VecDeque::new(),
            set: Arc::default(),
        }
    }

    /// As [`Map::buffer_size`].
    ///
    /// # Errors
    /// 0 is refused.
    pub fn buffer_size(mut self, buffer_size: usize) -> Result<Self, Error> {
        self.ahead.set_buffer_size(buffer_size)?;
        Ok(self)
    }

    /// As [`Map::chunk_size`].
    ///
    /// # Errors
    /// 0 is refused.
    pub fn chunk_size(mut self, chunk_size: usize) -> Result<Self, Error> {
        self.ahead.set_chunk_size(chunk_size)?;
        Ok(self)
    }

    /// As [`Map::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.ahead.timeout = Some(timeout);
        self
    }

    fn cancel_rest(&mut self) {
        self.items = None;
        self.refused.clear();
        for (_, future) in self.pending.drain() {
            cancel_unwatched(&future.promise, false);
        }
    }
}

impl<I, F, T, R> MapUnordered<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item) -> T,
    T: IntoTask<Output = R>,
{
    fn refill(&mut self) {
        let Some(items) = &mut self.items else { return };
        for _ in 0..self.ahead.to_take(self.pending.len() + self.refused.len()) {
            let Some(item) = items.next() else {
                self.items = None;
                return;
            };
            let place = self.next_place;
            self.next_place += 1;
            match submit(&self.executor, (self.task)(item)) {
                Ok(future) => {
                    if future.promise.observe(Observer::Set(Arc::clone(&self.set), place)).is_err() {
                        self.set.completed(place);
                    }
                    self.pending.insert(place, future);
                }
                Err(error) => self.refused.push_back((place, error)),
            }
        }
    }
}

impl<I, F, T, R> Iterator for MapUnordered<I, F, R>
where
    I: Iterator,
    F: FnMut(I::Item) -> T,
    T: IntoTask<Output = R>,
    R: DeserializeOwned,
{
    type Item = (usize, Result<R, TaskError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.refill();
        if let Some((place, error)) = self.refused.pop_front() {
            return Some((place, Err(error)));
        }
        let (&first, late) = self.pending.iter().next()?;
        match self.set.next(self.ahead.deadline()) {
            Some(place) => {
                let future = self.pending.remove(&place)?;
                Some((place, future.result()))
            }
            None => {
                let timeout = self.ahead.timeout.unwrap_or_default();
                let error = TaskError::WaitTimedOut { task: late.task().clone(), timeout };
                self.cancel_rest();
                Some((first, Err(error)))
            }
        }
    }
}

impl<I, F, R> Drop for MapUnordered<I, F, R> {
    fn drop(&mut self) {
        self.cancel_rest();
    }
}

fn submit<T: IntoTask>(executor: &Executor, task: T) -> Result<TaskFuture<T::Output>, TaskError> {
    executor.submit(task).map_err(|error| TaskError::NotSubmitted { error: Arc::new(error) })
}
