//! What it does: takes from a process what running guests does not need.
//! Takes from: worker. Hands to: sys.
//! Never: runs after guest code was loaded.

mod apply;

pub(crate) use apply::{SandboxError, apply, apply_to_copy, apply_to_native};
