//! The memory and the tables of one instance: counted, and ended at their limits.

use super::os_error::os_error;
use crate::limits::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use crate::task::{Limit, LimitExceeded, MemoryBound, TaskLimits};
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
    elements_limit: usize,
    elements: usize,
}

impl MemoryLimit {
    pub(super) fn new(limits: &TaskLimits, worker_limit: u64) -> Self {
        let (limit, elements_limit) = (limits.size(Limit::MemoryBytes), limits.size(Limit::TableElements));
        Self { limit, worker_limit, held: 0, peak: 0, elements_limit, elements: 0 }
    }

    /// Most bytes held since the last reset.
    pub(super) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// The next task begins in the same instance: it has limits and a peak of its own.
    pub(super) fn begin(&mut self, limits: &TaskLimits) {
        *self =
            Self { held: self.held, peak: self.held, elements: self.elements, ..Self::new(limits, self.worker_limit) };
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
        if os_error(&error) == Some(libc::ENOMEM) {
            let (limit, held) = (self.worker_limit, self.held as u64);
            return Err(OverMemory { bound: MemoryBound::Worker, limit, held }.into());
        }
        // A maximum of the module's own.
        Ok(())
    }

    /// As for memory.
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_sub(current).saturating_add(desired);
        if elements > self.elements_limit {
            let (limit, value) = (Limit::TableElements, self.elements_limit as u64);
            return Err(LimitExceeded { limit, value, asked: Some(elements as u64) }.into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
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

    fn limits(limit: Limit, value: u64) -> TaskLimits {
        let mut limits = TaskLimits::default();
        limits.set(limit, value);
        limits
    }

    #[test]
    fn tables_count_together_and_a_new_task_has_a_limit_of_its_own() {
        let mut limit = MemoryLimit::new(&limits(Limit::TableElements, 100), 5000);
        assert!(limit.table_growing(0, 60, None).expect("within"));
        assert!(limit.table_growing(0, 40, None).expect("exactly the limit"));
        assert!(!limit.table_growing(40, 41, Some(40)).is_ok_and(|grows| grows));
        let error = limit.table_growing(60, 61, None).expect_err("over");
        let expected = LimitExceeded { limit: Limit::TableElements, value: 100, asked: Some(101) };
        assert_eq!(error.downcast_ref(), Some(&expected));
        limit.begin(&limits(Limit::TableElements, 101));
        assert!(limit.table_growing(60, 61, None).expect("exactly the new limit"));
    }

    #[test]
    fn memories_count_together_and_the_peak_starts_anew_with_each_task() {
        let limits = limits(Limit::MemoryBytes, 1000);
        let mut limit = MemoryLimit::new(&limits, 5000);
        assert!(limit.memory_growing(0, 400, None).expect("within"));
        assert!(limit.memory_growing(0, 300, None).expect("within"));
        assert!(limit.memory_growing(400, 700, None).expect("exactly the limit"));
        let error = limit.memory_growing(300, 301, None).expect_err("over");
        assert_eq!(error.downcast_ref(), Some(&OverMemory { bound: MemoryBound::Instance, limit: 1000, held: 1000 }));
        assert_eq!(limit.peak(), 1000);
        limit.held = 200;
        limit.begin(&limits);
        assert_eq!(limit.peak(), 200);
    }

    #[test]
    fn a_module_that_passes_its_own_maximum_is_only_told_no() {
        let mut limit = MemoryLimit::new(&limits(Limit::MemoryBytes, 1000), 5000);
        assert!(!limit.memory_growing(100, 200, Some(150)).expect("no error"));
        assert_eq!(limit.peak(), 0);
    }
}
