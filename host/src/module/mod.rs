//! What it does: gets from a module's WebAssembly to machine code that workers can load, and keeps it on disk.
//! Takes from: executor. Hands to: dispatcher.
//! Never: compiles or runs guest code in the caller's process; trusts a file that it has not checked.

mod cache;
mod cache_directory;
mod cache_entry;
mod compatibility;

pub(crate) use cache::Cache;
