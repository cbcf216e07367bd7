//! The tests of the whole house: real worker processes, real guests. A table of contents.
//!
//! - [`tidy`]: the rules of the house, read from its sources.
//! - [`outcomes`]: what becomes of what: values, failures, panics, traps, crashes.
//! - [`futures`]: what a future says of its task: states, cancellation, callbacks.
//! - [`map`]: the same function for many items.
//! - [`shutdown`]: how an executor ends, and what becomes of its tasks and workers.
//! - [`waiting`]: waiting for many futures, awaiting one.
//! - [`support`]: the frame of each house test: one at a time, in time, nothing left behind.

mod futures;
mod map;
mod outcomes;
mod shutdown;
mod support;
mod tidy;
mod waiting;
