//! isopool
#![allow(dead_code)]

mod engine;
mod executor;
mod ipc;
pub mod limits;
mod sandbox;
mod sys;
mod task;
mod worker;

pub use executor::{GuestOutput, Reuse};
pub use task::{
    CapturedOutput, CodecFailure, Failure, FunctionInfo, Location, ModuleHash, ModuleInfo, Panic, Side, TaskId,
    TaskReport, Trap, TrapCode,
};
pub use worker::worker_main;
