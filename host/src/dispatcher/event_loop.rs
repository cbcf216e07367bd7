//! Turns what the kernel says into events, and carries out the actions that the state machine answers with. It decides
//! nothing, and does not know which thread drives it (`driver.rs`), but for what only the dispatcher's own may do.

mod attending;
mod flushing;
mod hardening;
mod hearing;
mod host_calls;
mod last_resort;
mod living;
mod lulling;
mod nesting;
mod progressing;
mod quarantining;
mod recycling;
mod turning;

pub(super) use attending::Attendance;
pub(super) use turning::Rest;

use super::action::{Action, End};
use super::callbacks::CallbackThread;
use super::classes::Classes;
use super::entry::{Job, PoolStatus};
use super::event::Event;
use super::mailbox::{Mailbox, Message};
use super::pool::PoolOptions;
use super::promise::Ended;
use super::room::Room;
use super::state::State;
use super::token::Token;
use super::told::{Told, audit_denial, death, report, timed_out, to_error};
use super::worker_handle::Workers;
use crate::error::{BrokenCause, BrokenProcessPool, TaskError, TaskRef, TimeLimit, WorkerRef};
use crate::ipc::{ChannelError, Received, Reply, WorkerConfig, last_words};
use crate::limits::CALLER_SPINS_FOR;
use crate::metrics;
use crate::process::{Nursery, OomWatch, ProcessEnd, WorkerGroups};
use crate::sync::SharedObject;
use crate::task::{ModuleNumber, Outcome, TaskId, TaskReport, WorkerId};
use hearing::{oversized, unasked};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

pub(super) struct EventLoop {
    state: State,
    pub(super) classes: Classes,
    /// For the first worker; the index differs for each, and the grants for each class.
    pub(super) config: WorkerConfig,
    /// Where each worker gets a control group.
    pub(super) groups: Option<WorkerGroups>,
    pub(super) initializer_objects: Vec<Arc<SharedObject>>,
    pub(super) nursery: Nursery,
    pub(super) epoll: Arc<Epoll>,
    mailbox: Arc<Mailbox>,
    /// An empty buffer for what comes out of it.
    messages: Vec<Message>,
    room: Arc<Room>,
    pub(super) status: Arc<PoolStatus>,
    pub(super) workers: Workers,
    /// Boxed: a table has more places than entries.
    jobs: HashMap<TaskId, Box<Job>>,
    /// By their parent, while that runs.
    families: HashMap<TaskId, nesting::Children>,
    /// What the last worker died of that ran a task of this module.
    deaths: HashMap<ModuleNumber, BrokenCause>,
    callbacks: CallbackThread,
    host: host_calls::HostDesk,
    /// The task that the current event speaks of, with what its worker said.
    told: Option<Told>,
    /// Tells the kernel's kills from others'.
    oom: OomWatch,
    /// What the current event says of a worker.
    pub(super) cause: Option<(Option<WorkerRef>, BrokenCause)>,
    pub(super) events: VecDeque<Event>,
    actions: Vec<Action>,
    pub(super) workers_changed: bool,
    /// Places were freed since those who wait for room were woken.
    freed: bool,
    /// Nothing is left to do.
    pub(super) terminated: bool,
    /// A caller's thread is at it.
    is_helped: bool,
    /// What such a thread may not do.
    put_off: VecDeque<Action>,
    /// Until when the dispatcher's own thread rests if nothing happens; `None`: for ever.
    rests_until: Option<Instant>,
    lull: lulling::Lull,
}

impl EventLoop {
    pub(super) fn new(
        options: PoolOptions,
        mailbox: Arc<Mailbox>,
        room: Arc<Room>,
        status: Arc<PoolStatus>,
    ) -> io::Result<Self> {
        let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        epoll.add(mailbox.bell(), EpollEvent::new(EpollFlags::EPOLLIN, Token::Mailbox.pack()))?;
        let host = host_calls::HostDesk::new(options.host_calls, &options.worker, &mailbox);
        Ok(Self {
            state: State::new(options.state),
            classes: Classes::new(options.class),
            nursery: Nursery::new(options.start_method, options.program, options.worker.clone()),
            config: options.worker,
            groups: options.groups,
            initializer_objects: options.initializer_objects,
            epoll,
            mailbox,
            messages: Vec::new(),
            room,
            status,
            workers: Workers::default(),
            jobs: HashMap::new(),
            families: HashMap::new(),
            deaths: HashMap::new(),
            callbacks: CallbackThread::default(),
            host,
            told: None,
            oom: OomWatch::start(),
            cause: None,
            events: VecDeque::new(),
            actions: Vec::new(),
            workers_changed: false,
            freed: false,
            terminated: false,
            is_helped: false,
            put_off: VecDeque::new(),
            rests_until: None,
            lull: lulling::Lull::default(),
        })
    }

    // ── What happens ────────────────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn read_mailbox(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        self.mailbox.take(&mut messages);
        for message in messages.drain(..) {
            match message {
                Message::Submit(mut job) => {
                    job.class_id = self.classes.number(&mut job.class);
                    self.nursery.knows(job.module.artifact, &job.module.code);
                    let turn = job.turn();
                    self.jobs.insert(job.id, job);
                    self.handle(Event::Submitted { turn });
                }
                Message::Cancel { task, even_running, answer } => {
                    let before = self.jobs.contains_key(&task);
                    self.handle(Event::Cancel { task, even_running });
                    if let Some(answer) = answer {
                        // The caller may have given up its wait only by being gone.
                        let _ = answer.try_send(before && !self.jobs.contains_key(&task));
                    }
                }
                Message::LiftQuarantine { module } => self.handle(Event::QuarantineLifted { module }),
                Message::HostAnswered(answered) => self.host_answered(*answered),
                Message::Resize { max_workers } => self.handle(Event::Resized { max_workers }),
                Message::Shutdown { mode } => self.handle(Event::Shutdown { mode }),
            }
        }
        self.messages = messages;
    }

    pub(super) fn read_channel(&mut self, id: WorkerId) {
        match self.hear(id) {
            None | Some(Ok(Received::All | Received::Some)) => {}
            // Its process is ending or will be ended: a worker without a channel is of no use.
            Some(Ok(Received::Closed) | Err(ChannelError::CutFrame)) => {
                self.close_channel(id);
                self.handle(Event::WorkerHungUp { worker: id });
            }
            Some(Err(error)) => {
                self.lied(id, error.to_string());
                self.close_channel(id);
            }
        }
    }

    /// Takes in what a worker has said; `None` when its channel is not read any more.
    fn hear(&mut self, id: WorkerId) -> Option<Result<Received, ChannelError>> {
        let mut replies = Vec::new();
        let worker = self.workers.0.get_mut(&id).filter(|worker| worker.is_open)?;
        let received = worker.receive(|reply, payload| replies.push((reply, payload)));
        replies.into_iter().for_each(|(reply, payload)| self.reply(id, reply, payload));
        Some(received)
    }

    fn reply(&mut self, id: WorkerId, reply: Reply, payload: Vec<u8>) {
        if let Some(lie) = self.lie_in(id, &reply, &payload) {
            return self.lied(id, lie.to_owned());
        }
        // One that has lied is not believed any more.
        let Some(worker) = self.workers.0.get_mut(&id).filter(|worker| worker.lie.is_none()) else { return };
        if let Some(task) = reply.task().filter(|&task| !worker.has(task)) {
            return self.lied(id, format!("it spoke of task {task}, which it does not have"));
        }
        match reply {
            Reply::Ready { protocol, version } if !worker.up => self.greeted(id, protocol, &version),
            Reply::Done { .. } if payload.len() as u64 > self.config.max_result_bytes => {
                self.lied(id, "a result is over its limit".to_owned());
            }
            Reply::Done { task, outcome, report } => {
                if let Some(lie) = oversized(&outcome, &report).or(unasked(&outcome, self.jobs.contains_key(&task))) {
                    return self.lied(id, lie.to_owned());
                }
                worker.answered(task);
                self.lull.answers += 1;
                // It may lie: then callers look out in vain, for a short time and seldom.
                if report.run_time < CALLER_SPINS_FOR {
                    worker.look_out.was_missed();
                }
                let name = worker.name;
                let trapped = self.note_end(name, task, &outcome);
                self.told = Some(Told { worker: name, outcome, payload, report });
                self.handle(Event::TaskDone { worker: id, task, trapped });
                self.told = None;
            }
            Reply::Log { task, record } => self.logged(id, task, &record),
            Reply::Progress { task, progress } => self.progressed(id, task, progress),
            Reply::Submit { .. } | Reply::Await { .. } | Reply::Forget { .. } => self.hear_of_child(id, reply, payload),
            Reply::HostCall { task, call, function } => self.host_called(id, task, call, function, payload),
            Reply::Leaves { message } => worker.last_words = Some(last_words(message)),
            Reply::InitializerFailed { message } if !worker.up => {
                self.cause = Some((Some(worker.name), BrokenCause::InitializerFailed { message }));
                self.handle(Event::InitializerFailed { worker: id });
            }
            Reply::Hardened { .. } | Reply::NotHardened { .. } | Reply::Denied { .. } => {
                self.hear_of_sandbox(id, reply);
            }
            // What fork servers, compilers and native processes say, and what was said before.
            _ => {
                self.lied(id, "it sent a reply that nobody had asked for".to_owned());
            }
        }
    }

    fn lied(&mut self, id: WorkerId, message: String) {
        if let Some(worker) = self.workers.0.get_mut(&id) {
            tracing::warn!(worker = %worker.name, message, "a worker broke the protocol");
            worker.lie.get_or_insert(message);
            self.handle(Event::WorkerLied { worker: id });
        }
    }

    pub(super) fn close_channel(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.0.get_mut(&id)
            && std::mem::replace(&mut worker.is_open, false)
            && let Err(error) = self.epoll.delete(worker.socket())
        {
            tracing::error!(%error, "a channel could not be taken out of epoll");
        }
    }

    /// A process has ended: first everything that it had said, then its end.
    pub(super) fn process_ended(&mut self, id: WorkerId) {
        while let Some(received) = self.hear(id) {
            if !matches!(received, Ok(Received::Some)) {
                self.close_channel(id);
            }
        }
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        match worker.try_reap() {
            Ok(ProcessEnd::NotYet) => {}
            Ok(ProcessEnd::Untold) => self.wait_for_word(id),
            Ok(ProcessEnd::Ended(cause)) => self.worker_is_gone(id, cause),
            Err(error) => {
                tracing::error!(%error, "the status of a worker process could not be taken");
                self.worker_is_gone(id, BrokenCause::Vanished);
            }
        }
    }

    fn worker_is_gone(&mut self, id: WorkerId, cause: BrokenCause) {
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        // Before its tasks end: whoever saw one end finds free what it held.
        worker.give_back();
        self.host.worker_is_gone(id);
        let cause = self.oom.explain(cause, worker.killed);
        let cause = self.explain_limit(id, cause);
        let Some(worker) = self.workers.0.get_mut(&id) else { return };
        let (name, words) = (worker.name, worker.last_words());
        let expected = worker.killed || cause == BrokenCause::Exited { code: 0 };
        metrics::worker_left(&cause, worker.killed);
        if expected {
            tracing::debug!(worker = %name, "a worker has left");
        } else {
            death(name, worker.up, &format!("{cause}{words}"));
            self.status.workers_lost.fetch_add(1, Ordering::Relaxed);
        }
        let was_up = worker.up;
        let cause = self.explain_life(id, cause);
        let cause = if was_up {
            cause
        } else {
            BrokenCause::SpawnFailed { reason: format!("{name} ended before it was ready: {cause}{words}") }
        };
        self.note_death(id, &cause);
        self.cause = Some((Some(name), cause));
        self.workers_changed = true;
        self.handle(Event::WorkerExited { worker: id });
        if let Some(worker) = self.workers.0.remove(&id)
            && let Some(process) = worker.process()
        {
            // Closing a descriptor takes it out of epoll only when no copy of it is left, which nobody can promise.
            let _ = self.epoll.delete(process);
        }
    }

    // ── What is to be done ──────────────────────────────────────────────────────────────────────────────────────────

    /// Gives an event to the state machine and carries out its answer, and that of the events which arise from it.
    pub(super) fn handle(&mut self, event: Event) {
        self.events.push_back(event);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(event) = self.events.pop_front() {
            let mut actions = std::mem::take(&mut self.actions);
            self.state.handle(event, Instant::now(), &mut self.workers, &mut actions);
            for action in actions.drain(..) {
                self.carry_out(action);
            }
            self.actions = actions;
        }
    }

    fn carry_out(&mut self, action: Action) {
        if self.puts_off(action) {
            return;
        }
        match action {
            Action::Start { worker, index, class } => self.start_worker(worker, index, class),
            Action::Send { worker, task } => self.send(worker, task, false),
            Action::Retry { worker, task } => self.retry(worker, task),
            Action::Measure { worker } => self.measure(worker),
            Action::Retire { worker, why } => self.retire(worker, why),
            Action::Replace { worker } => self.replace(worker),
            Action::Quarantine { module, refusal } => self.quarantine(module, refusal),
            Action::Stop { worker } => {
                if let Some(worker) = self.workers.0.get_mut(&worker)
                    && worker.stop().is_err()
                {
                    worker.kill();
                }
            }
            Action::Kill { worker, reason } => self.kill_worker(worker, reason),
            Action::Interrupt { worker, task } => self.workers.interrupt(worker, task),
            Action::Finish { task, end } => self.finish(task, end),
            Action::Lend { worker, task } => self.send(worker, task, true),
            Action::Break { worker, culprit } => self.break_pool(worker, culprit),
            Action::Terminate => self.terminated = true,
        }
    }

    fn send(&mut self, id: WorkerId, task: TaskId, lent: bool) {
        let (Some(worker), Some(job)) = (self.workers.0.get_mut(&id), self.jobs.get_mut(&task)) else { return };
        let lent_to = job.parent.filter(|_| lent).map(|parent| parent.task);
        match worker.send(job, lent_to) {
            Ok(claim) => {
                job.sent_at = Some(Instant::now());
                job.sent_to = Some(id);
                job.promise.sent(worker.view(claim));
                tracing::trace!(parent: &job.span, worker = %worker.name, "the task was sent");
            }
            // Only a message over the limit, which a function's name in a checked module cannot make.
            Err(error) => {
                worker.lie.get_or_insert(error.to_string());
                self.events.push_back(Event::WorkerLied { worker: id });
            }
        }
    }

    fn finish(&mut self, task: TaskId, end: End) {
        let Some(job) = self.jobs.remove(&task) else { return };
        self.families.remove(&task);
        let name = job.promise.task.clone();
        let (result, report) = match end {
            End::Told => match self.told.take() {
                Some(told) => {
                    let report = report(&job, &told);
                    let Told { worker, outcome, payload, .. } = told;
                    let result =
                        if outcome == Outcome::Returned { Ok(payload) } else { Err(to_error(&name, worker, outcome)) };
                    result.as_ref().err().into_iter().for_each(audit_denial);
                    (result, Some(report))
                }
                None => (Err(TaskError::Shutdown { task: name.clone() }), None),
            },
            End::Cancelled => (Err(TaskError::Cancelled { task: name.clone() }), None),
            End::TimedOut { limit } => (Err(timed_out(&name, limit, TimeLimit::Run)), None),
            End::TooLate => (Err(timed_out(&name, job.time_to_deadline(), TimeLimit::Deadline)), None),
            End::Shutdown => (Err(TaskError::Shutdown { task: name.clone() }), None),
            End::Lost { worker: id } => {
                let (worker, cause) = self.cause.clone().unwrap_or((None, BrokenCause::Vanished));
                let broken = BrokenProcessPool {
                    task: Some(name.clone()),
                    culprit: self.culprit_above(id, task),
                    worker,
                    cause,
                };
                (Err(TaskError::BrokenProcessPool(Box::new(broken))), None)
            }
            End::Quarantined(refusal) => (Err(self.quarantined(&job, refusal)), None),
            End::Broken => (Err(self.broken_error(&name)), None),
        };
        self.end(&job, result, report);
    }

    fn end(&mut self, job: &Job, result: Result<Vec<u8>, TaskError>, report: Option<TaskReport>) {
        let counter = match &result {
            Ok(_) => &self.status.finished,
            Err(TaskError::Cancelled { .. }) => &self.status.cancelled,
            Err(_) => &self.status.failed,
        };
        // Before the future shows it: whoever saw a task end finds the streams ended that it had an end of.
        job.objects.iter().for_each(|object| object.owner_has_ended());
        counter.fetch_add(1, Ordering::Relaxed);
        metrics::task_finished(&result, report.as_ref());
        match &result {
            Ok(_) => tracing::debug!(parent: &job.span, "the task has returned"),
            Err(error) => tracing::debug!(parent: &job.span, %error, "the task has ended"),
        }
        if let Some(parent) = job.parent {
            return self.child_ended(parent, result);
        }
        // Before the future shows it: whoever saw a task end finds its place free.
        self.room.free(job.argument.len());
        self.freed = true;
        for callback in job.promise.end(Ended { result, report }) {
            self.callbacks.run(callback, Arc::clone(&job.promise));
        }
    }

    fn broken_error(&self, task: &TaskRef) -> TaskError {
        let mut broken = self.status.broken.lock().clone().unwrap_or(BrokenProcessPool {
            task: None,
            culprit: None,
            worker: None,
            cause: BrokenCause::Vanished,
        });
        if broken.culprit.as_ref() == Some(task) {
            broken.culprit = None;
        }
        broken.task = Some(task.clone());
        TaskError::BrokenProcessPool(Box::new(broken))
    }

    fn break_pool(&mut self, _worker: WorkerId, culprit: Option<TaskId>) {
        let (worker, cause) = self.cause.clone().unwrap_or((None, BrokenCause::Vanished));
        // It ends after this; one that was cancelled before has ended already.
        let culprit = culprit.and_then(|id| self.jobs.get(&id)).map(|job| job.promise.task.clone());
        let broken = BrokenProcessPool { task: None, culprit, worker, cause };
        if self.state.has_one_life() {
            tracing::info!(%broken, "a live instance has ended");
        } else {
            tracing::error!(%broken, "an executor is broken");
        }
        *self.status.broken.lock() = Some(broken);
        self.room.wake_all();
    }

    // ── After each turn ─────────────────────────────────────────────────────────────────────────────────────────────

    fn publish(&mut self) {
        if std::mem::take(&mut self.freed) {
            self.room.wake_all();
        }
        let waiting = self.state.waiting();
        self.status.waiting.store(waiting as u64, Ordering::Relaxed);
        self.status.takes_at_once.store(waiting == 0 && self.state.has_idle_worker(), Ordering::Relaxed);
        if std::mem::take(&mut self.workers_changed) {
            let up = self.workers.0.values().filter(|worker| worker.up).map(|worker| worker.name);
            *self.status.workers.lock() = up.collect();
        }
    }
}
