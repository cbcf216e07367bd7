//! What it does: the caller's handle to a pool: submit, map, futures, shutdown.
//! Takes from: the user. Hands to: dispatcher.
//! Never: touches a process, a pipe or an instance.

mod options;

pub use options::{GuestOutput, Reuse};
