//! What it does: crash bundles: files that hold what a task was, and what it was answered, so that its failure can be had again.
//! Takes from: executor (what a task is), dispatcher (calls of host functions, the end). Hands to: the disk, executor (what was read).
//! Never: writes on the dispatcher's thread; believes a file that it reads.

mod contents;
mod ending;
mod file;
mod recording;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use contents::{Answer, Contents, Directory, InitializerRecord};
pub(crate) use ending::Ending;
pub(crate) use file::{Bundle, read};
pub(crate) use recording::Recording;
pub(crate) use writer::BundleWriter;
