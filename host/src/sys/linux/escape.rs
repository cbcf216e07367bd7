//! System calls that a worker has no use of: for the attempts of a probe to get out.

use nix::errno::Errno;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr;

/// A call that is made with numbers and null pointers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BareCall {
    /// Of this process.
    TraceBySeizing(i32),
    /// With these flags.
    Unshare(i32),
    Bpf,
    IoUringSetup,
    Keyctl,
    PerfEventOpen,
    Userfaultfd,
    Personality,
}

/// Makes it. That the kernel looked at the arguments, and found nothing there, counts as success: it took the call.
pub(crate) fn bare_call(call: BareCall) -> io::Result<()> {
    const SEIZE: i64 = libc::PTRACE_SEIZE as i64;
    const PROCESS_KEYRING: i64 = -2;
    const NO_RANDOMISATION: i64 = libc::ADDR_NO_RANDOMIZE as i64;
    let (number, arguments): (i64, [i64; 3]) = match call {
        BareCall::TraceBySeizing(pid) => (libc::SYS_ptrace, [SEIZE, i64::from(pid), 0]),
        BareCall::Unshare(flags) => (libc::SYS_unshare, [i64::from(flags), 0, 0]),
        BareCall::Bpf => (libc::SYS_bpf, [0, 0, 0]),
        BareCall::IoUringSetup => (libc::SYS_io_uring_setup, [1, 0, 0]),
        BareCall::Keyctl => (libc::SYS_keyctl, [0, PROCESS_KEYRING, 1]),
        BareCall::PerfEventOpen => (libc::SYS_perf_event_open, [0, 0, -1]),
        BareCall::Userfaultfd => (libc::SYS_userfaultfd, [0, 0, 0]),
        BareCall::Personality => (libc::SYS_personality, [NO_RANDOMISATION, 0, 0]),
    };
    let [first, second, third] = arguments;
    // SAFETY: each of these calls takes integers, or pointers to memory that it reads, and those are null: the kernel
    // refuses them with EFAULT and touches nothing.
    let answer = unsafe { libc::syscall(number, first, second, third, 0_i64, 0_i64) };
    match Errno::result(answer) {
        Ok(_) | Err(Errno::EFAULT | Errno::EINVAL | Errno::E2BIG) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Bytes that are mapped where the size does not matter.
const SOME_BYTES: usize = 1 << 20;

fn map(bytes: usize, protection: i32, flags: i32) -> io::Result<*mut libc::c_void> {
    let (anywhere, flags) = (ptr::null_mut(), flags | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: new memory, where the kernel likes it, replaces nothing.
    let memory = unsafe { libc::mmap(anywhere, bytes, protection, flags, -1, 0) };
    if memory == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(memory) }
}

const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// Maps memory that can be written to and executed. It stays mapped, as that of the next three.
pub(crate) fn map_executable() -> io::Result<()> {
    map(SOME_BYTES, READ_WRITE | libc::PROT_EXEC, libc::MAP_PRIVATE).map(drop)
}

/// Makes memory that was written to executable.
pub(crate) fn make_executable() -> io::Result<()> {
    let memory = map(SOME_BYTES, READ_WRITE, libc::MAP_PRIVATE)?;
    // SAFETY: the memory was just mapped with this size, and nobody else knows it.
    let answer = unsafe { libc::mprotect(memory, SOME_BYTES, libc::PROT_READ | libc::PROT_EXEC) };
    Ok(Errno::result(answer).map(drop)?)
}

/// Maps so much writable memory that is not shared.
pub(crate) fn map_private(bytes: u64) -> io::Result<()> {
    let bytes = usize::try_from(bytes).ok().and_then(NonZeroUsize::new).ok_or(Errno::EINVAL)?;
    map(bytes.get(), READ_WRITE, libc::MAP_PRIVATE).map(drop)
}

/// Maps shared memory without a file.
pub(crate) fn map_shared() -> io::Result<()> {
    map(SOME_BYTES, READ_WRITE, libc::MAP_SHARED).map(drop)
}

/// The inode behind a descriptor; `None`: it is not open.
pub(crate) fn inode_of(descriptor: i32) -> Option<u64> {
    // SAFETY: all-zero is a valid stat, which holds numbers only.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: fstat fills the stat that outlives the call; whether the descriptor is open is for the kernel to say.
    let answer = unsafe { libc::fstat(descriptor, &raw mut stat) };
    (answer == 0).then_some(stat.st_ino)
}

/// Another descriptor of the standard error.
pub(crate) fn duplicate_standard_error() -> io::Result<OwnedFd> {
    let error = io::stderr();
    let error: BorrowedFd<'_> = error.as_fd();
    error.try_clone_to_owned()
}

/// Lets programs that are started from here have a descriptor.
pub(crate) fn make_inheritable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    Ok(fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)?)
}
