//! What it does: runs the caller's host functions, which tasks call, on a few threads of their own.
//! Takes from: executor (the functions), dispatcher (calls). Hands to: dispatcher (answers), module (what fits what is imported).
//! Never: runs a user's code on the dispatcher's thread; waits for a user's code to end.

mod error;
mod function;
mod pending;
mod recorded;
mod registry;
#[cfg(test)]
mod tests;
mod threads;

pub use error::HostError;
pub use function::{AsyncHostFunction, HostCall, HostFunction, HostFunctionInContext};

#[cfg(test)]
use function::Implementation;
pub(crate) use recorded::{Recorded, RecordedAnswer};
pub(crate) use registry::{Given, HostFunctions};
pub(crate) use threads::{Answered, HostThreads, Incoming, Withdrawn};
