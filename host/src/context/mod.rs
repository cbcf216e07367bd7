//! What it does: tells what this process may use and has chosen: how many processors, which start method.
//! Takes from: the system, the environment, the user. Hands to: executor, process, native, sync.
//! Never: depends on a pool being alive.

mod cgroup;
mod cpu_count;
mod depth;
mod start_method;
mod topology;

pub use cpu_count::{CpuCountError, cpu_count, physical_cpu_count};
pub(crate) use depth::max_depth;
pub use start_method::{
    Force, ProcessContext, StartMethod, StartMethodAlreadySet, UnknownStartMethod, get_context, get_start_method,
    set_start_method,
};
