//! What it does: owns the state of one pool, on a thread of its own. See README.md in this folder.
//! Takes from: executor (events). Hands to: process, ipc, and the futures of tasks.
//! Never: blocks on anything but its own poll; lets anyone touch the state of the pool but through the event loop, one at a time.

mod action;
#[cfg(test)]
mod begun;
mod births;
mod callbacks;
#[cfg(test)]
mod class_tests;
mod classes;
mod completion_set;
mod driver;
mod entry;
mod event;
mod event_loop;
mod family;
#[cfg(test)]
mod instruction_tests;
mod mailbox;
#[cfg(test)]
mod nested_simulation;
#[cfg(test)]
mod one_life_tests;
mod pool;
mod progress;
mod promise;
mod quarantine;
#[cfg(test)]
mod quarantine_tests;
mod recycling;
#[cfg(test)]
mod recycling_tests;
mod room;
mod shares;
#[cfg(test)]
mod simulation;
mod slot;
#[cfg(test)]
mod start_tests;
mod state;
mod token;
mod told;
#[cfg(test)]
mod urgency_tests;
mod worker_handle;

pub(crate) use callbacks::run_one as run_callback;
pub(crate) use completion_set::CompletionSet;
pub(crate) use entry::Job;
pub use entry::Stats;
pub(crate) use event::ShutdownMode;
pub(crate) use mailbox::Message;
pub(crate) use pool::{HostCallOptions, PoolHandle, PoolOptions, start};
pub(crate) use promise::{Ended, Observer, Promise, Stage};
pub(crate) use quarantine::QuarantineOptions;
pub(crate) use recycling::Recycling;
pub(crate) use state::StateOptions;
