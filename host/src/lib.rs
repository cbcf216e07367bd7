//! isopool
#![allow(dead_code)]
#![allow(unused_imports)]

mod dispatcher;
mod error;
mod executor;
mod ipc;
pub mod limits;
mod queue;
mod sys;
mod task;

pub use error::{BrokenCause, BrokenProcessPool, Error, ErrorKind, ModuleError, ModuleErrorKind, TaskError, TaskRef, WorkerRef};
pub use executor::{Containment, GuestOutput, Reuse};
pub use task::{
    CapturedOutput, CodecFailure, Failure, FunctionInfo, Location, ModuleHash, ModuleInfo, Panic, Side, TaskId,
    TaskReport, Trap, TrapCode,
};
