//! What bounds one task, besides time: each limit with its unit, its range and its default.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;

/// A limit of each task of an executor, set with [`ExecutorBuilder::limit`](crate::ExecutorBuilder::limit), and for one task
/// with [`Task::limit`](crate::Task::limit). All have defaults.
///
/// ```
/// use isopool::Limit;
///
/// assert_eq!(Limit::LogRecords.default_value(), 10_000);
/// assert!(Limit::MemoryBytes.range().contains(&(64 << 20)));
/// assert_eq!(Limit::Fuel.to_string(), "fuel");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Limit {
    /// What the guest's code may execute, in units: about one for each instruction of WebAssembly. The same call of the same
    /// module uses the same. Counting costs as much as [`Interruption::Epoch`](crate::Interruption::Epoch), and only an
    /// executor that sets this limit has its guests count. Default: not counted.
    Fuel,
    /// Linear memory of the instance, all its memories together, in bytes. Default:
    /// [`limits::DEFAULT_MAX_MEMORY_BYTES`]. A task that asks for more ends with
    /// [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory).
    MemoryBytes,
    /// Elements of the instance's tables together. Default: [`limits::MAX_TABLE_ELEMENTS`].
    TableElements,
    /// Stack of the guest's calls in the engine, in bytes; a guest that is compiled from Rust or C has another one in its
    /// linear memory, whose size its linker sets. The executor's alone. Default: [`limits::MAX_WASM_STACK`]. A task that
    /// uses more ends with [`TrapCode::StackOverflow`](crate::TrapCode::StackOverflow).
    StackBytes,
    /// Calls from the guest to the host, whatever they do: clocks, random numbers, output, logs, progress, shared objects,
    /// tasks of its own. Default: [`limits::DEFAULT_MAX_HOST_CALLS`].
    HostCalls,
    /// Handles of the host (streams, timers) that the instance holds at a time. The executor's alone. Default:
    /// [`limits::MAX_HOST_RESOURCES`].
    HostResources,
    /// Random bytes that one call gives. The executor's alone. Default: [`limits::MAX_RANDOM_BYTES`].
    RandomBytes,
    /// Standard output and standard error together, in bytes. Default: [`limits::DEFAULT_MAX_OUTPUT_BYTES`]. See
    /// [`Overflow`](crate::Overflow) for what becomes of the rest.
    OutputBytes,
    /// Log records that reach the caller. Default: [`limits::MAX_LOG_RECORDS`]. See [`Overflow`](crate::Overflow).
    LogRecords,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 9] = [
        Limit::Fuel,
        Limit::MemoryBytes,
        Limit::TableElements,
        Limit::StackBytes,
        Limit::HostCalls,
        Limit::HostResources,
        Limit::RandomBytes,
        Limit::OutputBytes,
        Limit::LogRecords,
    ];

    /// What it is when nobody says otherwise; `u64::MAX`: no limit.
    pub fn default_value(self) -> u64 {
        match self {
            Limit::Fuel => u64::MAX,
            Limit::MemoryBytes => limits::DEFAULT_MAX_MEMORY_BYTES as u64,
            Limit::TableElements => limits::MAX_TABLE_ELEMENTS as u64,
            Limit::StackBytes => limits::MAX_WASM_STACK as u64,
            Limit::HostCalls => limits::DEFAULT_MAX_HOST_CALLS,
            Limit::HostResources => limits::MAX_HOST_RESOURCES as u64,
            Limit::RandomBytes => limits::MAX_RANDOM_BYTES,
            Limit::OutputBytes => limits::DEFAULT_MAX_OUTPUT_BYTES as u64,
            Limit::LogRecords => u64::from(limits::MAX_LOG_RECORDS),
        }
    }

    /// What an executor may set it to.
    pub fn range(self) -> RangeInclusive<u64> {
        match self {
            Limit::Fuel => 1..=limits::MAX_FUEL,
            Limit::MemoryBytes => limits::MIN_MEMORY_BYTES as u64..=limits::DEFAULT_MAX_MEMORY_BYTES as u64,
            Limit::TableElements => 0..=limits::MAX_TABLE_ELEMENTS as u64,
            Limit::StackBytes => limits::MIN_WASM_STACK as u64..=limits::LARGEST_WASM_STACK as u64,
            Limit::HostCalls => 1..=u64::MAX,
            Limit::HostResources => 1..=limits::LARGEST_HOST_RESOURCES as u64,
            Limit::RandomBytes => 64..=limits::LARGEST_RANDOM_BYTES,
            Limit::OutputBytes => 0..=u64::MAX,
            Limit::LogRecords => 0..=u64::MAX,
        }
    }

    /// Whether a task may have a limit of its own: not where the process, or what a guest opened before, depends on it.
    pub fn is_per_task(self) -> bool {
        !matches!(self, Limit::StackBytes | Limit::HostResources | Limit::RandomBytes)
    }

    /// The option of an executor that sets it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Limit::Fuel => "limit(Limit::Fuel)",
            Limit::MemoryBytes => "max_memory_bytes",
            Limit::TableElements => "limit(Limit::TableElements)",
            Limit::StackBytes => "limit(Limit::StackBytes)",
            Limit::HostCalls => "limit(Limit::HostCalls)",
            Limit::HostResources => "limit(Limit::HostResources)",
            Limit::RandomBytes => "limit(Limit::RandomBytes)",
            Limit::OutputBytes => "max_output_bytes",
            Limit::LogRecords => "limit(Limit::LogRecords)",
        }
    }

    /// What one of it is.
    fn unit(self) -> &'static str {
        match self {
            Limit::Fuel => "units",
            Limit::TableElements => "elements",
            Limit::HostCalls => "calls",
            Limit::HostResources => "handles",
            Limit::LogRecords => "records",
            Limit::MemoryBytes | Limit::StackBytes | Limit::RandomBytes | Limit::OutputBytes => "bytes",
        }
    }
}

/// What it bounds.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Fuel => "fuel",
            Limit::MemoryBytes => "memory",
            Limit::TableElements => "table elements",
            Limit::StackBytes => "stack",
            Limit::HostCalls => "calls of the host",
            Limit::HostResources => "handles of the host",
            Limit::RandomBytes => "random bytes in one call",
            Limit::OutputBytes => "output",
            Limit::LogRecords => "log records",
        })
    }
}

/// A task went over a limit, and was ended. See [`TaskError::LimitExceeded`](crate::TaskError::LimitExceeded).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which.
    pub limit: Limit,
    /// What it was for this task, in the limit's own unit.
    pub value: u64,
    /// What the task asked for in all; `None` where the task ended as soon as it had used everything.
    pub asked: Option<u64>,
}

/// `it went over its limit of 100 table elements (it asked for 200); raise it with …`, without the task.
impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, value, asked } = *self;
        write!(f, "went over its limit of {value} {} ({limit}", limit.unit())?;
        if let Some(asked) = asked {
            write!(f, "; it asked for {asked}")?;
        }
        let owner = if limit.is_per_task() { "the task and the executor" } else { "the executor" };
        write!(f, "); raise it with limit(Limit::{limit:?}, …) of {owner}")
    }
}

impl std::error::Error for LimitExceeded {}

/// A value for each limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskLimits([u64; Limit::ALL.len()]);

impl Default for TaskLimits {
    fn default() -> Self {
        Self(Limit::ALL.map(Limit::default_value))
    }
}

impl TaskLimits {
    pub(crate) fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    pub(crate) fn set(&mut self, limit: Limit, value: u64) {
        self.0[limit as usize] = value;
    }

    /// As [`get`](Self::get), for what is counted in memory.
    pub(crate) fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// These, with a task's own: a task can have less than its executor allows, never more.
    pub(crate) fn lowered(&self, own: &[(Limit, u64)]) -> Self {
        let mut lowered = *self;
        for &(limit, value) in own {
            lowered.set(limit, value.min(self.get(limit)));
        }
        lowered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_place_and_a_default_in_its_range() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place);
            let default = limit.default_value();
            assert!(limit.range().contains(&default) || (limit == Limit::Fuel && default == u64::MAX), "{limit}");
        }
    }

    #[test]
    fn a_task_lowers_a_limit_and_never_raises_it() {
        let mut limits = TaskLimits::default();
        limits.set(Limit::HostCalls, 10);
        let own = limits.lowered(&[(Limit::HostCalls, 20), (Limit::LogRecords, 3)]);
        assert_eq!((own.get(Limit::HostCalls), own.get(Limit::LogRecords)), (10, 3));
        assert_eq!(own.get(Limit::MemoryBytes), Limit::MemoryBytes.default_value());
    }

    #[test]
    fn an_exceeded_limit_says_which_its_value_and_how_to_raise_it() {
        let told = LimitExceeded { limit: Limit::TableElements, value: 100, asked: Some(200) }.to_string();
        assert_eq!(
            told,
            "went over its limit of 100 elements (table elements; it asked for 200); raise it with \
             limit(Limit::TableElements, …) of the task and the executor"
        );
        let told = LimitExceeded { limit: Limit::HostResources, value: 5, asked: None }.to_string();
        assert!(told.ends_with("(handles of the host); raise it with limit(Limit::HostResources, …) of the executor"));
    }
}
