//! isopool
#![allow(dead_code)]

mod executor;
mod ipc;
pub mod limits;
mod module;
mod sys;
mod task;

pub use executor::{GuestOutput, Reuse};
pub use task::{
    CapturedOutput, CodecFailure, Failure, FunctionInfo, Location, ModuleHash, ModuleInfo, Panic, Side, TaskId,
    TaskReport, Trap, TrapCode,
};
