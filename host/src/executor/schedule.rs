//! When a task runs, how often, and for how long.

use super::builder::ExecutorBuilder;
use super::task::Task;
use crate::error::Error;
use crate::limits::MAX_TASK_RETRIES;
use std::time::{Duration, Instant};

/// When a task runs, how often, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) priority: i32,
    pub(crate) retries: u32,
    /// `None`: what the executor says.
    pub(crate) time_limit: Option<Duration>,
    /// `None`: what the executor says.
    pub(crate) deadline: Option<Instant>,
}

impl Schedule {
    pub(super) fn check(self) -> Result<(), Error> {
        if self.retries > MAX_TASK_RETRIES {
            let retries = self.retries;
            return Err(Error::invalid(format!("retries is {retries}; it must be between 0 and {MAX_TASK_RETRIES}")));
        }
        self.time_limit.map_or(Ok(()), |limit| check_time_limit("time_limit", limit))
    }
}

/// A task with no time at all could only fail.
pub(super) fn check_time_limit(option: &str, limit: Duration) -> Result<(), Error> {
    if limit.is_zero() { Err(Error::invalid(format!("{option} is 0; it must be longer"))) } else { Ok(()) }
}

impl ExecutorBuilder {
    /// For how long each task may run, more than 0, unless it [says otherwise](Task::time_limit). Default: for ever.
    pub fn task_time_limit(mut self, limit: Duration) -> Self {
        self.options.task_time_limit = Some(limit);
        self
    }

    /// How long after its submission each task must have ended, more than 0, unless it [says otherwise](Task::deadline).
    /// Waiting counts. Default: whenever.
    pub fn task_deadline(mut self, deadline: Duration) -> Self {
        self.options.task_deadline = Some(deadline);
        self
    }
}

impl<A, R> Task<A, R> {
    /// How urgent the task is: the higher comes first, tasks that are as urgent in the order of their submission. Any
    /// number; default: 0.
    ///
    /// A task that runs is never stopped for another one. The most urgent task begins when the first worker of the pool
    /// has ended the one task that it runs: tasks that were only sent ahead to workers and are less urgent are taken back.
    /// So among tasks of several priorities, workers wait for each task to be sent, some tens of microseconds; that is
    /// felt where tasks are as short. As long as more urgent tasks keep coming, less urgent ones do not run: whether they
    /// may starve is the caller's choice.
    ///
    /// ```
    /// use guest_basic::value::add; // a package of tasks
    /// use isopool::{Executor, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let batch: Vec<_> = (0..100).map(|n| executor.submit(add::task(n, 1))).collect::<Result<_, _>>()?;
    /// let urgent = executor.submit(add::task(2, 3).into_task().priority(10))?;
    /// assert_eq!(urgent.result()?, 5); // before most of the batch
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.schedule.priority = priority;
        self
    }

    /// Declares that the task may safely begin more than once, and has it run again, up to this many times, when its worker
    /// is lost: its process was killed or left, or was killed because it broke the protocol. 0 to [`MAX_TASK_RETRIES`];
    /// default: 0, where a task that has begun is never run again. `submit` refuses more.
    ///
    /// It takes its old turn. Nothing else is tried again: not an error, a panic, a trap, an exceeded limit or a
    /// cancellation, which would come out the same; and nothing is run again under
    /// [`Containment::Pool`](crate::Containment::Pool), where the loss of a worker ends every task, or once pending tasks
    /// are to be cancelled. What the lost attempts did outside of their sandbox stays done. Each loss is logged as a
    /// warning; [`TaskReport::attempts`](crate::TaskReport::attempts) tells how often the task was begun.
    ///
    /// ```
    /// use guest_basic::value::add; // a package of tasks
    /// use isopool::{Executor, IntoTask};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(add::task(2, 3).into_task().retries(2))?;
    /// assert_eq!(future.result()?, 5);
    /// assert_eq!(future.report().expect("it has run").attempts, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.schedule.retries = retries;
        self
    }
    /// For how long the task may run, more than 0; then it is stopped as the executor says ([`Interruption`](crate::Interruption)), and its future
    /// gets [`TaskError::TimedOut`](crate::TaskError::TimedOut). No other task is touched, and the caller's clock decides:
    /// whatever the guest does. Default: [`task_time_limit`](crate::ExecutorBuilder::task_time_limit) of the executor.
    ///
    /// It counts from when the task is handed to a worker that runs nothing else, the time to load its module included;
    /// waiting in the queue does not count. A task that is [run again](Self::retries) has all of it again.
    /// Tasks that it submits have no limits of their own: they end with it.
    ///
    /// ```
    /// use guest_basic::resources::sleep_ms; // a package of tasks
    /// use isopool::{Executor, IntoTask, TaskError};
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let limit = Duration::from_millis(50);
    /// let late = executor.submit(sleep_ms::task(60_000).into_task().time_limit(limit))?;
    /// assert!(matches!(late.result(), Err(TaskError::TimedOut { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.schedule.time_limit = Some(limit);
        self
    }

    /// By when the task must have ended; then, if it waits, it ends without having begun, and if it runs, it is stopped as
    /// for [`time_limit`](Self::time_limit). Either way its future gets [`TaskError::TimedOut`](crate::TaskError::TimedOut).
    /// A moment that has passed ends it at once. Default: [`task_deadline`](crate::ExecutorBuilder::task_deadline) of the
    /// executor. Retries have no more time than this. Tasks that it submits end with it.
    ///
    /// ```
    /// use guest_basic::{resources::sleep_ms, value::add}; // a package of tasks
    /// use isopool::{Executor, IntoTask, TaskError};
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let busy = executor.submit(sleep_ms::task(60_000))?;
    /// let soon = Instant::now() + Duration::from_millis(20);
    /// let late = executor.submit(add::task(2, 3).into_task().deadline(soon))?;
    /// assert!(matches!(late.result(), Err(TaskError::TimedOut { .. })));
    /// # executor.shutdown(isopool::Shutdown::Kill);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.schedule.deadline = Some(deadline);
        self
    }
}
