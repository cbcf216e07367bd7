//! One worker process, seen from its dispatcher.

use super::action::KillReason;
use super::entry::Job;
use super::shares::Shares;
use super::state::Claims;
use super::token::Token;
use crate::error::{BrokenCause, WorkerRef};
use crate::fault;
use crate::ipc::{
    CallerChannel, ChannelError, ClaimLedger, ClaimTicket, LookOut, Payload, Received, Reply, Request, RunRequest,
    WorkerConfig,
};
use crate::process::{Newborn, ProcessEnd, WorkerGroup, WorkerProcess};
use crate::sandbox::HardeningReport;
use crate::sync::SharedObject;
use crate::sys::PidFd;
use crate::task::{ArtifactId, Class, SystemCall, TaskId, WorkerId};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A worker process with its channel and its claims.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    pub(crate) id: WorkerId,
    /// Its process id is 0 while the process is awaited.
    pub(crate) name: WorkerRef,
    /// Kept, so that its number stays its own.
    _class: Arc<Class>,
    /// Removed with it, when the process was reaped.
    pub(crate) group: Option<WorkerGroup>,
    process: WorkerProcess,
    channel: CallerChannel,
    claims: ClaimLedger,
    tickets: Vec<(TaskId, ClaimTicket)>,
    loaded: HashSet<ArtifactId>,
    shares: Shares,
    /// It said `Ready`.
    pub(crate) up: bool,
    /// What was wrong with what it said.
    pub(crate) lie: Option<String>,
    /// What locks it in, in its own words.
    pub(crate) hardening: Option<HardeningReport>,
    /// The system call that it says it was denied.
    pub(crate) denied: Option<SystemCall>,
    /// Why it leaves, in its own words.
    pub(crate) last_words: Option<String>,
    /// The caller killed it, for a reason of the pool's own.
    pub(crate) killed: bool,
    /// Its channel is watched; it is not any more once it was closed.
    pub(crate) is_open: bool,
    /// Whether the event loop waits for room in its socket.
    pub(crate) waits_for_room: bool,
    /// A caller's thread hears it, and not the event loop.
    pub(crate) is_attended: bool,
    /// The event loop looks by itself whether it has said something.
    pub(crate) is_muted: bool,
    /// Whether it is worth a caller's time to look out for its next answer.
    pub(crate) look_out: LookOut,
}

impl WorkerHandle {
    /// Takes on a worker that `start` starts, and gives it its configuration, with the objects of its native initializer.
    pub(crate) fn start(
        id: WorkerId,
        class: Arc<Class>,
        config: WorkerConfig,
        objects: &[Arc<SharedObject>],
        start: impl FnOnce() -> io::Result<Newborn>,
    ) -> io::Result<Self> {
        let claims = ClaimLedger::create()?;
        let shared = claims.table().descriptor().try_clone_to_owned()?;
        let index = config.index;
        // What tasks submit is as large as what the caller does.
        let max_payload = config.max_result_bytes.max(config.max_argument_bytes).max(config.max_host_function_bytes);
        let Newborn { process, pid, socket, loaded } = start()?;
        let mut shares = Shares::default();
        let channel = CallerChannel::new(socket, max_payload).and_then(|mut channel| {
            let queued = channel.queue(&Request::Configure(config), None, Some(Arc::new(shared)));
            let queued = queued.and_then(|()| shares.share(pid, objects, &mut channel));
            queued.map_err(|error| io::Error::other(error.to_string()))?;
            if process.is_awaited() {
                // It finds this when it comes. What cannot be sent now is sent when it is there.
                let _ = channel.flush();
            }
            Ok(channel)
        });
        let is_open = !process.is_awaited();
        let channel = channel.inspect_err(|_| _ = process.kill().and_then(|()| process.reap()))?;
        Ok(Self {
            id,
            name: WorkerRef { index, pid },
            _class: class,
            group: None,
            process,
            channel,
            claims,
            tickets: Vec::new(),
            loaded: loaded.into_iter().collect(),
            shares,
            up: false,
            lie: None,
            hardening: None,
            denied: None,
            last_words: None,
            killed: false,
            is_open,
            waits_for_room: false,
            is_attended: false,
            is_muted: false,
            look_out: LookOut::default(),
        })
    }

    /// The fork server has made the process that was awaited.
    pub(crate) fn is_born(&mut self, pid: u32, pidfd: PidFd) {
        self.name.pid = pid;
        self.process = WorkerProcess::Foster { pidfd, told: None };
        self.is_open = true;
        if self.killed || self.lie.is_some() {
            self.kill();
        }
    }

    /// Its parent, the fork server, has told how it ended, or has taken it along.
    pub(crate) fn tell_end(&mut self, cause: BrokenCause) {
        self.process.tell(cause);
    }

    /// Whether nobody has said yet that there is a process.
    pub(crate) fn is_awaited(&self) -> bool {
        self.process.is_awaited()
    }

    /// Whether there is a process that has not ended.
    pub(crate) fn lives(&self) -> bool {
        self.process.pidfd().is_some_and(|pidfd| !pidfd.has_ended().unwrap_or(false))
    }

    /// Queues a task, and its module and its objects if the worker does not have them yet.
    pub(crate) fn send(&mut self, job: &Job, lent_to: Option<TaskId>) -> Result<ClaimTicket, ChannelError> {
        let (task, artifact) = (job.id, job.module.artifact);
        if self.loaded.insert(artifact) {
            self.channel.queue(&Request::Load { artifact }, None, Some(Arc::clone(&job.module.code)))?;
        }
        let objects = self.shares.share(self.name.pid, &job.objects, &mut self.channel)?;
        let claim = self.claims.offer().expect("the state machine sends no more tasks than there are claims");
        self.tickets.push((task, claim));
        let (function, codec) = (job.promise.task.function().to_owned(), job.promise.encoding.codec());
        let (options, depth) = (job.options.clone(), job.depth);
        let streams_input = job.input.is_some();
        let request =
            RunRequest { task, claim, artifact, function, codec, objects, options, depth, lent_to, streams_input };
        self.channel.queue(&Request::Run(request), Some(&job.argument), job.input.clone())?;
        Ok(claim)
    }

    /// Queues something else.
    pub(crate) fn tell(&mut self, request: &Request, payload: &Payload) -> Result<(), ChannelError> {
        self.channel.queue(request, Some(payload), None)
    }

    /// Bytes of messages that the worker has not taken.
    pub(crate) fn unread_bytes(&self) -> usize {
        self.channel.unsent_message_bytes()
    }

    pub(crate) fn stop(&mut self) -> Result<(), ChannelError> {
        self.channel.queue(&Request::Stop, None, None)
    }

    /// Kills the process, and keeps in mind what it did wrong, if it did.
    pub(crate) fn kill_for(&mut self, reason: KillReason) {
        self.killed |= !matches!(reason, KillReason::Lied | KillReason::HungUp);
        let hung_up = reason == KillReason::HungUp || (reason == KillReason::TimedOut && !self.is_open);
        if hung_up && !self.is_awaited() {
            // One that has left, and whose end only waits to be told, is no liar.
            if self.lives() {
                self.lie.get_or_insert("it closed its channel and did not leave".to_owned());
            }
        } else if reason == KillReason::TimedOut && !self.up {
            self.lie.get_or_insert("it was not ready in time".to_owned());
        }
        self.kill();
    }

    pub(crate) fn kill(&self) {
        if let Err(error) = self.process.kill() {
            tracing::error!(worker = %self.name, %error, "a worker process could not be killed");
        }
    }

    /// Kills the process and waits for its end.
    pub(crate) fn kill_and_reap(&mut self) {
        self.kill();
        if let Err(error) = self.process.reap() {
            tracing::error!(worker = %self.name, %error, "a worker process could not be reaped");
        }
        self.give_back();
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

    /// Whether the answer to this task is the next that comes, and nobody else hears it.
    pub(crate) fn answers_next(&self, task: TaskId) -> bool {
        let is_next = self.tickets.first().is_some_and(|(first, _)| *first == task);
        is_next && self.is_open && !self.is_muted && !self.is_attended
    }

    /// Whether its next answer comes soon. Of a worker that sleeps it does not: to wake it takes longer than any look-out.
    pub(crate) fn is_about_to_answer(&self) -> bool {
        self.look_out.is_worth_it() && self.claims.table().is_awake()
    }

    /// What the event loop waits for in its channel. The end of it comes in any case.
    pub(super) fn interest(&self) -> EpollEvent {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, !self.is_attended && !self.is_muted);
        flags.set(EpollFlags::EPOLLOUT, self.waits_for_room);
        EpollEvent::new(flags, Token::Channel(self.id).pack())
    }

    /// How many tasks it was given and has not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.tickets.len()
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

    /// Asks it to stop a task that it has begun. It does so in its own time, or is killed.
    pub(crate) fn interrupt(&self, task: TaskId) {
        let ticket = self.tickets.iter().find(|(other, _)| *other == task);
        if ticket.is_some_and(|(_, claim)| self.claims.table().ask_to_stop(*claim))
            && let Err(error) = self.process.interrupt()
        {
            tracing::error!(worker = %self.name, %error, "a worker process could not be interrupted");
        }
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

    /// The process has ended: gives back the locks and permits that it held.
    pub(crate) fn give_back(&mut self) {
        self.shares.give_back();
    }

    /// Takes the process's status, once it has ended, and says why tasks were lost with it.
    pub(crate) fn try_reap(&mut self) -> io::Result<ProcessEnd> {
        let end = self.process.end()?;
        Ok(match (end, &self.lie) {
            (ProcessEnd::Ended(_), Some(lie)) => ProcessEnd::Ended(BrokenCause::Protocol { message: lie.clone() }),
            (end, _) => end,
        })
    }

    /// Its last words, to be put behind what ended it; empty if there were none.
    pub(crate) fn last_words(&self) -> String {
        self.last_words.as_deref().map(|words| format!(": {words}")).unwrap_or_default()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Its socket, to be looked at from elsewhere.
    pub(crate) fn channel(&self) -> Arc<File> {
        self.channel.socket()
    }

    /// Readable once the process has ended; `None` while it is awaited.
    pub(crate) fn process(&self) -> Option<BorrowedFd<'_>> {
        self.process.pidfd().map(PidFd::as_fd)
    }
}

/// The workers, as the state machine may ask about them.
#[derive(Debug, Default)]
pub(super) struct Workers(pub(super) BTreeMap<WorkerId, WorkerHandle>);

impl Workers {
    /// Asks a worker to stop a task that it has begun.
    pub(super) fn interrupt(&self, worker: WorkerId, task: TaskId) {
        if let Some(worker) = self.0.get(&worker) {
            worker.interrupt(task);
        }
    }
}

impl Claims for Workers {
    fn reclaim(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.0.get_mut(&worker).is_some_and(|worker| worker.reclaim(task))
    }

    fn has_begun(&mut self, worker: WorkerId, task: TaskId) -> bool {
        self.0.get(&worker).is_some_and(|worker| worker.has_begun(task))
    }
}
