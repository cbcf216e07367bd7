//! What it does: compiles modules, and runs their functions in instances of their own.
//! Takes from: worker. Hands to: wasmtime.
//! Never: gives a guest an import that is not named in `imports`; starts a thread while a guest runs.

mod chance;
mod compile;
mod config;
mod contract;
mod deterministic;
mod ending;
mod exports;
mod files;
#[cfg(debug_assertions)]
pub(crate) mod fuzz;
mod guest;
mod host_functions;
mod imports;
mod instance;
mod interrupt;
#[cfg(test)]
mod limit_tests;
mod manifest;
mod memory_limit;
mod module_cache;
mod nested;
mod os_error;
mod output;
mod preview1;
mod program;
mod progress;
mod reach;
mod recognise;
mod shared;
mod snapshot;
mod stdin;
mod streams;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trap;
mod values;

#[cfg(test)]
pub(crate) use compile::Artifact;
pub(crate) use compile::compile;
pub(crate) use config::Purpose;
pub(crate) use ending::StopAsked;
pub(crate) use guest::{GuestSettings, LogSink, Own, ProgressSink};
pub(crate) use host_functions::HostCalls;
pub(crate) use instance::GuestEngine;
pub(crate) use module_cache::{Ended, ModuleCache, Run};
pub(crate) use nested::{ChildTasks, Waited};
pub(crate) use snapshot::snapshot;
