//! What it does: the module's side of the contract in `wit/`: exports `runner`, imports `host`, `sync` and `streams`.
//! Takes from: functions that registered themselves. Hands to: the worker.
//! Never: does work at start-up that every fresh instance would pay for; names a task's types.

mod bindings;
mod log_sink;
mod nested;
mod panic_hook;
mod runner;
mod shared;
mod streams;

pub(crate) use bindings::isopool::task::host::progress;
pub(crate) use nested::{Child, submit, wait};
pub(crate) use runner::task_context;
pub(crate) use shared::Imported;
