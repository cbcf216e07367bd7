//! What it does: makes a module ready for workers: its hash, its description, its machine code in a sealed memory file.
//! Takes from: executor. Hands to: dispatcher.
//! Never: compiles or runs guest code in the caller's process; trusts what a compile worker or the disk says.

mod cache;
mod cache_directory;
mod cache_entry;
mod compatibility;
mod compile;
mod encoding;
#[cfg(debug_assertions)]
pub(crate) mod fuzz;
mod lookup;
mod prepare;

pub(crate) use cache::Cache;
pub use cache::module_cache_directory;
pub(crate) use compatibility::compatibility;
pub(crate) use encoding::Encoding;
pub(crate) use prepare::{Initializer, Library, Prepared, Source};
