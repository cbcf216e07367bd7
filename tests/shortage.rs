//! A worker that the kernel kills for want of memory: in a control group of its own with little memory, where this process
//! may make one.

use crate::patience::{end_of, error_of, only_worker};
use crate::support::{executor, house};
use guest_basic::{resources, value};
use isopool::{BrokenCause, ErrorKind, Executor, Shutdown, StartMethod};
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

    fn limit(&self, bytes: u64) -> std::io::Result<()> {
        let file = ["memory.limit_in_bytes", "memory.max"]
            .map(|name| self.0.join(name))
            .into_iter()
            .find(|file| file.exists());
        fs::write(file.expect("one of the two"), bytes.to_string())
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

/// A folder for the groups of workers: in the memory controller of version 1, or in version 2 where that is on.
fn folder_for_groups() -> Option<Group> {
    let name = format!("isopool-test-workers-{}", std::process::id());
    for parent in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"] {
        let group = Group(Path::new(parent).join(&name));
        if fs::create_dir(&group.0).is_err() {
            continue;
        }
        let is_first = group.0.join("memory.limit_in_bytes").exists();
        if is_first || fs::write(group.0.join("cgroup.subtree_control"), "+memory").is_ok() {
            return Some(group);
        }
    }
    eprintln!("skipped: no control group with a limit for memory can be made here; root can, where they are mounted");
    None
}

// behaviour: B39
#[test]
fn each_worker_has_a_control_group_of_its_own_and_dies_alone_of_its_limit() {
    let _house = house();
    let Some(folder) = folder_for_groups() else { return };
    let names = || fs::read_dir(&folder.0).expect("it is there").flatten().filter(|one| one.path().is_dir()).count();
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let builder = Executor::builder().max_workers(1).start_method(method).worker_cgroup(&folder.0);
        let executor = builder.max_worker_memory_bytes(LIMIT_BYTES as usize).build().expect("good options");
        assert_eq!(end_of(&executor.submit(value::add::task(1, 1)).expect("submits")), Ok(2));
        let worker = only_worker(&executor);
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", worker.pid)).expect("it lives");
        assert!(groups.contains(&format!("/isopool-{}-", std::process::id())), "{method}: {groups}");
        assert_eq!(names(), 1, "one group for one worker");
        let report = executor.hardening_report().expect("a worker has told");
        assert!(report.to_string().contains("as many bytes resident (its control group)"), "{report}");
        // The kernel counts more than what the limit of writable memory sees; a lower limit stands in for that.
        let group = fs::read_dir(&folder.0).expect("it is there").flatten().find(|one| one.path().is_dir());
        let group = Group(group.expect("counted above").path());
        group.limit(16 << 20).expect("it is ours");
        let error = error_of(&executor.submit(resources::allocate::task(60 << 20)).expect("submits"));
        std::mem::forget(group);
        let cause = error.broken_process_pool().map(|broken| &broken.cause);
        assert_eq!(cause, Some(&BrokenCause::OutOfWorkerMemory { limit: LIMIT_BYTES }), "{error}");
        assert!(error.to_string().contains("max_worker_memory_bytes()"), "{error}");
        assert_eq!(
            end_of(&executor.submit(value::add::task(1, 1)).expect("submits")),
            Ok(2),
            "its successor has another"
        );
        executor.shutdown(Shutdown::Kill);
        assert_eq!(names(), 0, "{method}: removed with the worker");
    }
}

#[test]
fn a_control_group_that_is_none_is_refused_at_the_door() {
    let _house = house();
    let folder = tempfile::tempdir().expect("a folder");
    let refused = Executor::builder().worker_cgroup(folder.path()).build().expect_err("no group");
    assert_eq!(refused.kind(), ErrorKind::InvalidOption);
    assert!(refused.to_string().starts_with("worker_cgroup is `") && refused.to_string().contains("no control group"));
    let unified = Path::new("/sys/fs/cgroup/unified");
    if unified.join("cgroup.subtree_control").exists() {
        let refused = Executor::builder().worker_cgroup(unified).build().expect_err("no controller");
        assert!(refused.to_string().contains("> /sys/fs/cgroup/unified/cgroup.subtree_control"), "{refused}");
    }
}
