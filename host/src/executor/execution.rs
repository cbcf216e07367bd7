//! How guests' code is executed and stopped, and what it may see of chance and time.

use super::builder::ExecutorBuilder;
use super::options::{Execution, Interruption};

impl ExecutorBuilder {
    /// How guests' code is executed. Default: [`Execution::Speed`].
    pub fn execution(mut self, execution: Execution) -> Self {
        self.options.execution = execution;
        self
    }

    /// How a task that runs is stopped. Default: [`Interruption::Kill`].
    pub fn interruption(mut self, interruption: Interruption) -> Self {
        self.options.interruption = interruption;
        self
    }

    /// Runs every task as if it were alone in the world: with the same module, function and argument, it returns the same
    /// bytes, or fails in the same way, on every worker and every machine, whatever ran before. Two seeds are two worlds.
    ///
    /// - Random numbers (and with them the order of a Rust `HashMap`) come from the seed, the module and the call.
    /// - Clocks begin at the year 2000 and move by a microsecond with each look; to sleep moves them on, and takes no time.
    /// - Floats have one NaN, and relaxed SIMD one result; that makes floating-point code slower.
    /// - The task's own number and its worker's index are 0.
    /// - The environment is the executor's and the task's own, as ever.
    ///
    /// What a task is given to share with others ([`sync`](crate::sync)) is as they leave it; time limits, cancellations and
    /// lost workers come when they come. Not with [`Reuse::Worker`](crate::Reuse::Worker): there a task sees what others
    /// have left.
    ///
    /// ```
    /// use guest_basic::chance::draw; // mixes random numbers, clocks and the order of a `HashMap`
    /// use isopool::Executor;
    ///
    /// let executor = Executor::builder().max_workers(2).deterministic(7).build()?;
    /// let first = executor.submit(draw::task(100))?.result()?;
    /// assert_eq!(executor.submit(draw::task(100))?.result()?, first);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deterministic(mut self, seed: u64) -> Self {
        self.options.deterministic = Some(seed);
        self
    }
}
