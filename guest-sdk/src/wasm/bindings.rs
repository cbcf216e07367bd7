//! What it does: the Rust types of `wit/isopool.wit`, generated. Takes from: the WIT text. Hands to: the files beside it.
//! Never: written by hand.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::multiple_unsafe_ops_per_block, unsafe_op_in_unsafe_fn)]

wit_bindgen::generate!({
    world: "task-module",
    path: "wit",
    // Records that only go out to the host borrow, so that a log record costs no copy.
    ownership: Borrowing { duplicate_if_necessary: false },
});

export!(Runner);

use super::runner::Runner;
