//! When workers are recycled.

use super::builder::{ExecutorBuilder, range};
use crate::dispatcher::Recycling;
use crate::error::Error;
use crate::limits;
use std::time::Duration;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecyclingOptions {
    max_tasks_per_worker: Option<usize>,
    max_worker_age: Option<Duration>,
    max_worker_growth_bytes: usize,
}

impl Default for RecyclingOptions {
    fn default() -> Self {
        Self {
            max_tasks_per_worker: None,
            max_worker_age: None,
            max_worker_growth_bytes: limits::DEFAULT_MAX_WORKER_GROWTH_BYTES,
        }
    }
}

impl ExecutorBuilder {
    /// Most tasks that begin in one worker process, at least 1; then it leaves, and another one starts when a task needs
    /// it. Exact: no worker is sent more. Default: no bound.
    ///
    /// Workers are recycled between tasks: no task ends by it or begins twice, and the backlog goes on, also while the
    /// executor shuts down. The next task waits for a process to start, some milliseconds. Each is logged, and counted in
    /// [`Stats::workers_retired`](crate::Stats::workers_retired).
    ///
    /// # Source
    /// `max_tasks_per_child` of `concurrent.futures.ProcessPoolExecutor`.
    ///
    /// ```
    /// use guest_basic::value::add; // a package of tasks
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = isopool::Executor::builder().max_workers(1).max_tasks_per_worker(10).build()?;
    /// let sums: Result<Vec<u64>, _> = executor.map(|n| add::task(n, 1), 0..30).collect();
    /// assert_eq!(sums?.len(), 30);
    /// assert_eq!(executor.stats().workers_started, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_tasks_per_worker(mut self, max_tasks: usize) -> Self {
        self.options.recycling.max_tasks_per_worker = Some(max_tasks);
        self
    }

    /// How long one worker process may be up, more than 0; then it ends the task that it runs, and leaves as for
    /// [`max_tasks_per_worker`](Self::max_tasks_per_worker). Each runs one task at least, whatever its age. Default: for
    /// ever.
    pub fn max_worker_age(mut self, age: Duration) -> Self {
        self.options.recycling.max_worker_age = Some(age);
        self
    }

    /// How much more memory a worker process may keep than the least that it held since its first task, at least 1 byte;
    /// then it leaves as for [`max_tasks_per_worker`](Self::max_tasks_per_worker). `usize::MAX`: never, and nobody looks.
    /// Default: [`limits::DEFAULT_MAX_WORKER_GROWTH_BYTES`].
    ///
    /// Resident memory counts, as the kernel tells it, with nothing running in the worker: at most one look in
    /// a second, and one more 50 ms later when the first shows too
    /// much. This is for workers that keep more and more; what one task may hold is
    /// [`max_memory_bytes`](Self::max_memory_bytes). With [`Reuse::Worker`](crate::Reuse::Worker) the instance that tasks
    /// share counts, and its state is lost with the worker. A busy worker keeps the buffer of its largest argument: with a
    /// larger [`max_argument_bytes`](Self::max_argument_bytes) than the default, raise this too.
    ///
    /// # Source
    /// loky, where a worker that has grown by 300 MB after its first task is restarted.
    pub fn max_worker_growth_bytes(mut self, bytes: usize) -> Self {
        self.options.recycling.max_worker_growth_bytes = bytes;
        self
    }
}

impl RecyclingOptions {
    /// The names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { max_tasks_per_worker, max_worker_age, max_worker_growth_bytes } = self;
        let differences = [
            ("max_tasks_per_worker", *max_tasks_per_worker != other.max_tasks_per_worker),
            ("max_worker_age", *max_worker_age != other.max_worker_age),
            ("max_worker_growth_bytes", *max_worker_growth_bytes != other.max_worker_growth_bytes),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// In the words of the dispatcher.
    pub(super) fn checked(&self) -> Result<Recycling, Error> {
        if let Some(max_tasks) = self.max_tasks_per_worker {
            range("max_tasks_per_worker", max_tasks, 1, usize::MAX)?;
        }
        range("max_worker_growth_bytes", self.max_worker_growth_bytes, 1, usize::MAX)?;
        if self.max_worker_age == Some(Duration::ZERO) {
            return Err(Error::invalid("max_worker_age is 0; it must be longer"));
        }
        let max_growth_bytes = (self.max_worker_growth_bytes < usize::MAX).then_some(self.max_worker_growth_bytes);
        Ok(Recycling {
            max_tasks: self.max_tasks_per_worker.map(|tasks| tasks as u64),
            max_age: self.max_worker_age,
            max_growth_bytes: max_growth_bytes.map(|bytes| bytes as u64),
            one_life: false,
        })
    }
}
