//! What it does: tells what this process may use: how many processors it was given.
//! Takes from: the system, the environment. Hands to: executor, the user.
//! Never: depends on a pool being alive.

mod cgroup;
mod cpu_count;
mod depth;
mod topology;

pub use cpu_count::{CpuCountError, cpu_count, physical_cpu_count};
pub(crate) use depth::max_depth;
