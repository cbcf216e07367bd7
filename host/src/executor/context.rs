//! Executors of a context.

use super::builder::ExecutorBuilder;
use super::handle::Executor;
use crate::context::ProcessContext;

impl ProcessContext {
    /// The options of an executor whose workers come to life by this context's start method.
    pub fn executor(&self) -> ExecutorBuilder {
        Executor::builder().start_method(self.start_method())
    }
}
