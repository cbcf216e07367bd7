//! isopool

mod context;
mod dispatcher;
mod engine;
mod error;
mod executor;
mod ipc;
pub mod limits;
mod module;
mod process;
mod queue;
mod sandbox;
mod sys;
mod task;
mod worker;

pub use context::{CpuCountError, cpu_count, physical_cpu_count};
pub use dispatcher::Stats;
pub use error::{
    BrokenCause, BrokenProcessPool, Error, ErrorKind, ModuleError, ModuleErrorKind, TaskError, TaskRef, WorkerRef,
};
pub use executor::{
    AsCompleted, CancelOnDrop, Containment, Executor, ExecutorBuilder, Function, GuestOutput, IntoTask, Map,
    MapUnordered, Module, ReturnWhen, Reuse, Shutdown, StartMethod, Task, TaskFuture, TrySubmitError, TrySubmitted,
    Unfinished, Waited, as_completed, get_reusable_executor, wait,
};
pub use isopool_guest::{Bytes, Call, Codec, CodecError};
#[doc(inline)]
pub use isopool_macros::{closure as task, host, shared};
pub use task::{
    CapturedOutput, CodecFailure, Failure, FunctionInfo, Location, ModuleHash, ModuleInfo, Panic, Side, TaskId,
    TaskReport, Trap, TrapCode,
};
pub use worker::worker_main;

#[doc(hidden)]
pub use isopool_guest as __guest;
