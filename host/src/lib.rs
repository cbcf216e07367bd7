//! A reusable pool of worker processes that run functions in WebAssembly sandboxes: loky for code that you do not trust.
//!
//! A task is a function of a guest module and its arguments. Each runs in an instance of its own, inside a disposable process;
//! whatever it does, its own caller learns what happened, and the pool goes on.
//!
//! ```
//! use guest_basic::value::add; // a package of tasks: `#[isopool_guest::task] pub fn add(a: u64, b: u64) -> u64`
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = isopool::Executor::builder().max_workers(2).build()?;
//! let future = executor.submit(add::task(2, 3))?;
//! assert_eq!(future.result()?, 5);
//!
//! let sums: Result<Vec<u64>, _> = executor.map(|n| add::task(n, n), 0..4).collect();
//! assert_eq!(sums?, [0, 2, 4, 6]);
//! # Ok(())
//! # }
//! ```
//!
//! [`task!`] makes a task of a closure in the program's own source. [`Executor::load`] takes a module at run time.
//! [`get_context`] chooses how workers come to life ([`StartMethod`]), and runs a [`native`] function of the program in a
//! [`Process`] of its own. [`TaskError`] says how a task ended without a value, [`Error`] what the pool could not do. No
//! guard in `main` is needed: a worker is this program, executed again and taken over before `main`.
//!
//! # The way of a task
//! ```text
//!  caller's process                                          │ worker process
//!  ① executor ─▶ ② queue ─▶ ③ dispatcher ─▶ ④ ipc ═══════════╪═▶ ⑥ worker ─▶ ⑦ engine ─▶ guest
//!  submit(task)   Task 7     Event→Action     Request        │    serve()      Instance
//!       ▲                       ▲      │                     │       │            │
//!       │                       │      └▶ ⑤ process, sandbox ┼─▶ spawn, harden    │
//!  TaskFuture ◀──── Outcome ────┘◀── Reply ══════════════════╪═══════┴◀───────────┘
//! ```
//! Before the first task of a module, `module` has it compiled by a worker too (the caller's process never compiles or runs
//! guest code), or finds it in the cache on disk. `task`, `error` and [`limits`] are the words that all rooms share; `sys`
//! is the only home of system calls.
//!
//! # In a guest
//! Compiled for WebAssembly, this crate is what `isopool-guest` is, with [`task!`] and the markers: a package that uses
//! it may itself be a dependency of a guest. There is no pool in a sandbox.

#[cfg(not(target_family = "wasm"))]
pub mod audit;
#[cfg(not(target_family = "wasm"))]
mod bundle;
#[cfg(not(target_family = "wasm"))]
mod context;
#[cfg(not(target_family = "wasm"))]
mod dispatcher;
#[cfg(not(target_family = "wasm"))]
mod engine;
#[cfg(not(target_family = "wasm"))]
mod error;
#[cfg(not(target_family = "wasm"))]
mod executor;
#[cfg(not(target_family = "wasm"))]
mod fault;
#[cfg(not(target_family = "wasm"))]
pub mod guide;
#[cfg(not(target_family = "wasm"))]
mod host_functions;
#[cfg(not(target_family = "wasm"))]
mod ipc;
#[cfg(not(target_family = "wasm"))]
pub mod limits;
#[cfg(not(target_family = "wasm"))]
pub mod metrics;
#[cfg(not(target_family = "wasm"))]
mod module;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
mod probe;
#[cfg(not(target_family = "wasm"))]
mod process;
#[cfg(not(target_family = "wasm"))]
mod queue;
#[cfg(not(target_family = "wasm"))]
mod registry;
#[cfg(not(target_family = "wasm"))]
mod sandbox;
#[cfg(not(target_family = "wasm"))]
pub mod stream;
#[cfg(not(target_family = "wasm"))]
pub mod sync;
#[cfg(not(target_family = "wasm"))]
mod sys;
#[cfg(not(target_family = "wasm"))]
mod task;
#[cfg(not(target_family = "wasm"))]
mod values;
#[cfg(not(target_family = "wasm"))]
mod worker;

#[cfg(not(target_family = "wasm"))]
pub use context::{
    CpuCountError, Force, ProcessContext, StartMethod, StartMethodAlreadySet, UnknownStartMethod, cpu_count,
    get_context, get_start_method, physical_cpu_count, set_start_method,
};
#[cfg(not(target_family = "wasm"))]
pub use dispatcher::Stats;
#[cfg(not(target_family = "wasm"))]
pub use error::{
    BrokenCause, BrokenProcessPool, Error, ErrorKind, ModuleError, ModuleErrorKind, Quarantine, TaskError, TaskRef,
    TimeLimit, WorkerRef,
};
#[cfg(not(target_family = "wasm"))]
pub use executor::{
    AsCompleted, CancelOnDrop, Command, Containment, CrashBundle, Divergence, Execution, Executor, ExecutorBuilder,
    Function, GuestOutput, Inspection, Interruption, IntoTask, LiveBuilder, LiveInstance, Map, MapUnordered, Module,
    NotReused, Overflow, Replay, ReturnWhen, ReusableBuilder, ReusableExecutor, ReusableScope, Reuse, ReuseExecutor,
    Shutdown, Task, TaskFuture, TrySubmitError, TrySubmitted, Unfinished, Waited, as_completed, get_reusable_executor,
    release_reusable_executor, wait,
};
#[cfg(not(target_family = "wasm"))]
pub use host_functions::{AsyncHostFunction, HostCall, HostError, HostFunction, HostFunctionInContext};
#[cfg(not(target_family = "wasm"))]
#[doc(inline)]
pub use isopool_client_macro::client;
#[cfg(target_family = "wasm")]
pub use isopool_guest::*;
#[cfg(not(target_family = "wasm"))]
pub use isopool_guest::{Bytes, Call, Codec, CodecError};
#[doc(inline)]
pub use isopool_macros::{closure as task, host, native, shared};
#[cfg(not(target_family = "wasm"))]
pub use module::module_cache_directory;
#[cfg(not(target_family = "wasm"))]
pub use native::{Descriptor, NativeCall, Process, ProcessError};
#[cfg(not(target_family = "wasm"))]
pub use registry::{Registry, Version, Watch};
#[cfg(not(target_family = "wasm"))]
pub use sandbox::{Escape, EscapeAttempt, Hardening, HardeningReport, Layer, LayerReport, LayerState, Layers, Verdict};
#[cfg(not(target_family = "wasm"))]
pub use stream::{stream, stream_with};
#[cfg(not(target_family = "wasm"))]
pub use task::{
    Access, AddressGrant, AddressRequest, CapturedOutput, CodecFailure, CommandOutput, Decision, DirectoryRequest,
    Failure, FunctionInfo, FunctionKind, FunctionType, GrantKind, HostFault, HostFaultKind, HostFunctionInfo,
    InvalidAddressGrant, InvalidManifest, Limit, LimitExceeded, Location, Manifest, MemoryBound, ModuleHash,
    ModuleInfo, Panic, Progress, Side, SystemCall, TaskId, TaskReport, Trap, TrapCode, ValueType, VariableRequest,
};
#[cfg(not(target_family = "wasm"))]
pub use values::Resource;
#[cfg(not(target_family = "wasm"))]
pub use worker::worker_main;

#[doc(hidden)]
pub use isopool_guest as __guest;

/// What the expansion of [`client!`] names.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub mod __client {
    pub use crate::executor::{fit, function};
    pub use crate::values::{ComponentValue, Flags, read_flags, show_flags, type_of_flags, write_flags};
    pub use serde;
}

/// What the expansion of [`native`] names.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub mod __native {
    pub use crate::native::{FUNCTIONS, NativeFailure, NativeFunction, invoke};
    pub use linkme;
}

/// For the fuzz targets of this house: see `tests/fuzz`.
#[cfg(all(debug_assertions, not(target_family = "wasm")))]
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::engine::fuzz::module;
    pub use crate::ipc::fuzz::{replies, requests};
    pub use crate::module::fuzz::cache_entry;
    pub use crate::sync::fuzz::queue;
}

/// For the tests of this house: see `fault.rs`.
#[cfg(all(debug_assertions, not(target_family = "wasm")))]
#[doc(hidden)]
pub mod __fault {
    pub use crate::fault::{POINTS, slow_reader};
}
