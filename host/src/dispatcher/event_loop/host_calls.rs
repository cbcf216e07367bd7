//! Calls of host functions: what workers say of them is checked, and the answers go back. The functions run elsewhere
//! (`host_functions/`).

use super::EventLoop;
use crate::dispatcher::mailbox::{Mailbox, Message};
use crate::dispatcher::pool::HostCallOptions;
use crate::host_functions::{Answered, HostThreads, Incoming, Withdrawn};
use crate::ipc::{Payload, Reply, Request, WorkerConfig};
use crate::task::{HostAnswer, HostFault, HostFaultKind, TaskId, WorkerId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The calls that have no answer yet.
pub(super) struct HostDesk {
    options: HostCallOptions,
    threads: HostThreads,
    /// One for each worker at most: the guest that calls waits, and with it the worker's only thread.
    open: HashMap<WorkerId, OpenCall>,
    next: u64,
}

struct OpenCall {
    /// Its number in this pool.
    id: u64,
    task: TaskId,
    /// The worker's number for it.
    call: u64,
    function: String,
    /// `None`: longer than there is time.
    until: Option<Instant>,
}

impl HostDesk {
    pub(super) fn new(options: HostCallOptions, worker: &WorkerConfig, mailbox: &Arc<Mailbox>) -> Self {
        // A function that never returns must not keep the mailbox, and its descriptor, after the pool's end.
        let mailbox = Arc::downgrade(mailbox);
        let threads = HostThreads::new(options.threads, worker.max_host_function_bytes, move |answered| {
            if let Some(mailbox) = mailbox.upgrade() {
                // Refused only when the pool has ended, and nobody waits any more.
                let _ = mailbox.send(Message::HostAnswered(Box::new(answered)));
            }
        });
        Self { options, threads, open: HashMap::new(), next: 0 }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.values().filter_map(|open| open.until).min()
    }

    pub(super) fn has_open(&self, worker: WorkerId) -> bool {
        self.open.contains_key(&worker)
    }

    /// A worker is gone: nobody waits for the answer to its call.
    pub(super) fn worker_is_gone(&mut self, worker: WorkerId) {
        if let Some(open) = self.open.remove(&worker) {
            self.threads.withdraw(open.id);
        }
    }
}

impl EventLoop {
    /// What is wrong with an answer, as far as it can be told from it.
    pub(super) fn lie_in(&self, id: WorkerId, reply: &Reply, payload: &[u8]) -> Option<&'static str> {
        if self.workers.0.get(&id).is_none_or(|worker| worker.lie.is_some()) {
            return None;
        }
        match reply {
            Reply::Done { .. } if payload.len() as u64 > self.config.max_result_bytes => {
                Some("a result is over its limit")
            }
            Reply::Done { .. } if self.host.has_open(id) => {
                Some("its task ended before a call of a host function was answered")
            }
            _ => None,
        }
    }

    /// A worker says that the task it runs calls a host function.
    pub(super) fn host_called(&mut self, id: WorkerId, task: TaskId, call: u64, function: String, argument: Vec<u8>) {
        if let Err(lie) = self.check_host_call(id, task, argument.len() as u64) {
            return self.lied(id, lie.to_owned());
        }
        let Some(job) = self.jobs.get_mut(&task) else {
            // It was cancelled, and the word was on its way. Its worker may live on, and must not wait for ever.
            let fault = HostFault::new(&function, HostFaultKind::Refused, "its task has ended");
            return self.answer_host_call(id, task, call, Err(fault));
        };
        let Some(given) = job.module.host_functions.get(&function) else {
            return self.lied(id, "a task has called a host function that its module does not import".to_owned());
        };
        job.host_function_calls += 1;
        if job.host_function_calls > self.config.max_host_function_calls {
            return self.lied(id, "a task has made more calls of host functions than it may".to_owned());
        }
        tracing::trace!(parent: &job.span, function, bytes = argument.len(), "the task calls a host function");
        if let Some(recording) = &job.recording {
            recording.called(&function, &argument);
        }
        let (given, name) = (Arc::clone(given), job.promise.task.clone());
        let desk = &mut self.host;
        let number = desk.next;
        desk.next += 1;
        let until = Instant::now().checked_add(desk.options.time_limit);
        desk.open.insert(id, OpenCall { id: number, task, call, function, until });
        desk.threads.call(Incoming { call: number, task: name, given, argument });
    }

    /// The worker has checked all this before it spoke: what does not hold is a lie.
    fn check_host_call(&self, id: WorkerId, task: TaskId, argument_bytes: u64) -> Result<(), &'static str> {
        if !self.workers.0.get(&id).is_some_and(|worker| worker.has_begun(task)) {
            return Err("a task that it does not run has called a host function");
        }
        if self.host.has_open(id) {
            return Err("it called a host function before the last call was answered");
        }
        if argument_bytes > self.config.max_host_function_bytes {
            return Err("the arguments of a host function are over their limit");
        }
        Ok(())
    }

    /// A host function has ended.
    pub(super) fn host_answered(&mut self, answered: Answered) {
        let Answered { call: number, result } = answered;
        let of = self.host.open.iter().find(|(_, open)| open.id == number).map(|(&worker, _)| worker);
        if let Some(worker) = of
            && let Some(OpenCall { task, call, .. }) = self.host.open.remove(&worker)
        {
            self.answer_host_call(worker, task, call, result);
        }
    }

    /// Ends the calls that have had their time.
    pub(super) fn check_host_calls(&mut self) {
        let now = Instant::now();
        if self.host.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let overdue = self.host.open.extract_if(|_, open| open.until.is_some_and(|until| until <= now));
        let overdue: Vec<(WorkerId, OpenCall)> = overdue.collect();
        for (worker, open) in overdue {
            let HostCallOptions { threads, time_limit } = self.host.options;
            let message = match self.host.threads.withdraw(open.id) {
                Some(Withdrawn::Waiting) => format!(
                    "all {threads} threads for host functions were busy for {time_limit:?}; give the executor more with \
                     host_function_threads(), or more time to each call with host_function_time_limit()"
                ),
                Some(Withdrawn::Running) => format!(
                    "it had not answered within its limit of {time_limit:?}; raise it with host_function_time_limit()"
                ),
                // Its answer is in the mailbox.
                None => {
                    self.host.open.insert(worker, open);
                    continue;
                }
            };
            tracing::warn!(function = open.function, task = %open.task, message, "a call of a host function was given up");
            let fault = HostFault::new(&open.function, HostFaultKind::TimedOut, message);
            self.answer_host_call(worker, open.task, open.call, Err(fault));
        }
    }

    fn answer_host_call(&mut self, id: WorkerId, task: TaskId, call: u64, result: Result<Vec<u8>, HostFault>) {
        if let Some(recording) = self.jobs.get(&task).and_then(|job| job.recording.as_ref()) {
            recording.answered(result.as_deref());
        }
        let (answer, payload) = match result {
            Ok(returned) => (HostAnswer::Returned, returned),
            Err(fault) => (HostAnswer::Fault(fault), Vec::new()),
        };
        let payload: Payload = Arc::new(payload);
        if let Some(worker) = self.workers.0.get_mut(&id)
            && let Err(error) = worker.tell(&Request::HostAnswer { task, call, answer }, &payload)
        {
            tracing::error!(%error, "the answer of a host function could not be told to its worker");
            worker.kill();
        }
    }
}
