//! What it does: the caller's handle to a pool: submit, map, futures, shutdown, reuse.
//! Takes from: the user. Hands to: dispatcher, module.
//! Never: touches a process, a pipe or an instance.

mod as_completed;
mod builder;
mod client;
mod command;
mod context;
mod crash_bundles;
#[cfg(test)]
mod default_tests;
mod encoded;
mod execution;
mod future;
mod grants;
mod handle;
mod hardening;
mod host_functions;
mod initializer;
mod inspection;
mod latch;
mod live;
mod loaded_module;
mod log_level;
mod map;
mod narrowing;
mod options;
mod quarantine;
mod recycling;
mod replay;
mod reusable;
mod room;
mod schedule;
mod snapshot;
mod submission;
mod task;
mod task_limits;
mod total_workers;
mod try_submit;
mod wait;

pub use as_completed::{AsCompleted, Unfinished, as_completed};
pub use builder::ExecutorBuilder;
pub use client::{fit, function};
pub use command::Command;
pub use future::{CancelOnDrop, TaskFuture};
pub use handle::Executor;
pub use inspection::Inspection;
pub use live::{LiveBuilder, LiveInstance};
pub(crate) use loaded_module::read_module;
pub use loaded_module::{Function, Module};
pub use map::{Map, MapUnordered};
pub(crate) use options::Flavour;
pub use options::{Containment, Execution, GuestOutput, Interruption, Overflow, Reuse, Shutdown};
pub use replay::{CrashBundle, Divergence, Replay};
pub use reusable::{
    NotReused, ReusableBuilder, ReusableExecutor, ReusableScope, ReuseExecutor, get_reusable_executor,
    release_reusable_executor,
};
pub use task::{IntoTask, Task};
pub use try_submit::{TrySubmitError, TrySubmitted};
pub use wait::{ReturnWhen, Waited, wait};
