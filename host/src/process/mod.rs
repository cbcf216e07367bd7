//! What it does: brings worker processes to life, says what they hold and how they ended.
//! Takes from: dispatcher, module. Hands to: the kernel.
//! Never: forks the caller (its memory may be large and its threads many); leaves a process unwatched.

mod exit;
mod explain;
mod memory;
mod program;
mod spawn;

pub(crate) use exit::cause_of;
pub(crate) use explain::explained;
pub(crate) use memory::resident_bytes;
pub(crate) use program::Program;
pub(crate) use spawn::{Child, spawn};
