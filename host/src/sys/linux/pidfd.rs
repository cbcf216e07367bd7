//! A child process, by a descriptor that never means another one (pidfd_open(2)).

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum WaitStatus {
    /// It left with this code.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
    /// Someone else took its status: the program waits for any child, or ignores `SIGCHLD`.
    Unknown,
}

/// A child process. Readable (poll) once the child has ended.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    /// The descriptor of a child of this process that was not waited for yet.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: pidfd_open takes two integers and touches no memory of ours.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above returned a new descriptor (close-on-exec by definition) that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor as i32) }))
    }

    /// The descriptor of the process `pid` that another process has opened and sent.
    ///
    /// # Errors
    /// It is no such descriptor, or that of another process that is still there. One whose process is gone and was waited for has no
    /// number any more: it reaches nobody, and says that the process has ended.
    pub(crate) fn received(descriptor: OwnedFd, pid: u32) -> io::Result<Self> {
        let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd()))?;
        let found = about.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        if found == Some(pid.to_string().as_str()) || found == Some("-1") {
            return Ok(Self(descriptor));
        }
        let message = format!("expected a descriptor of process {pid}, got one of {}", found.unwrap_or("no process"));
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }

    /// Whether the process has ended, whoever waits for it.
    pub(crate) fn has_ended(&self) -> io::Result<bool> {
        let mut watched = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut watched, PollTimeout::ZERO)? > 0)
    }

    /// Sends a signal; a child that has ended already is no error.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let (descriptor, signal) = (self.0.as_raw_fd(), signal as i32);
        // SAFETY: pidfd_send_signal with a null siginfo reads no memory of ours.
        let answer = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal, std::ptr::null::<libc::siginfo_t>(), 0)
        };
        match io::Error::last_os_error() {
            _ if answer == 0 => Ok(()),
            error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            error => Err(error),
        }
    }

    /// Takes the status of a child that has ended, without waiting; `None` while it lives.
    pub(crate) fn try_wait(&self) -> io::Result<Option<WaitStatus>> {
        self.wait_with(WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG)
    }

    /// Waits for the end of a child that was killed before, and takes its status.
    pub(crate) fn wait(&self) -> io::Result<WaitStatus> {
        loop {
            match self.wait_with(WaitPidFlag::WEXITED) {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// As [`wait`](Self::wait), with the most memory that the child had resident, in bytes, as the kernel counted it.
    pub(crate) fn wait_with_peak(&self) -> io::Result<(WaitStatus, u64)> {
        // SAFETY: all-zero is a valid rusage, which holds numbers only.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        let (info, flags) = (std::ptr::null_mut::<libc::siginfo_t>(), libc::WEXITED | libc::WNOWAIT);
        // SAFETY: waitid (the system call, which has a fifth argument) writes an rusage to where `usage` is, and nothing to
        // the null pointer. It leaves the status to be taken (WNOWAIT).
        unsafe { libc::syscall(libc::SYS_waitid, libc::P_PIDFD, self.0.as_raw_fd(), info, flags, &raw mut usage) };
        // In KiB; 0 when there was nothing to ask for, of which the next line tells.
        let peak = u64::try_from(usage.ru_maxrss).unwrap_or_default().saturating_mul(1024);
        Ok((self.wait()?, peak))
    }

    fn wait_with(&self, flags: WaitPidFlag) -> io::Result<Option<WaitStatus>> {
        use nix::sys::wait::WaitStatus as Nix;
        match waitid(Id::PIDFd(self.0.as_fd()), flags) {
            Ok(Nix::Exited(_, code)) => Ok(Some(WaitStatus::Exited(code))),
            Ok(Nix::Signaled(_, signal, _)) => Ok(Some(WaitStatus::Signaled(signal as i32))),
            Ok(_) => Ok(None),
            // Someone else took it, or it was killed by a real-time signal, which nix has no name for.
            Err(nix::errno::Errno::ECHILD | nix::errno::Errno::EINVAL) => Ok(Some(WaitStatus::Unknown)),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    #[expect(clippy::zombie_processes, reason = "its end is waited for by its descriptor")]
    fn peak_of_a_child_is_told_with_its_end() {
        let child = Command::new("true").spawn().expect("it is everywhere");
        let pidfd = PidFd::open(child.id()).expect("it is a child");
        let (status, peak) = pidfd.wait_with_peak().expect("it ends");
        assert_eq!(status, WaitStatus::Exited(0));
        assert!((64 << 10..1 << 30).contains(&peak), "{peak} bytes");
    }

    #[test]
    fn descriptor_of_another_process_or_of_none_is_refused() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("it is everywhere");
        let copy = || PidFd::open(child.id()).expect("it is a child").0;
        assert!(PidFd::received(copy(), child.id()).is_ok());
        let error = PidFd::received(copy(), 1).expect_err("another one");
        assert_eq!(error.to_string(), format!("expected a descriptor of process 1, got one of {}", child.id()));
        let file = std::fs::File::open("/dev/null").expect("it is everywhere");
        let error = PidFd::received(file.into(), child.id()).expect_err("a file");
        assert!(error.to_string().ends_with("got one of no process"), "{error}");
        let pidfd = PidFd::open(child.id()).expect("it is a child");
        assert!(!pidfd.has_ended().expect("it can be asked"));
        drop(child.stdin.take());
        child.wait().expect("it ends with its input");
        assert!(pidfd.has_ended().expect("it can be asked"));
        let gone = PidFd::received(pidfd.0, child.id()).expect("one that is gone is told as ended");
        assert!(gone.has_ended().expect("it can be asked") && gone.signal(Signal::SIGKILL).is_ok());
    }
}
