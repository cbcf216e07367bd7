//! The engine's configuration: one builder for the process that compiles and the process that runs, because machine code
//! made under other options does not load.

use super::guest::GuestSettings;
use crate::executor::{Execution, Flavour, Interruption};
use crate::limits::{
    DEFAULT_MAX_MEMORY_BYTES, DENSE_IMAGE_BYTES, HOST_STACK_BYTES, INSTANCE_SLOTS, KEEP_RESIDENT_BYTES,
    MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES, MAX_TRACE_ENTRIES, MIB,
    TABLE_KEEP_RESIDENT_BYTES,
};
use crate::task::Limit;
use std::num::NonZeroUsize;
use wasmtime::{Collector, Config, Enabled, PoolingAllocationConfig, WasmBacktraceDetails};

/// What an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Compiles modules, on every CPU.
    Compile,
    /// Runs tasks, on one thread: it loads machine code, and never makes any.
    Run,
    /// Loads machine code for the processes that it forks, which run tasks.
    Fork,
}

/// The target of code that is interpreted: none of it is ever executed, or mapped so that it could be.
const INTERPRETER: &str = "pulley64";

/// Everything that the machine code depends on is the same for both purposes.
pub(super) fn config(purpose: Purpose, settings: &GuestSettings) -> wasmtime::Result<Config> {
    let Flavour { execution, interruption, fuel, deterministic } = settings.flavour;
    let max_wasm_stack = settings.limits.size(Limit::StackBytes);
    let mut config = Config::new();
    if execution == Execution::Fortress {
        config.target(INTERPRETER)?;
    }
    config
        .allocation_strategy(pool(INSTANCE_SLOTS + settings.max_depth))
        // Threads of the compiler (rayon) would outlive it and break a worker that forks or locks itself in.
        .parallel_compilation(purpose == Purpose::Compile)
        // No async exports yet, and a call is three times as fast without their bookkeeping.
        .concurrency_support(false)
        // An instance lives for one task: garbage goes with it, so nothing is ever collected.
        .collector(Collector::Null)
        .memory_guaranteed_dense_image_size(DENSE_IMAGE_BYTES as u64)
        .max_wasm_stack(max_wasm_stack)
        .async_stack_size(max_wasm_stack + HOST_STACK_BYTES)
        .epoch_interruption(interruption == Interruption::Epoch)
        .consume_fuel(fuel)
        .cranelift_nan_canonicalization(deterministic)
        .relaxed_simd_deterministic(deterministic)
        // Names of functions come from the module; file and line would cost a parse of its debug data at each trap.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(MAX_TRACE_ENTRIES));
    Ok(config)
}

/// Slots that instances are placed in, so that a fresh one is a reset and not a mapping. How many there are, the machine
/// code does not depend on.
fn pool(slots: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * MAX_CORE_INSTANCES)
        .total_memories(slots * MAX_MEMORIES)
        .total_tables(slots * MAX_TABLES)
        .total_stacks(slots)
        .total_gc_heaps(slots)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .max_component_instance_size(16 * MIB)
        .max_core_instance_size(16 * MIB)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(DEFAULT_MAX_MEMORY_BYTES)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        // Saves one to three microseconds and can show one task's memory to the next: a swapped page is not reset
        // (bytecodealliance/wasmtime#14357), nor is any in a child that was cloned past libc.
        .pagemap_scan(Enabled::No);
    pool
}
