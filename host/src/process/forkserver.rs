//! The start method `forkserver`, at the caller's end: one process that has everything ready, and forks workers.
//!
//! The workers are *its* children. The caller holds a descriptor of each, which tells that one has ended; how it ended is
//! the fork server's word. Nobody here waits for it: what it owes has a deadline, and it is killed when that has passed.

use super::spawn::{Guise, spawn};
use super::{Child, Program, cause_of, explained};
use crate::error::{BrokenCause, signal_name};
use crate::ipc::{
    CallerChannel, ChannelError, PROTOCOL_VERSION, Received, Reply, Request, Role, WorkerConfig, last_words,
};
use crate::limits::HANG_UP_GRACE;
use crate::sandbox::Hardening;
use crate::sys::{self, PidFd};
use crate::task::{ArtifactId, Grants, SystemCall, WorkerId};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// A fork server, seen from its pool.
#[derive(Debug)]
pub(crate) struct ForkServer {
    child: Child,
    channel: CallerChannel,
    /// It said `Ready`.
    up: bool,
    /// What is wrong with it: it was killed for that.
    fault: Option<String>,
    /// Why it leaves, in its own words.
    last_words: String,
    /// Its channel gives nothing more.
    closed: bool,
    /// By when it must have left, after it closed its channel.
    leaves_by: Option<Instant>,
    asked: BTreeSet<WorkerId>,
    /// Workers that it has forked and that have not ended, as far as it has told.
    children: BTreeSet<WorkerId>,
    /// By when it must have said something of a worker.
    owed: BTreeMap<WorkerId, Instant>,
    loaded: BTreeSet<ArtifactId>,
}

/// What a fork server says of a worker.
#[derive(Debug)]
pub(crate) enum News {
    /// There is a process.
    Born { worker: WorkerId, pid: u32, pidfd: PidFd },
    /// There is none, and will be none.
    NotBorn { worker: WorkerId, reason: String },
    /// It has ended.
    Ended { worker: WorkerId, cause: BrokenCause },
}

impl ForkServer {
    /// Starts the process. `config` is that of the workers to come.
    pub(super) fn start<'a>(
        program: &Program,
        config: &WorkerConfig,
        modules: impl IntoIterator<Item = &'a (ArtifactId, Arc<OwnedFd>)>,
    ) -> io::Result<Self> {
        let (child, socket) = spawn(program, Guise::ForkServer)?;
        // What is required is required of its workers, each of which checks it.
        let hardening = match config.hardening {
            Hardening::Require(_) => Hardening::BestEffort,
            other => other,
        };
        // It runs no guest: what these may reach, its copies are told.
        let grants = Grants::default();
        // Workers are told theirs; of another class, they have fewer.
        let (environment, arguments) = Default::default();
        let role = Role::ForkServer;
        let config = WorkerConfig { role, hardening, grants, environment, arguments, ..config.clone() };
        let channel = CallerChannel::with_descriptors(socket, 0).and_then(|mut channel| {
            channel.queue(&Request::Configure(config), None, None).map_err(not_queued)?;
            Ok(channel)
        });
        let channel = channel.inspect_err(|_| end(&child))?;
        tracing::debug!(pid = child.pid, "a fork server was started");
        let mut server = Self {
            child,
            channel,
            up: false,
            fault: None,
            last_words: String::new(),
            closed: false,
            leaves_by: None,
            asked: BTreeSet::new(),
            children: BTreeSet::new(),
            owed: BTreeMap::new(),
            loaded: BTreeSet::new(),
        };
        modules.into_iter().for_each(|(artifact, code)| server.load(*artifact, code));
        Ok(server)
    }

    /// Sends it a module, so that the workers to come have it.
    pub(super) fn load(&mut self, artifact: ArtifactId, code: &Arc<OwnedFd>) {
        if self.loaded.insert(artifact) {
            let queued = self.channel.queue(&Request::Load { artifact }, None, Some(Arc::clone(code)));
            queued.expect("the message has one size, far below the limit");
        }
    }

    /// The modules that workers have from their birth.
    pub(super) fn loaded(&self) -> impl Iterator<Item = ArtifactId> {
        self.loaded.iter().copied()
    }

    /// Asks for a worker, and gives the caller's end of its channel.
    pub(super) fn ask(&mut self, worker: WorkerId) -> io::Result<OwnedFd> {
        let (ours, theirs) = sys::socket_pair()?;
        let queued = self.channel.queue(&Request::Fork { worker }, None, Some(Arc::new(theirs)));
        queued.expect("the message has one size, far below the limit");
        self.asked.insert(worker);
        Ok(ours)
    }

    /// Sends what was queued. One that does not take it is ending, or is ended.
    pub(crate) fn flush(&mut self) {
        let Err(error) = self.channel.flush() else { return };
        self.channel.discard_unsent();
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            self.hung_up();
        } else {
            self.kill_for(format!("it takes no requests: {error}"));
        }
    }

    /// It gets a moment to end by itself, so that what ended it is told, and not that it was killed here.
    fn hung_up(&mut self) {
        self.leaves_by.get_or_insert(Instant::now() + HANG_UP_GRACE);
    }

    /// Whether its channel gives nothing more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn wants_to_send(&self) -> bool {
        self.channel.wants_to_send()
    }

    /// Takes in what it has said. The answer ends with what is wrong, if something is: it was killed for that.
    pub(crate) fn receive(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        while !self.closed {
            let mut replies = Vec::new();
            let received = self.channel.receive_with_descriptors(|reply, _, pidfd| replies.push((reply, pidfd)));
            for (reply, pidfd) in replies {
                match self.check(reply, pidfd) {
                    Ok(told) => news.extend(told),
                    Err(message) => {
                        self.closed = true;
                        self.kill_for(format!("it broke the protocol: {message}"));
                        return news;
                    }
                }
            }
            match received {
                Ok(Received::Some) => {}
                Ok(Received::All) => break,
                // Its process is ending or will be ended: without a channel it is of no use.
                Ok(Received::Closed) | Err(ChannelError::CutFrame) => {
                    self.closed = true;
                    self.hung_up();
                }
                Err(error) => {
                    self.closed = true;
                    self.kill_for(format!("it broke the protocol: {error}"));
                }
            }
        }
        news
    }

    /// It has loaded foreign machine code: what it says fits what it was asked, or is not believed.
    fn check(&mut self, reply: Reply, pidfd: Option<OwnedFd>) -> Result<Option<News>, String> {
        match reply {
            Reply::Ready { protocol, version } if !self.up => {
                if protocol != PROTOCOL_VERSION {
                    return Err(format!("it is isopool {version}, this program has {}", env!("CARGO_PKG_VERSION")));
                }
                self.up = true;
                Ok(None)
            }
            Reply::Forked { worker, pid } if self.asked.remove(&worker) => {
                let pidfd = pidfd.ok_or("a worker without a descriptor")?;
                let pidfd = PidFd::received(pidfd, pid).map_err(|error| error.to_string())?;
                self.owed.remove(&worker);
                self.children.insert(worker);
                Ok(Some(News::Born { worker, pid, pidfd }))
            }
            Reply::NotForked { worker, errno } if self.asked.remove(&worker) => {
                self.owed.remove(&worker);
                let why = explained(&io::Error::from_raw_os_error(errno));
                Ok(Some(News::NotBorn { worker, reason: format!("the fork server could not fork: {why}") }))
            }
            // Its workers lock themselves in, and say so.
            Reply::Hardened { .. } if !self.up => Ok(None),
            Reply::Denied { syscall } => {
                let cause =
                    BrokenCause::SyscallDenied { syscall: Some(SystemCall::of_number(u32::from_le_bytes(syscall))) };
                self.last_words = format!(": {cause}");
                Ok(None)
            }
            Reply::Leaves { message } => {
                self.last_words = format!(": {}", last_words(message));
                Ok(None)
            }
            Reply::Ended { worker, status } if self.children.remove(&worker) => {
                self.owed.remove(&worker);
                Ok(Some(News::Ended { worker, cause: cause_of(status) }))
            }
            Reply::Forked { worker, .. } | Reply::NotForked { worker, .. } | Reply::Ended { worker, .. } => {
                Err(format!("it spoke of start {worker}, which it was not asked for"))
            }
            _ => Err("it sent a reply that nobody had asked for".to_owned()),
        }
    }

    /// It must say something of this worker until then.
    pub(crate) fn owes(&mut self, worker: WorkerId, until: Instant) {
        self.owed.entry(worker).or_insert(until);
    }

    /// When something that it owes is due first.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.owed.values().chain(&self.leaves_by).min().copied()
    }

    /// Kills it if it has not said in time what it owes.
    pub(crate) fn check_time(&mut self, now: Instant) {
        if self.next_deadline().is_some_and(|deadline| deadline <= now) {
            let hung_up = self.leaves_by.take().is_some();
            let fault = if hung_up { "it closed its channel and did not leave" } else { "it did not answer in time" };
            self.owed.clear();
            self.kill_for(fault.to_owned());
        }
    }

    /// Kills it for a fault; its end is still to be waited for.
    pub(crate) fn kill_for(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
        if let Err(error) = self.child.pidfd.signal(Signal::SIGKILL) {
            tracing::error!(%error, "a fork server could not be killed");
        }
    }

    /// Takes its status, once it has ended, and says in words why it is gone.
    pub(crate) fn try_reap(&self) -> Option<String> {
        let status = match self.child.pidfd.try_wait() {
            Ok(status) => cause_of(status?),
            Err(error) => {
                tracing::error!(%error, "the status of a fork server could not be taken");
                BrokenCause::Vanished
            }
        };
        let how = match (&self.fault, status) {
            (Some(fault), _) => format!("was killed: {fault}"),
            (None, BrokenCause::Exited { code }) => format!("left with exit code {code}"),
            (None, BrokenCause::Signaled { signal }) => format!("was killed by {}", signal_name(signal)),
            (None, _) => "is gone".to_owned(),
        };
        Some(format!("the fork server (pid {}) {how}{}", self.child.pid, self.last_words))
    }

    /// Kills it and waits for its end.
    pub(super) fn end(self) {
        end(&self.child);
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    pub(crate) fn process(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }
}

fn end(child: &Child) {
    if let Err(error) = child.end() {
        tracing::error!(%error, "a fork server could not be ended");
    }
}

fn not_queued(error: ChannelError) -> io::Error {
    io::Error::other(error.to_string())
}
