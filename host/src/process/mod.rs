//! What it does: brings worker processes to life, says what they hold and how they ended.
//! Takes from: dispatcher, module, native. Hands to: the kernel.
//! Never: forks the caller, unless its start method is `fork`; leaves a process unwatched; waits for a fork server.

mod cgroup;
mod child;
mod exit;
mod explain;
mod fork;
mod forkserver;
mod input;
mod memory;
mod nursery;
mod oom;
mod program;
mod spawn;

pub(crate) use cgroup::{WorkerGroup, WorkerGroups};
pub(crate) use child::{Child, ProcessEnd, WorkerProcess};
pub(crate) use exit::cause_of;
pub(crate) use explain::explained;
pub(crate) use forkserver::News;
pub(crate) use input::expect_input;
pub(crate) use memory::resident_bytes;
pub(crate) use nursery::{Newborn, Nursery};
pub(crate) use oom::OomWatch;
pub(crate) use program::{Program, expect_no_worker};
pub(crate) use spawn::{Guise, spawn};
