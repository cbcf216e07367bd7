//! The memory of one instance: counted, and ended at its limit.

use crate::limits::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use crate::task::MemoryBound;
use wasmtime::ResourceLimiter;

/// The guest asked for more memory than its limit, both in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest asked for more memory than its limit of {limit} bytes (it held {held} bytes)")]
pub(super) struct OverMemory {
    pub(super) bound: MemoryBound,
    pub(super) limit: u64,
    pub(super) held: u64,
}

/// Counts the linear memory of one instance, all its memories together.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    limit: usize,
    /// Of the whole process, as the kernel holds it.
    worker_limit: u64,
    held: usize,
    peak: usize,
}

impl MemoryLimit {
    pub(super) fn new(limit_bytes: u64, worker_limit: u64) -> Self {
        Self { limit: usize::try_from(limit_bytes).unwrap_or(usize::MAX), worker_limit, held: 0, peak: 0 }
    }

    /// Most bytes held since the last reset.
    pub(super) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// Starts counting the peak anew, for the next task in the same instance.
    pub(super) fn reset_peak(&mut self) {
        self.peak = self.held;
    }
}

impl ResourceLimiter for MemoryLimit {
    /// Over the limit the task ends, here and with a clear word. To let `memory.grow` fail instead would leave the end
    /// to the guest: its allocator aborts, and the caller would see nothing but an `unreachable`.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held.saturating_sub(current).saturating_add(desired);
        if held > self.limit {
            return Err(
                OverMemory { bound: MemoryBound::Instance, limit: self.limit as u64, held: self.held as u64 }.into()
            );
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The module's own maximum, which it knows of.
            return Ok(false);
        }
        self.held = held;
        self.peak = self.peak.max(held);
        Ok(true)
    }

    /// Within its own limit, and still the system gives none: then the worker as a whole has used up its memory. As above, the
    /// task ends with a clear word.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let no_memory = |cause: &std::io::Error| cause.raw_os_error() == Some(libc::ENOMEM);
        if error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(no_memory)) {
            let (limit, held) = (self.worker_limit, self.held as u64);
            return Err(OverMemory { bound: MemoryBound::Worker, limit, held }.into());
        }
        // A maximum of the module's own.
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together_and_the_peak_starts_anew_with_each_task() {
        let mut limit = MemoryLimit::new(1000, 5000);
        assert!(limit.memory_growing(0, 400, None).expect("within"));
        assert!(limit.memory_growing(0, 300, None).expect("within"));
        assert!(limit.memory_growing(400, 700, None).expect("exactly the limit"));
        let error = limit.memory_growing(300, 301, None).expect_err("over");
        assert_eq!(error.downcast_ref(), Some(&OverMemory { bound: MemoryBound::Instance, limit: 1000, held: 1000 }));
        assert_eq!(limit.peak(), 1000);
        limit.held = 200;
        limit.reset_peak();
        assert_eq!(limit.peak(), 200);
    }

    #[test]
    fn a_module_that_passes_its_own_maximum_is_only_told_no() {
        let mut limit = MemoryLimit::new(1000, 5000);
        assert!(!limit.memory_growing(100, 200, Some(150)).expect("no error"));
        assert_eq!(limit.peak(), 0);
    }
}
