//! How much may be unfinished before `submit` waits.

use super::builder::{ExecutorBuilder, Options};
use crate::limits::DEFAULT_MAX_PENDING_BYTES;

impl ExecutorBuilder {
    /// Tasks that may be unfinished before `submit` waits and `try_submit` refuses, at least 1. Default:
    /// [`DEFAULT_QUEUE_CAPACITY`](crate::limits::DEFAULT_QUEUE_CAPACITY).
    pub fn queue_capacity(mut self, queue_capacity: usize) -> Self {
        self.options.queue_capacity = queue_capacity;
        self
    }

    /// Most bytes of the encoded arguments of all tasks that have not ended, together, before `submit` waits and `try_submit`
    /// refuses; at least [`max_argument_bytes`](Self::max_argument_bytes), so that each task that may be submitted has room
    /// in the end. Default: [`DEFAULT_MAX_PENDING_BYTES`](crate::limits::DEFAULT_MAX_PENDING_BYTES), or `max_argument_bytes` if
    /// that is more.
    /// Tasks that tasks submit have bounds of their own.
    pub fn max_pending_bytes(mut self, bytes: usize) -> Self {
        self.options.max_pending_bytes = Some(bytes);
        self
    }
}

impl Options {
    /// See [`ExecutorBuilder::max_pending_bytes`].
    pub(super) fn pending_bytes(&self) -> usize {
        self.max_pending_bytes.unwrap_or(DEFAULT_MAX_PENDING_BYTES.max(self.max_argument_bytes))
    }
}
