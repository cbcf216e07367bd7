//! What it does: lists what of this process the system shows and a pool could leave behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Child processes, open descriptors, mapped memory files and files of shared memory, each in words. Zombies count.
pub(super) fn traces() -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    traces.extend(children().into_iter().map(|(pid, name)| format!("the process {pid} ({name})")));
    traces.extend(descriptors());
    traces.extend(memory_files());
    traces.extend(names_in("/dev/shm").into_iter().map(|name| format!("the file /dev/shm/{name}")));
    traces
}

/// `(pid, program and state)` of each child process.
fn children() -> Vec<(u32, String)> {
    let own = std::process::id();
    let pids = names_in("/proc").into_iter().filter_map(|name| name.parse().ok());
    let child = |pid: u32| {
        // `pid (program) state parent …`; the name of a program may contain anything.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        let name = name.split_once('(')?.1;
        (parent == own).then(|| (pid, format!("{name}, state {state}")))
    };
    pids.filter_map(child).collect()
}

fn descriptors() -> Vec<String> {
    let links = names_in("/proc/self/fd").into_iter().filter_map(|number| {
        let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some(format!("the descriptor {number} -> {}", target.display()))
    });
    // The folder itself is open while it is read, and closed by the time its link is looked at.
    links.collect()
}

fn memory_files() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").expect("a process may read its own maps");
    maps.lines().filter(|line| line.contains("/memfd:")).map(|line| format!("the mapping {line}")).collect()
}

fn names_in(folder: impl AsRef<Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
