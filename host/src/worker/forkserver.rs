//! The life of a fork server: it has engine and modules ready, and forks workers.
//!
//! It has one thread, runs no guest and compiles nothing: so a copy of it lacks nothing and has nothing to hide.

use super::exit::WorkerError;
use super::serve::SharedChannel;
use super::takeover::setup;
use crate::engine::{GuestEngine, ModuleCache};
use crate::fault::{self, Point};
use crate::ipc::{Reply, Request, WorkerReceived};
use crate::sys::{self, Fork, PidFd, WaitStatus};
use crate::task::WorkerId;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What a process is that returns from [`serve`]: the copy, a worker.
pub(super) struct Copy {
    /// Its end of its channel.
    pub(super) channel: OwnedFd,
    /// Everything that was loaded when it was forked.
    pub(super) modules: &'static mut ModuleCache,
    /// The fork server.
    pub(super) parent: u32,
}

struct ForkServer<'a> {
    channel: &'a SharedChannel,
    children: Vec<(WorkerId, PidFd)>,
}

/// Which process this is, after a request.
enum Side {
    Server,
    Copy(OwnedFd),
}

/// Forks workers until the caller says stop or is gone (`None`), and in each of those workers.
pub(super) fn serve(channel: &SharedChannel, engine: GuestEngine) -> Result<Option<Copy>, WorkerError> {
    // Never dropped: to give back its reservations takes longer than to leave the process.
    let modules = Box::leak(Box::new(ModuleCache::new(engine)));
    let mut server = ForkServer { channel, children: Vec::new() };
    let parent = std::process::id();
    // Nothing below starts one.
    setup("have one thread only", sys::expect_one_thread())?;
    loop {
        let is_called = server.wait()?;
        if is_called && server.channel.lock().read()? == 0 {
            return Ok(None);
        }
        loop {
            let received = server.channel.lock().next_read()?;
            let Some(WorkerReceived { request, descriptor, .. }) = received else { break };
            match request {
                Request::Load { artifact } => {
                    modules.add(artifact, descriptor.ok_or(WorkerError::Protocol("`Load` without a file"))?);
                    modules.preload(artifact);
                }
                Request::Fork { worker } => {
                    let channel = descriptor.ok_or(WorkerError::Protocol("`Fork` without a channel"))?;
                    fault::point(Point::ForkRead);
                    if let Side::Copy(channel) = server.fork(worker, channel)? {
                        fault::arm_copy();
                        fault::point(Point::Forked);
                        return Ok(Some(Copy { channel, modules, parent }));
                    }
                }
                Request::Stop => return Ok(None),
                _ => return Err(WorkerError::Protocol("another request than `Load` and `Fork` to a fork server")),
            }
        }
    }
}

impl ForkServer<'_> {
    /// Waits for the caller's word or the end of a worker, which is told at once; whether the caller has said something.
    fn wait(&mut self) -> Result<bool, WorkerError> {
        let channel = self.channel.lock();
        let mut watched = vec![PollFd::new(channel.as_fd(), PollFlags::POLLIN)];
        watched.extend(self.children.iter().map(|(_, pidfd)| PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)));
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(false),
            Err(error) => return setup("wait", Err(error.into())).map(|()| false),
        }
        let mut has_something: Vec<bool> = watched.iter().map(|one| one.any().unwrap_or(false)).collect();
        drop(channel);
        // From the last, so that those before stay where they were.
        for child in (0..self.children.len()).rev() {
            if has_something.pop() == Some(true) {
                self.tell_end(child)?;
            }
        }
        Ok(has_something.pop() == Some(true))
    }

    /// Takes the status of a worker that has ended, and tells it.
    fn tell_end(&mut self, child: usize) -> Result<(), WorkerError> {
        let (worker, pidfd) = &self.children[child];
        let (worker, status) = (*worker, pidfd.try_wait().unwrap_or(Some(WaitStatus::Unknown)));
        if let Some(status) = status {
            self.children.swap_remove(child);
            self.channel.lock().send(&Reply::Ended { worker, status }, &[])?;
        }
        Ok(())
    }

    /// Forks a worker and tells of it. Returns in both processes.
    fn fork(&mut self, worker: WorkerId, channel: OwnedFd) -> Result<Side, WorkerError> {
        let made = match sys::fork() {
            Ok(Fork::Child) => return Ok(Side::Copy(channel)),
            Ok(Fork::Parent(pid)) => PidFd::open(pid).map(|pidfd| (pid, pidfd)).inspect_err(|_| end(pid)),
            Err(error) => Err(error),
        };
        match made {
            Ok((pid, pidfd)) => {
                let forked = Reply::Forked { worker, pid };
                self.channel.lock().send_with(&forked, &[], Some(pidfd.as_fd()))?;
                self.children.push((worker, pidfd));
            }
            Err(error) => {
                let refused = Reply::NotForked { worker, errno: error.raw_os_error().unwrap_or_default() };
                self.channel.lock().send(&refused, &[])?;
            }
        }
        Ok(Side::Server)
    }
}

/// Ends a child that cannot be watched. It can fail only if the child is gone already.
fn end(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
    let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
    let _: io::Result<_> = nix::sys::wait::waitpid(pid, None).map_err(io::Error::from);
}
