//! How much may be unfinished before `submit` waits.

use super::builder::ExecutorBuilder;

impl ExecutorBuilder {
    /// Tasks that may be unfinished before `submit` waits and `try_submit` refuses, at least 1. Default:
    /// [`DEFAULT_QUEUE_CAPACITY`](crate::limits::DEFAULT_QUEUE_CAPACITY).
    pub fn queue_capacity(mut self, queue_capacity: usize) -> Self {
        self.options.queue_capacity = queue_capacity;
        self
    }

    /// Most bytes of the encoded arguments of all tasks that have not ended, together, before `submit` waits and `try_submit`
    /// refuses; at least [`max_argument_bytes`](Self::max_argument_bytes), so that each task that may be submitted has room
    /// in the end. Default: [`DEFAULT_MAX_PENDING_BYTES`](crate::limits::DEFAULT_MAX_PENDING_BYTES).
    /// Tasks that tasks submit have bounds of their own.
    pub fn max_pending_bytes(mut self, bytes: usize) -> Self {
        self.options.max_pending_bytes = bytes;
        self
    }
}
