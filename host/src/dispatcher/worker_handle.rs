//! One worker process, seen from its dispatcher.

use super::action::KillReason;
use super::entry::Job;
use super::state::Claims;
use crate::error::{BrokenCause, WorkerRef};
use crate::fault;
use crate::ipc::{
    CallerChannel, ChannelError, ClaimLedger, ClaimTicket, Payload, Received, Reply, Request, RunRequest, WorkerConfig,
};
use crate::process::{self, Child, Program};
use crate::sys::PidFd;
use crate::task::{ArtifactId, TaskId, WorkerId};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A worker process with its channel and its claims.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    pub(crate) id: WorkerId,
    pub(crate) name: WorkerRef,
    pidfd: PidFd,
    channel: CallerChannel,
    claims: ClaimLedger,
    tickets: Vec<(TaskId, ClaimTicket)>,
    loaded: HashSet<ArtifactId>,
    /// It said `Ready`.
    pub(crate) up: bool,
    /// What was wrong with what it said.
    pub(crate) lie: Option<String>,
    /// Why it leaves, in its own words.
    pub(crate) last_words: Option<String>,
    /// The caller killed it, for a reason of the pool's own.
    pub(crate) killed: bool,
    /// Its channel is watched; it is not any more once it was closed.
    pub(crate) is_open: bool,
    /// Whether the event loop waits for room in its socket.
    pub(crate) waits_for_room: bool,
}

impl WorkerHandle {
    /// Starts a process and gives it its configuration.
    pub(crate) fn start(id: WorkerId, program: &Program, config: WorkerConfig) -> io::Result<Self> {
        let claims = ClaimLedger::create()?;
        let shared = claims.table().descriptor().try_clone_to_owned()?;
        let index = config.index;
        // What tasks submit is as large as what the caller does.
        let max_payload = config.max_result_bytes.max(config.max_argument_bytes);
        let (Child { pid, pidfd }, socket) = process::spawn(program)?;
        let mut channel = CallerChannel::new(socket, max_payload)?;
        channel
            .queue(&Request::Configure(config), None, Some(Arc::new(shared)))
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            id,
            name: WorkerRef { index, pid },
            pidfd,
            channel,
            claims,
            tickets: Vec::new(),
            loaded: HashSet::new(),
            up: false,
            lie: None,
            last_words: None,
            killed: false,
            is_open: true,
            waits_for_room: false,
        })
    }

    /// Queues a task, and its module if the worker does not have it yet.
    pub(crate) fn send(&mut self, job: &Job, lent_to: Option<TaskId>) -> Result<ClaimTicket, ChannelError> {
        let (task, artifact) = (job.id, job.module.artifact);
        if self.loaded.insert(artifact) {
            self.channel.queue(&Request::Load { artifact }, None, Some(Arc::clone(&job.module.code)))?;
        }
        let claim = self.claims.offer().expect("the state machine sends no more tasks than there are claims");
        self.tickets.push((task, claim));
        let (function, codec) = (job.promise.task.function().to_owned(), job.promise.codec);
        let (options, depth) = (job.options.clone(), job.depth);
        let request = RunRequest { task, claim, artifact, function, codec, options, depth, lent_to };
        self.channel.queue(&Request::Run(request), Some(&job.argument), None)?;
        Ok(claim)
    }

    /// Queues something else.
    pub(crate) fn tell(&mut self, request: &Request, payload: &Payload) -> Result<(), ChannelError> {
        self.channel.queue(request, Some(payload), None)
    }

    pub(crate) fn stop(&mut self) -> Result<(), ChannelError> {
        self.channel.queue(&Request::Stop, None, None)
    }

    /// Kills the process, and keeps in mind what it did wrong, if it did.
    pub(crate) fn kill_for(&mut self, reason: KillReason) {
        self.killed |= !matches!(reason, KillReason::Lied | KillReason::HungUp);
        if reason == KillReason::HungUp || (reason == KillReason::TimedOut && !self.is_open) {
            self.lie.get_or_insert("it closed its channel and did not leave".to_owned());
        } else if reason == KillReason::TimedOut && !self.up {
            self.lie.get_or_insert("it was not ready in time".to_owned());
        }
        self.kill();
    }

    pub(crate) fn kill(&self) {
        if let Err(error) = self.pidfd.signal(Signal::SIGKILL) {
            tracing::error!(worker = %self.name, %error, "a worker process could not be killed");
        }
    }

    /// Kills the process and waits for its end.
    pub(crate) fn kill_and_reap(&self) {
        self.kill();
        if let Err(error) = self.pidfd.wait() {
            tracing::error!(worker = %self.name, %error, "a worker process could not be reaped");
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.channel.flush()
    }

    /// Forgets what the worker will not take.
    pub(crate) fn discard_unsent(&mut self) {
        self.channel.discard_unsent();
    }

    pub(crate) fn wants_to_send(&self) -> bool {
        self.is_open && self.channel.wants_to_send()
    }

    pub(crate) fn receive(&mut self, hand_out: impl FnMut(Reply, Vec<u8>)) -> Result<Received, ChannelError> {
        fault::pause_reader();
        self.channel.receive(hand_out)
    }

    pub(crate) fn view(&self, claim: ClaimTicket) -> crate::ipc::ClaimView {
        self.claims.table().view(claim)
    }

    /// Whether the worker was given this task and has not answered.
    pub(crate) fn has(&self, task: TaskId) -> bool {
        self.tickets.iter().any(|(other, _)| *other == task)
    }

    pub(crate) fn reclaim(&mut self, task: TaskId) -> bool {
        let Some(position) = self.tickets.iter().position(|(other, _)| *other == task) else { return false };
        let (_, claim) = self.tickets[position];
        let reclaimed = self.claims.table().reclaim(claim);
        if reclaimed {
            self.release(position);
        }
        reclaimed
    }

    pub(crate) fn has_begun(&self, task: TaskId) -> bool {
        self.tickets.iter().any(|(other, claim)| *other == task && self.claims.table().has_begun(*claim))
    }

    /// The task that it has begun last.
    pub(crate) fn top(&self) -> Option<TaskId> {
        let begun = |(_, claim): &&(TaskId, ClaimTicket)| self.claims.table().has_begun(*claim);
        self.tickets.iter().rev().find(begun).map(|(task, _)| *task)
    }

    /// The worker has answered for a task.
    pub(crate) fn answered(&mut self, task: TaskId) {
        if let Some(position) = self.tickets.iter().position(|(other, _)| *other == task) {
            self.release(position);
        }
    }

    fn release(&mut self, position: usize) {
        let (_, claim) = self.tickets.remove(position);
        self.claims.release(claim);
    }

    /// Takes the process's status, once it has ended, and says why tasks were lost with it.
    pub(crate) fn try_reap(&mut self) -> io::Result<Option<BrokenCause>> {
        let Some(status) = self.pidfd.try_wait()? else { return Ok(None) };
        Ok(Some(match self.lie.take() {
            Some(message) => BrokenCause::Protocol { message },
            None => process::cause_of(status),
        }))
    }

    /// Its last words, to be put behind what ended it; empty if there were none.
    pub(crate) fn last_words(&self) -> String {
        self.last_words.as_deref().map(|words| format!(": {words}")).unwrap_or_default()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    pub(crate) fn process(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The workers, as the state machine may ask about them.
#[derive(Debug, Default)]
pub(super) struct Workers(pub(super) BTreeMap<WorkerId, WorkerHandle>);

impl Claims for Workers {
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.0.get_mut(&worker).is_some_and(|worker| worker.reclaim(task))
    }

    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.0.get(&worker).is_some_and(|worker| worker.has_begun(task))
    }
}
