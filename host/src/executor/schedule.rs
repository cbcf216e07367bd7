//! When a task runs, and how often.

use super::task::Task;
use crate::error::Error;
use crate::limits::MAX_TASK_RETRIES;

/// When a task runs, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) priority: i32,
    pub(crate) retries: u32,
}

impl Schedule {
    pub(super) fn check(self) -> Result<(), Error> {
        if self.retries > MAX_TASK_RETRIES {
            let retries = self.retries;
            return Err(Error::invalid(format!("retries is {retries}; it must be between 0 and {MAX_TASK_RETRIES}")));
        }
        Ok(())
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
}
