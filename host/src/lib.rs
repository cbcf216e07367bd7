//! isopool
#![allow(dead_code)]

mod context;
mod executor;
mod ipc;
pub mod limits;
mod module;
mod sys;
mod task;

pub use context::{CpuCountError, cpu_count, physical_cpu_count};
pub use executor::{GuestOutput, Reuse};
pub use task::{
    CapturedOutput, CodecFailure, Failure, FunctionInfo, Location, ModuleHash, ModuleInfo, Panic, Side, TaskId,
    TaskReport, Trap, TrapCode,
};
