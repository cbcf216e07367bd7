//! Limits of the whole process (setrlimit(2)).

use super::policy::{Policy, Profile, Put};
use crate::limits::MAX_ARTIFACT_BYTES;
use crate::sys;
use crate::task::Access;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// How long a process may go on after the signal that says that its processor time is over, in seconds.
const CPU_GRACE_SECONDS: u64 = 1;

/// Limits what the process can take of the machine.
pub(super) fn limit(policy: &Policy<'_>) -> Put {
    match try_limit(policy) {
        Ok(limits) => Put::held(limits.join(", ")),
        Err(why) => Put::missing(why.to_string()),
    }
}

#[derive(Debug, thiserror::Error)]
enum NotLimited {
    #[error("{0:?} cannot be set: {1}")]
    Resource(Resource, Errno),
    #[error("the control group `{0}` cannot be entered: {1}")]
    Group(String, io::Error),
}

impl From<Refused> for NotLimited {
    fn from((resource, error): Refused) -> Self {
        Self::Resource(resource, error)
    }
}

type Refused = (Resource, Errno);

fn try_limit(policy: &Policy<'_>) -> Result<Vec<String>, NotLimited> {
    let limits = policy.limits;
    let mut told = Vec::new();
    // What the engine has set aside by now is no guest's to fill.
    let before = sys::data_bytes().map_err(|error| NotLimited::Resource(Resource::RLIMIT_DATA, errno(&error)))?;
    lower(Resource::RLIMIT_DATA, before.saturating_add(limits.memory_bytes))?;
    told.push(format!("{} bytes of memory beside the engine's", limits.memory_bytes));
    if let Some(cpu_time) = limits.cpu_time.filter(|_| policy.profile != Profile::ForkServer) {
        let seconds = cpu_time.as_secs().max(1);
        limit_cpu(seconds)?;
        told.push(format!("{seconds} s of processor time"));
    }
    if policy.profile != Profile::ForkServer {
        let files = lower(Resource::RLIMIT_NOFILE, u64::from(limits.open_files))?;
        told.push(format!("{files} open files"));
    }
    // Where a limit is reached, a write is to fail, and not to kill.
    match file_bytes(policy) {
        FileBytes::Limit(bytes) => {
            sys::ignore_file_size_signal()
                .map_err(|error| NotLimited::Resource(Resource::RLIMIT_FSIZE, errno(&error)))?;
            lower(Resource::RLIMIT_FSIZE, bytes)?;
            told.push(if bytes == 0 { "no file grows".to_owned() } else { format!("{bytes} bytes of one file") });
        }
        FileBytes::NoLimit(why) => told.push(why.to_owned()),
    }
    // Last: where it cannot be entered, the other limits hold all the same. The fork server's copies have groups of their own.
    if let Some(group) = policy.group.filter(|_| policy.profile == Profile::Worker) {
        enter(Path::new(group)).map_err(|error| NotLimited::Group(group.to_owned(), error))?;
        told.push("as many bytes resident (its control group)".to_owned());
    } else if policy.profile == Profile::Worker {
        told.push("no control group, which worker_cgroup() would name".to_owned());
    }
    Ok(told)
}

/// Goes into a control group, and looks whether it is in.
fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")?;
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let name = group.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let is_in = groups.lines().any(|line| Path::new(line).file_name() == Some(name));
    if is_in { Ok(()) } else { Err(io::Error::other("the process is not in it after that")) }
}

enum FileBytes {
    Limit(u64),
    /// With why.
    NoLimit(&'static str),
}

fn file_bytes(policy: &Policy<'_>) -> FileBytes {
    let writes = policy.grants.directories.iter().any(|directory| directory.access == Access::ReadWrite);
    match policy.profile {
        Profile::ForkServer => FileBytes::NoLimit("its copies limit files"),
        _ if crate::fault::writes_files() => FileBytes::NoLimit("files may grow: faults are injected"),
        _ if writes => FileBytes::NoLimit("files in granted directories may grow"),
        // What guests print goes there.
        _ if is_file(io::stdout()) || is_file(io::stderr()) => {
            FileBytes::NoLimit("no file grows but standard output or standard error, which is one")
        }
        Profile::Compiler => FileBytes::Limit(MAX_ARTIFACT_BYTES as u64),
        Profile::Worker => FileBytes::Limit(0),
    }
}

fn is_file(stream: impl AsFd) -> bool {
    let mode = nix::sys::stat::fstat(stream).map(|stat| stat.st_mode);
    mode.is_ok_and(|mode| mode & libc::S_IFMT == libc::S_IFREG)
}

/// No further process or thread, where the kernel counts them.
pub(super) fn forbid_processes() -> Put {
    match lower(Resource::RLIMIT_NPROC, 0) {
        Err((_, error)) => Put::missing(format!("RLIMIT_NPROC cannot be set: {error}")),
        Ok(_) if nix::unistd::getuid().is_root() => {
            Put::missing("Linux does not count the processes of root; run as another user, or rely on system-calls")
        }
        Ok(_) => Put::held("no further process or thread"),
    }
}

/// Makes a limit this low, for good, and gives what it is then: it may have been lower.
fn lower(resource: Resource, value: u64) -> Result<u64, Refused> {
    let refused = |error| (resource, error);
    let (_, hard) = getrlimit(resource).map_err(refused)?;
    let value = value.min(hard);
    setrlimit(resource, value, value).map_err(refused)?;
    Ok(value)
}

/// The first limit sends a signal that says so; the second one kills.
fn limit_cpu(seconds: u64) -> Result<(), Refused> {
    let refused = |error| (Resource::RLIMIT_CPU, error);
    let (_, hard) = getrlimit(Resource::RLIMIT_CPU).map_err(refused)?;
    let last = seconds.saturating_add(CPU_GRACE_SECONDS).min(hard);
    setrlimit(Resource::RLIMIT_CPU, seconds.min(hard), last).map_err(refused)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
