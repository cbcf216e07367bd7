//! What it does: starts processes that are locked in as workers are, asks what holds, and lets each try one way out.
//! Takes from: executor. Hands to: process, ipc.
//! Never: runs a guest; believes of an escape that failed more than the error that the kernel gave.

mod ask;
mod bait;

pub(crate) use ask::{ProbeError, hardening_report, try_escapes};
