//! Descriptors of this process.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::time::TimeSpec;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Takes what is behind standard input away from it, close-on-exec, and leaves `/dev/null` there.
pub(crate) fn replace_standard_input() -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC takes integers only; whether descriptor 0 is open is for the kernel to say.
    let taken = unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3) };
    if taken < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fcntl has just made this descriptor, and nobody else knows it.
    let taken = unsafe { OwnedFd::from_raw_fd(taken) };
    null_standard_input()?;
    Ok(taken)
}

/// Leaves `/dev/null` as standard input.
pub(crate) fn null_standard_input() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    if null.as_raw_fd() == 0 {
        // It was closed before, and is open now.
        std::mem::forget(null);
        return Ok(());
    }
    // SAFETY: dup2 takes two integers; `null` is open, and replacing descriptor 0 is what was asked for.
    if unsafe { libc::dup2(null.as_raw_fd(), 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Closes every descriptor but `kept` and the three standard ones, whoever opened it.
///
/// Only for a process that takes over for good: objects of others that hold such a descriptor must never be used again.
pub(crate) fn close_all_except(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = kept.as_raw_fd().unsigned_abs();
    if kept > 3 {
        close_range(3, kept - 1)?;
    }
    close_range(kept.max(2) + 1, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: close_range takes integers only; what is closed is not used again (documented at the only caller).
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether a descriptor is a socket.
pub(crate) fn is_socket(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let mode = nix::sys::stat::fstat(descriptor)?.st_mode;
    Ok(mode & libc::S_IFMT == libc::S_IFSOCK)
}

/// Makes reads and writes of a descriptor return `WouldBlock` instead of waiting.
pub(crate) fn set_nonblocking(descriptor: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Which of two descriptors can be read, or is closed at its other end, first within `time` (`None`: as long as it takes); the
/// first one of both. `None`: none of them.
pub(crate) fn first_readable(descriptors: [BorrowedFd<'_>; 2], time: Option<Duration>) -> io::Result<Option<usize>> {
    let mut watched = descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
    match ppoll(&mut watched, time.map(TimeSpec::from), None) {
        Ok(_) => Ok(watched.iter().position(|watched| watched.revents().is_none_or(|events| !events.is_empty()))),
        // A signal: whoever reads it will see.
        Err(nix::errno::Errno::EINTR) => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a read would not wait: something can be read, or the other end is closed. Also right when a signal comes.
pub(crate) fn is_readable(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    loop {
        let mut watched = [PollFd::new(descriptor, PollFlags::POLLIN)];
        match poll(&mut watched, PollTimeout::ZERO) {
            Ok(ready) => return Ok(ready > 0),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a descriptor can be read, or is closed at its other end, within `time`.
pub(crate) fn readable_within(descriptor: BorrowedFd<'_>, time: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    let mut watched = [PollFd::new(descriptor, PollFlags::POLLIN)];
    match poll(&mut watched, timeout) {
        Ok(ready) => Ok(ready > 0),
        // Whoever reads it will see.
        Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
