//! A control group for each worker, below one that the user names: then the kernel counts what the worker holds resident, and kills
//! it alone for going over (cgroups(7), version 2, or the memory controller of version 1).
//!
//! The caller makes the group and sets its limits; the worker goes in by itself, before it takes a guest, and says so.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the groups of this program begin with; then comes the process id of the caller.
const PREFIX: &str = "isopool-";

/// The files of one version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    limit: &'static str,
    /// Written too, where they are there.
    more: &'static [(&'static str, &'static str)],
    /// Has a line `oom_kill N`.
    events: &'static str,
}

const TWO: Version = Version {
    limit: "memory.max",
    // A worker has one thread, and no use of another one once it is locked in.
    more: &[("memory.swap.max", "0"), ("memory.oom.group", "1"), ("pids.max", "1")],
    events: "memory.events",
};

const ONE: Version = Version { limit: "memory.limit_in_bytes", more: &[], events: "memory.oom_control" };

/// Why workers cannot have groups there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoGroups {
    #[error("it is no control group: it has neither `cgroup.subtree_control` nor `memory.limit_in_bytes`")]
    NoGroup,
    #[error(
        "groups below it have no limit for memory: its controllers are `{controllers}`; if that says `memory`, run `echo \"+memory +pids\" > \
         {subtree_control}`, with no process in it; if not, it was not delegated (systemd: `Delegate=memory pids`)"
    )]
    NoMemory { controllers: String, subtree_control: String },
    #[error("no group can be made in it: {0}")]
    System(#[from] io::Error),
}

/// Where the groups of workers are made.
#[derive(Clone, Debug)]
pub(crate) struct WorkerGroups {
    folder: PathBuf,
    version: Version,
    memory_bytes: u64,
}

/// The group of one worker. It is removed when this is dropped: by then the process must be gone.
#[derive(Debug)]
pub(crate) struct WorkerGroup {
    folder: PathBuf,
    version: Version,
    memory_bytes: u64,
}

impl WorkerGroups {
    /// Tries whether groups with a limit for memory can be made below this one, and removes what dead programs have left there.
    ///
    /// # Errors
    /// They cannot; it says what is to be done.
    pub(crate) fn below(folder: &Path, memory_bytes: u64) -> Result<Self, NoGroups> {
        let version = version(folder)?;
        remove_leftovers(folder)?;
        let groups = Self { folder: folder.to_owned(), version, memory_bytes };
        groups.make().map(drop)?;
        Ok(groups)
    }

    /// Makes a group for one worker.
    pub(crate) fn make(&self) -> io::Result<WorkerGroup> {
        // Executors of one program may share the folder.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&folder)?;
        let group = WorkerGroup { folder, version: self.version, memory_bytes: self.memory_bytes };
        group.limit()?;
        Ok(group)
    }
}

impl WorkerGroup {
    fn limit(&self) -> io::Result<()> {
        // Never creates one: to that the kernel says no, and not that there is none.
        let write = |file: &str, text: &str| {
            OpenOptions::new().write(true).open(self.folder.join(file))?.write_all(text.as_bytes())
        };
        write(self.version.limit, &self.memory_bytes.to_string())?;
        for (file, text) in self.version.more {
            match write(file, text) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its limit, if the kernel has killed for it.
    pub(crate) fn was_too_small(&self) -> Option<u64> {
        let events = fs::read_to_string(self.folder.join(self.version.events)).ok()?;
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())?;
        (kills > 0).then_some(self.memory_bytes)
    }
}

impl Drop for WorkerGroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.folder) {
            tracing::debug!(group = %self.folder.display(), %error, "the control group of a worker is left behind");
        }
    }
}

fn version(folder: &Path) -> Result<Version, NoGroups> {
    if folder.join(ONE.limit).exists() {
        return Ok(ONE);
    }
    let subtree_control = folder.join("cgroup.subtree_control");
    let Ok(enabled) = fs::read_to_string(&subtree_control) else { return Err(NoGroups::NoGroup) };
    if !enabled.split_whitespace().any(|controller| controller == "memory") {
        let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?.trim().to_owned();
        return Err(NoGroups::NoMemory { controllers, subtree_control: subtree_control.display().to_string() });
    }
    Ok(TWO)
}

/// A caller that was killed removes nothing. A group in which a process lives cannot be removed.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that stands in for a control group of version 2, whose files are there when it is made.
    fn stand_in(enabled: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("cgroup.subtree_control"), enabled).expect("written");
        fs::write(folder.path().join("cgroup.controllers"), "cpu memory pids\n").expect("written");
        folder
    }

    #[test]
    fn a_group_of_version_2_has_its_limits_in_these_files_as_far_as_they_are_there() {
        let folder = stand_in("cpu memory\n");
        let written = |files: &[&str]| {
            let group = WorkerGroup { folder: folder.path().join("group"), version: TWO, memory_bytes: 77 };
            fs::create_dir(group.folder()).expect("made");
            // As the kernel makes them.
            files.iter().for_each(|file| fs::write(group.folder().join(file), "").expect("written"));
            group.limit().map(|()| {
                files
                    .iter()
                    .map(|file| fs::read_to_string(group.folder().join(file)).expect("read"))
                    .collect::<Vec<_>>()
            })
        };
        let clear = || fs::remove_dir_all(folder.path().join("group")).expect("removed");
        let all = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max"];
        assert_eq!(written(&all).expect("limited"), ["77", "0", "1", "1"]);
        clear();
        assert_eq!(written(&all[..1]).expect("limited"), ["77"], "no file that the kernel has not made");
        assert_eq!(fs::read_dir(folder.path().join("group")).expect("there").count(), 1);
        clear();
        assert!(written(&all[1..]).is_err(), "no limit of memory, no group");
        clear();
        let group = WorkerGroup { folder: folder.path().to_owned(), version: TWO, memory_bytes: 77 };
        assert_eq!(group.was_too_small(), None, "nothing is counted");
        for (events, told) in [("low 0\noom 1\noom_kill 0\n", None), ("oom_kill 2\noom_group_kill 1\n", Some(77))] {
            fs::write(group.folder().join("memory.events"), events).expect("written");
            assert_eq!(group.was_too_small(), told);
        }
    }

    #[test]
    fn what_is_no_group_or_has_no_limit_for_memory_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(WorkerGroups::below(folder.path(), 1), Err(NoGroups::NoGroup)));
        let folder = stand_in("cpu\n");
        let told = WorkerGroups::below(folder.path(), 1).expect_err("no memory").to_string();
        assert!(told.contains("`cpu memory pids`") && told.contains("+memory +pids"), "{told}");
    }

    #[test]
    fn groups_of_dead_programs_are_removed_and_those_of_living_ones_are_not() {
        let folder = stand_in("memory");
        // No process has this id: it is above every pid_max.
        let (dead, alive) = (format!("isopool-{}-3", u32::MAX), format!("isopool-{}-3", std::process::id()));
        for name in [&*dead, &*alive, "isopool-tools", "other"] {
            fs::create_dir(folder.path().join(name)).expect("made");
        }
        remove_leftovers(folder.path()).expect("it can be read");
        let there = |name: &str| folder.path().join(name).exists();
        assert!(!there(&dead) && there(&alive) && there("isopool-tools") && there("other"));
    }
}
