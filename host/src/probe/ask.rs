//! One probe, from its start to its end.

use super::bait::Baits;
use crate::error::BrokenCause;
use crate::ipc::{CallerChannel, PROTOCOL_VERSION, Received, Reply, Request, Role, WorkerConfig, last_words};
use crate::limits::{HANDSHAKE_TIMEOUT, HANG_UP_GRACE};
use crate::process::{self, Child, Guise, Program};
use crate::sandbox::{Bait, Escape, EscapeAttempt, HardeningReport, NotHardened, Tried};
use crate::task::SystemCall;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Why a probe has nothing to report.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// It lacks a layer that is required.
    NotHardened(NotHardened),
    /// It could not be started, or ended before it had reported: in words.
    NoReport(String),
}

/// What locks a worker of this kind in.
pub(crate) fn hardening_report(program: &Program, config: &WorkerConfig) -> Result<HardeningReport, ProbeError> {
    let mut probe = Probe::start(program, config)?;
    let answer = probe.hear(|probe| probe.report.is_some());
    let end = probe.end(answer.is_ok());
    match (probe.report, probe.refusal) {
        (Some(report), _) => Ok(report),
        (None, Some(refusal)) => Err(ProbeError::NotHardened(refusal)),
        (None, None) => Err(ProbeError::NoReport(format!("{end}{}", probe.words))),
    }
}

/// Lets a process of its own try each way out of a worker of this kind.
pub(crate) fn try_escapes(program: &Program, config: &WorkerConfig) -> Result<Vec<EscapeAttempt>, ProbeError> {
    let system = |error: io::Error| ProbeError::NoReport(format!("nothing could be laid out to reach for: {error}"));
    let baits = Baits::lay(&config.limits).map_err(system)?;
    let attempt = |&escape| {
        let mut probe = Probe::start(program, config)?;
        let tried = probe.attempt(escape, baits.told);
        match (probe.report, probe.refusal) {
            (Some(report), _) => Ok(EscapeAttempt::judge(escape, tried, &report)),
            (None, Some(refusal)) => Err(ProbeError::NotHardened(refusal)),
            (None, None) => Err(ProbeError::NoReport(format!("a probe has not reported: {tried:?}{}", probe.words))),
        }
    };
    Escape::ALL.iter().map(attempt).collect()
}

struct Probe {
    child: Child,
    channel: CallerChannel,
    report: Option<HardeningReport>,
    refusal: Option<NotHardened>,
    denied: Option<SystemCall>,
    /// How the attempt ended, by its own word.
    tried: Option<Option<i32>>,
    is_ready: bool,
    /// Why it leaves.
    words: String,
}

impl Probe {
    fn start(program: &Program, config: &WorkerConfig) -> Result<Self, ProbeError> {
        let config =
            WorkerConfig { protocol: PROTOCOL_VERSION, role: Role::Probe, native_initializer: None, ..config.clone() };
        let started = || {
            let (child, socket) = process::spawn(program, Guise::Worker)?;
            let channel = CallerChannel::new(socket, 0).and_then(|mut channel| {
                let queued = channel.queue(&Request::Configure(config), None, None);
                queued.map_err(|error| io::Error::other(error.to_string()))?;
                Ok(channel)
            });
            // It was not said what it is, and has nothing to do.
            let channel = channel.inspect_err(|_| _ = child.end())?;
            Ok((child, channel))
        };
        let (child, channel) = started().map_err(|error: io::Error| {
            let why = process::explained(&error);
            ProbeError::NoReport(format!("`{}` could not be started: {why}", program.path().display()))
        })?;
        Ok(Self {
            child,
            channel,
            report: None,
            refusal: None,
            denied: None,
            tried: None,
            is_ready: false,
            words: String::new(),
        })
    }

    fn attempt(&mut self, escape: Escape, bait: Bait) -> Tried {
        let heard = self.hear(|probe| probe.is_ready);
        let heard = heard.and_then(|()| {
            let queued = self.channel.queue(&Request::TryEscape { escape, bait }, None, None);
            queued.map_err(|error| error.to_string())?;
            self.hear(|probe| probe.tried.is_some())
        });
        let end = self.end(heard.is_ok());
        match (self.tried, end) {
            (Some(None), _) => Tried::Succeeded,
            (Some(Some(error)), _) => Tried::Failed(error),
            (None, BrokenCause::SyscallDenied { .. }) => {
                Tried::Denied(self.denied.map_or_else(|| "a system call".to_owned(), |call| call.to_string()))
            }
            // The program that it runs now has nothing to say.
            (None, BrokenCause::Exited { code: 0 }) if escape == Escape::Execute && self.is_ready => Tried::Succeeded,
            (None, end) => Tried::Unknown(heard.err().map_or_else(|| end.to_string(), |why| format!("{why}: {end}"))),
        }
    }

    /// Takes in what it says until that is enough.
    fn hear(&mut self, is_enough: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        while !is_enough(self) {
            // It may have died already; what it said before is read below.
            let _ = self.channel.flush();
            let mut replies = Vec::new();
            let received = self.channel.receive(|reply, _| replies.push(reply));
            replies.into_iter().for_each(|reply| self.take(reply));
            match received.map_err(|error| error.to_string())? {
                Received::Some => {}
                Received::Closed if is_enough(self) => return Ok(()),
                Received::Closed => return Err("it ended without an answer".to_owned()),
                Received::All if is_enough(self) => return Ok(()),
                Received::All => self.wait(deadline.saturating_duration_since(Instant::now())),
            }
            if Instant::now() >= deadline {
                return Err("it did not answer in time".to_owned());
            }
        }
        Ok(())
    }

    fn take(&mut self, reply: Reply) {
        match reply {
            Reply::Hardened { report } => self.report = report.checked(),
            Reply::NotHardened { error } => self.refusal = Some(error),
            Reply::Denied { syscall } => self.denied = Some(SystemCall::of_number(u32::from_le_bytes(syscall))),
            Reply::Ready { protocol, .. } => self.is_ready = protocol == PROTOCOL_VERSION,
            Reply::Tried { error } => self.tried = Some(error),
            Reply::Leaves { message } => self.words = format!(": {}", last_words(message)),
            _ => self.words = ": it sent a reply that nobody had asked for".to_owned(),
        }
    }

    fn wait(&self, left: Duration) {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, self.channel.wants_to_send());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        // Woken for whatever reason, the caller looks again at everything.
        let _ = poll(&mut [PollFd::new(self.channel.as_fd(), flags)], timeout);
    }

    /// Ends it; one that is ending gets a moment to do so by itself.
    fn end(&mut self, is_alive: bool) -> BrokenCause {
        if !is_alive {
            let timeout = PollTimeout::try_from(HANG_UP_GRACE).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut [PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)], timeout);
        }
        self.child.end().map_or(BrokenCause::Vanished, process::cause_of)
    }
}
