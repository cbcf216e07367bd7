//! What a process takes from itself for good, and what a system call that it has given up becomes.

use nix::errno::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// Whether no program that this process starts can have more rights than it.
pub(crate) fn has_no_new_privileges() -> io::Result<bool> {
    Ok(nix::sys::prctl::get_no_new_privs()?)
}

/// From now on no memory becomes executable that was not mapped so. Source: `PR_SET_MDWE`, prctl(2).
pub(crate) fn forbid_new_code() -> io::Result<()> {
    let (bits, none) = (libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN), 0 as libc::c_ulong);
    // SAFETY: PR_SET_MDWE takes integers only; what it forbids fails with an error from now on.
    let answer = unsafe { libc::prctl(libc::PR_SET_MDWE, bits, none, none, none) };
    Errno::result(answer)?;
    Ok(())
}

/// Root gets no capability back: not by executing, not by changing its user, not by keeping or raising them. Source:
/// `SECBIT_*`, capabilities(7).
pub(crate) fn lock_securebits() -> io::Result<()> {
    /// Each bit with the one that locks it: NOROOT, NO_SETUID_FIXUP, KEEP_CAPS (which is only locked, as unset),
    /// NO_CAP_AMBIENT_RAISE.
    const BITS: libc::c_ulong = 0b11 | 0b11 << 2 | 0b10 << 4 | 0b11 << 6;
    let none = 0 as libc::c_ulong;
    // SAFETY: PR_GET_SECUREBITS takes and gives integers only.
    let before = unsafe { libc::prctl(libc::PR_GET_SECUREBITS, none, none, none, none) };
    if libc::c_ulong::try_from(before) == Ok(BITS) {
        // A copy of a process that has locked them.
        return Ok(());
    }
    // SAFETY: PR_SET_SECUREBITS takes an integer only.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, BITS, none, none, none) };
    Errno::result(answer)?;
    Ok(())
}

/// Adds a seccomp filter to those of this thread. It must not be able to gain rights (`no_new_privs`).
pub(crate) fn add_filter(instructions: &[libc::sock_filter]) -> io::Result<()> {
    let len = libc::c_ushort::try_from(instructions.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: instructions.as_ptr().cast_mut() };
    // SAFETY: SECCOMP_SET_MODE_FILTER reads a sock_fprog and the `len` instructions that it points to, all of which outlive
    // the call, and writes to none of them.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    Errno::result(answer)?;
    Ok(())
}

/// A file that is over its size limit makes a write fail, and does not end this process.
pub(crate) fn ignore_file_size_signal() -> io::Result<()> {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: SIG_IGN runs no code of ours, so nothing can go wrong in a handler.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(())
}

/// Where the handler sends to; -1: nowhere.
static CHANNEL: AtomicI32 = AtomicI32::new(-1);
/// What it sends: leaked, with the number of the call in the last four bytes.
static MESSAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static MESSAGE_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Longest message that the handler sends.
const MESSAGE_MAX: usize = 128;

/// Makes a system call that a filter denies send this message, with the call's number as its last four bytes (lowest first), on
/// this channel, before it ends the process as `SIGSYS` does.
///
/// # Errors
/// The message is too long, or the system refuses the handler: after a filter is in force it does, and the handler stays.
pub(crate) fn tell_denied_calls(channel: BorrowedFd<'_>, message: Vec<u8>) -> io::Result<()> {
    if !(4..=MESSAGE_MAX).contains(&message.len()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Nobody calls a denied call meanwhile: the process has one thread.
    MESSAGE_BYTES.store(message.len(), Ordering::Relaxed);
    MESSAGE.store(Box::leak(message.into_boxed_slice()).as_mut_ptr(), Ordering::Relaxed);
    if CHANNEL.swap(channel.as_raw_fd(), Ordering::Release) >= 0 {
        // A copy of a process that has the handler.
        return Ok(());
    }
    let handler = nix::sys::signal::SigHandler::SigAction(on_denied_call);
    let flags = nix::sys::signal::SaFlags::SA_SIGINFO | nix::sys::signal::SaFlags::SA_ONSTACK;
    let action = nix::sys::signal::SigAction::new(handler, flags, nix::sys::signal::SigSet::empty());
    // SAFETY: the handler makes system calls, reads atomics and leaked memory, and allocates and locks nothing.
    unsafe { nix::sys::signal::sigaction(nix::sys::signal::Signal::SIGSYS, &action) }?;
    Ok(())
}

/// The fields of `siginfo_t` for SIGSYS, as the kernel lays them out on 64-bit machines.
#[repr(C)]
struct DeniedCall {
    _signal: libc::c_int,
    _error: libc::c_int,
    _code: libc::c_int,
    _padding: libc::c_int,
    _address: *mut libc::c_void,
    number: libc::c_int,
    _arch: libc::c_uint,
}

extern "C" fn on_denied_call(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel hands over a siginfo_t, which is larger than these fields and lives during the call.
    let number = unsafe { (*info.cast::<DeniedCall>()).number };
    let (channel, bytes) = (CHANNEL.load(Ordering::Acquire), MESSAGE_BYTES.load(Ordering::Relaxed));
    let message = MESSAGE.load(Ordering::Relaxed);
    if let Some(number_at) = bytes.checked_sub(4)
        && !message.is_null()
    {
        let place = message.wrapping_add(number_at);
        // SAFETY: the message was leaked with this many bytes, at least four and aligned for any byte; only this handler
        // writes to it, and a handler is not interrupted by itself.
        unsafe { ptr::copy_nonoverlapping(number.to_le_bytes().as_ptr(), place, 4) };
        // SAFETY: send reads `bytes` bytes of the message, which is as long.
        unsafe { libc::send(channel, message.cast(), bytes, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    }
    // SIGSYS is blocked here, so the kernel does not come back, but ends the process with it.
    // SAFETY: personality(0xffffffff) only asks, should no filter deny it.
    unsafe { libc::syscall(libc::SYS_personality, 0xffff_ffff_u64) };
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(libc::SIGSYS) };
}
