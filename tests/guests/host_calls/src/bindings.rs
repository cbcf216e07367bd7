//! What it does: the Rust types of `wit/host.wit`, generated. Takes from: the WIT text. Hands to: the tasks.
//! Never: written by hand.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::multiple_unsafe_ops_per_block, unsafe_op_in_unsafe_fn)]

wit_bindgen::generate!({ world: "guest", path: "wit" });
