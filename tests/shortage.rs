//! A worker that the kernel kills for want of memory: in a control group of its own with little memory, where this process
//! may make one.

use crate::patience::{end_of, error_of, only_worker};
use crate::support::{executor, house};
use guest_basic::{resources, value};
use isopool::BrokenCause;
use std::fs;
use std::path::{Path, PathBuf};

const LIMIT_BYTES: u64 = 96 << 20;

/// A control group that is removed when it is dropped, by when it must be empty.
struct Group(PathBuf);

impl Group {
    /// Under version 1 or 2 of control groups; `None`, with the reason on standard error, where that is not to be had.
    fn with_little_memory() -> Option<Self> {
        let name = format!("isopool-test-{}", std::process::id());
        let versions = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        for (parent, limit) in versions {
            let group = Self(Path::new(parent).join(&name));
            if fs::create_dir(&group.0).is_ok() && fs::write(group.0.join(limit), LIMIT_BYTES.to_string()).is_ok() {
                return Some(group);
            }
        }
        eprintln!(
            "skipped: no control group with a limit for memory can be made here; root can, where they are mounted"
        );
        None
    }

    fn take(&self, pid: u32) -> std::io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One that was never made is not there.
        let _ = fs::remove_dir(&self.0);
    }
}

// behaviour: B39
#[test]
fn worker_that_the_kernel_kills_for_want_of_memory_is_told_as_such() {
    let _house = house();
    let Some(group) = Group::with_little_memory() else { return };
    let executor = executor(1);
    assert_eq!(end_of(&executor.submit(value::add::task(1, 1)).expect("submits")), Ok(2));
    let worker = only_worker(&executor);
    group.take(worker.pid).expect("a process can be moved to a group that is ours");
    let greedy = executor.submit(resources::allocate::task(1 << 30)).expect("submits");
    let error = error_of(&greedy);
    let broken = error.broken_process_pool().unwrap_or_else(|| panic!("no crash: {error}"));
    assert_eq!((&broken.cause, broken.worker), (&BrokenCause::OutOfMemory, Some(worker)));
    let said = error.to_string();
    assert!(said.contains("want of memory") && said.contains("max_memory_bytes()"), "{said}");
    // Its successor is born outside of the group.
    assert_eq!(end_of(&executor.submit(value::add::task(2, 2)).expect("submits")), Ok(4));
}
