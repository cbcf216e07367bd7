//! Properties of this process.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Duration;

/// Asks the kernel to kill this process when the thread that started it ends.
pub(crate) fn die_with_parent() -> io::Result<()> {
    Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// The process id of the parent; 0 or 1 when it is gone.
pub(crate) fn parent_pid() -> u32 {
    nix::unistd::getppid().as_raw().unsigned_abs()
}

/// Starts a session of its own, so that a terminal's Ctrl-C does not reach this process.
pub(crate) fn start_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// No file with this process's memory is ever written.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_CORE, 0, 0)?)
}

/// No program that this process starts can have more rights than it.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    Ok(prctl::set_no_new_privs()?)
}

/// Files that this process makes are its user's only.
pub(crate) fn forbid_shared_files() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// A write to a pipe that nobody reads fails, instead of ending this process.
pub(crate) fn ignore_broken_pipes() -> io::Result<()> {
    // SAFETY: SIG_IGN runs no code of ours, so nothing can go wrong in a handler.
    unsafe { nix::sys::signal::signal(Signal::SIGPIPE, nix::sys::signal::SigHandler::SigIgn) }?;
    Ok(())
}

/// Processor time that this thread has used, in user and kernel mode.
pub(crate) fn thread_cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Gives every signal its default action, and blocks none: what a new program starts with.
pub(crate) fn reset_signals() -> io::Result<()> {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator().filter(|signal| !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: SIG_DFL runs no code of ours, so nothing can go wrong in a handler.
        unsafe { sigaction(signal, &default) }?;
    }
    Ok(SigSet::empty().thread_set_mask()?)
}

/// How many threads this process has.
pub(crate) fn thread_count() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Writable memory of this process that is not shared, mapped and not only touched, in bytes: what `RLIMIT_DATA` counts, and
/// its stack.
pub(crate) fn data_bytes() -> io::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    // `size resident shared text lib data dirty`, in pages.
    let pages = statm.split_whitespace().nth(5).and_then(|pages| pages.parse::<u64>().ok());
    let page_bytes =
        nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok());
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("/proc/self/statm says `{statm}`"));
    pages.zip(page_bytes).and_then(|(pages, page_bytes)| pages.checked_mul(page_bytes)).ok_or_else(invalid)
}

/// Removes every environment variable. A process with other threads keeps them: one of those may be reading.
pub(crate) fn clear_environment() -> io::Result<()> {
    if thread_count()? > 1 {
        return Ok(());
    }
    // SAFETY: this is the only thread (checked above), so nobody else reads or changes the environment meanwhile.
    if unsafe { libc::clearenv() } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Removes one environment variable.
///
/// # Errors
/// This process has other threads: one of those may be reading.
pub(crate) fn forget_variable(name: &str) -> io::Result<()> {
    expect_one_thread()?;
    // SAFETY: this is the only thread (checked above), so nobody else reads or changes the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    Ok(())
}

/// Refuses to go on in a process that has other threads.
pub(crate) fn expect_one_thread() -> io::Result<()> {
    match thread_count()? {
        1 => Ok(()),
        count => Err(io::Error::other(format!("this process has {count} threads, and must have one for this"))),
    }
}
