//! Tries to get out of this process, from inside: what a probe does. See `escape.rs`.

use super::Escape;
use crate::sys::{self, BareCall, Fork};
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

/// What an attempt has to know from who asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bait {
    /// A TCP port on which someone listens here.
    pub(crate) port: u16,
    /// The inode of a file that the caller has open, inheritable.
    pub(crate) inode: u64,
    /// The limit of memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// The limit of open files.
    pub(crate) open_files: u32,
}

impl Bait {
    /// The name of the abstract socket on which someone listens.
    pub(crate) fn socket_name(caller: u32) -> String {
        format!("isopool-doctor-{caller}")
    }
}

/// Tries it; `Ok`: it succeeded, and it is possible.
pub(crate) fn try_escape(escape: Escape, bait: &Bait) -> io::Result<()> {
    let parent = nix::unistd::getppid();
    match escape {
        Escape::InheritDescriptor => find_descriptor(bait.inode),
        Escape::SeeEnvironment => std::env::vars_os().next().map_or(Err(Errno::ENOENT.into()), |_| Ok(())),
        Escape::OutliveCaller => Ok(nix::sys::prctl::set_pdeathsig(None)?),
        Escape::ReadFile => File::open("/etc/passwd").map(drop),
        Escape::ReadHome => fs::read_dir("/home").map(drop),
        Escape::ReadParentMemory => File::open(format!("/proc/{parent}/mem")).map(drop),
        Escape::ReadEnvironmentOfInit => fs::read("/proc/1/environ").map(drop),
        Escape::WriteFile => write_file(),
        Escape::StatFile => fs::metadata("/etc/passwd").map(drop),
        Escape::ConnectTcp => TcpStream::connect((Ipv4Addr::LOCALHOST, bait.port)).map(drop),
        Escape::OpenUdp => UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop),
        Escape::ConnectAbstract => {
            let name = Bait::socket_name(parent.as_raw().unsigned_abs());
            UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?).map(drop)
        }
        // Which does nothing to a process that runs.
        Escape::SignalParent => Ok(nix::sys::signal::kill(parent, Signal::SIGCONT)?),
        Escape::TraceParent => sys::bare_call(BareCall::TraceBySeizing(parent.as_raw())),
        Escape::Fork => fork(),
        Escape::StartThread => std::thread::Builder::new().spawn(|| {}).map(|thread| _ = thread.join()),
        Escape::Execute => Ok(nix::unistd::execv(c"/bin/true", &[c"true"]).map(drop)?),
        Escape::MapExecutable => sys::map_executable(),
        Escape::MakeExecutable => sys::make_executable(),
        Escape::TakeMemory => sys::map_private(bait.memory_bytes),
        Escape::TakeSharedMemory => sys::map_shared(),
        Escape::MakeMemoryFile => sys::MemoryFile::create("isopool-escape").map(drop),
        Escape::OpenManyFiles => open_many(bait.open_files),
        Escape::RaiseLimit => Ok(setrlimit(Resource::RLIMIT_CORE, 1, 1)?),
        Escape::ChangeUser => change_user(),
        Escape::MountFiles => sys::bare_call(BareCall::Unshare(libc::CLONE_NEWNS)),
        Escape::MakeUserNamespace => sys::bare_call(BareCall::Unshare(libc::CLONE_NEWUSER)),
        Escape::LoadBpf => sys::bare_call(BareCall::Bpf),
        Escape::UseIoUring => sys::bare_call(BareCall::IoUringSetup),
        Escape::UseKeyring => sys::bare_call(BareCall::Keyctl),
        Escape::CountEvents => sys::bare_call(BareCall::PerfEventOpen),
        Escape::HandleFaults => sys::bare_call(BareCall::Userfaultfd),
        Escape::ChangePersonality => sys::bare_call(BareCall::Personality),
    }
}

/// Looks for it among the first few hundred descriptors.
fn find_descriptor(inode: u64) -> io::Result<()> {
    const LOOKED_AT: i32 = 512;
    match (0..LOOKED_AT).any(|number| sys::inode_of(number) == Some(inode)) {
        true => Ok(()),
        false => Err(Errno::ENOENT.into()),
    }
}

fn write_file() -> io::Result<()> {
    let path = format!("/tmp/isopool-doctor-{}", std::process::id());
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(path)
}

fn fork() -> io::Result<()> {
    match sys::fork()? {
        Fork::Child => sys::leave_now(0),
        Fork::Parent(child) => {
            let child = nix::unistd::Pid::from_raw(child.cast_signed());
            Ok(nix::sys::wait::waitpid(child, None).map(drop)?)
        }
    }
}

fn open_many(limit: u32) -> io::Result<()> {
    // What it has open besides counts too.
    let opened: io::Result<Vec<_>> = (0..limit).map(|_| sys::duplicate_standard_error()).collect();
    opened.map(drop)
}

fn change_user() -> io::Result<()> {
    // The kernel's `nobody` for root, and root for all others.
    let other = if nix::unistd::getuid().is_root() { 65_534 } else { 0 };
    Ok(nix::unistd::setuid(other.into())?)
}
