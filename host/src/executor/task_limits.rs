//! What each task of an executor may use, and what one task may.

use super::builder::ExecutorBuilder;
use super::options::Overflow;
use super::task::Task;
use crate::error::Error;
use crate::task::{Limit, TaskLimits};

impl ExecutorBuilder {
    /// Sets a limit of each task, within [its range](Limit::range). A task can have a [lower one](Task::limit), never a
    /// higher. One that goes over ends with [`TaskError::LimitExceeded`](crate::TaskError::LimitExceeded), which says by how
    /// much, or as the [`Limit`] says; its worker goes on with the next.
    ///
    /// ```
    /// use guest_basic::crash::spin; // computes for ever
    /// use isopool::{Executor, Limit, TaskError};
    ///
    /// let executor = Executor::builder().max_workers(1).limit(Limit::Fuel, 1_000_000).build()?;
    /// let error = executor.submit(spin::task())?.result().expect_err("it needs more");
    /// assert!(matches!(error, TaskError::LimitExceeded { exceeded, .. } if exceeded.limit == Limit::Fuel));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, limit: Limit, value: u64) -> Self {
        self.options.limits.set(limit, value);
        self
    }

    /// What becomes of output and log records over their limits. Default: [`Overflow::Drop`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.options.overflow = overflow;
        self
    }
}

impl<A, R> Task<A, R> {
    /// Sets a limit of this task alone, below its executor's: of two values the lower one counts. `submit` refuses a limit
    /// that is [the executor's alone](Limit::is_per_task), a value below [its range](Limit::range), and fuel where the
    /// executor does not have it counted.
    ///
    /// ```
    /// use guest_basic::resources::allocate; // asks for so many bytes
    /// use isopool::{Executor, IntoTask, Limit, TaskError};
    ///
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(allocate::task(64 << 20).into_task().limit(Limit::MemoryBytes, 16 << 20))?;
    /// assert!(matches!(future.result(), Err(TaskError::OutOfMemory { limit, .. }) if limit == 16 << 20));
    /// assert_eq!(executor.submit(allocate::task(64 << 20))?.result()?, 64 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: Limit, value: u64) -> Self {
        let limits = &mut self.options.get_or_insert_default().limits;
        limits.retain(|(other, _)| *other != limit);
        limits.push((limit, value));
        self
    }
}

/// Whether an executor can have these limits.
pub(super) fn check(limits: &TaskLimits) -> Result<(), Error> {
    for limit in Limit::ALL {
        let (value, range) = (limits.get(limit), limit.range());
        if !range.contains(&value) && value != limit.default_value() {
            let (least, most) = range.into_inner();
            let option = limit.option();
            return Err(Error::invalid(format!("{option} is {value}; it must be between {least} and {most}")));
        }
    }
    Ok(())
}

/// Whether a task can have these of its own.
pub(super) fn check_own(own: &[(Limit, u64)], executor: &TaskLimits) -> Result<(), Error> {
    for &(limit, value) in own {
        if !limit.is_per_task() {
            return Err(Error::invalid(format!(
                "limit(Limit::{limit:?}) is the executor's alone; no task has one of its own"
            )));
        }
        let least = *limit.range().start();
        if value < least {
            return Err(Error::invalid(format!(
                "limit(Limit::{limit:?}) of a task is {value}; it must be at least {least}"
            )));
        }
        if limit == Limit::Fuel && executor.get(limit) == u64::MAX {
            return Err(Error::invalid(
                "limit(Limit::Fuel) of a task is set, and its executor does not have fuel counted; set that of the executor \
                 too",
            ));
        }
    }
    Ok(())
}
