//! What it does: makes a module ready for workers: its hash, its description, its machine code in a sealed memory file.
//! Takes from: executor. Hands to: dispatcher.
//! Never: compiles or runs guest code in the caller's process; trusts what a compile worker or the disk says.

mod compile;
mod prepare;

pub(crate) use prepare::{Library, Prepared, Source};
