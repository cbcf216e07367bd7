//! Tasks of tasks: what workers say of them is checked, and what becomes of them goes back to the worker of their parent.

use super::EventLoop;
use crate::dispatcher::entry::{Job, Parent};
use crate::dispatcher::event::Event;
use crate::dispatcher::promise::Promise;
use crate::error::{BrokenCause, TaskError, TaskRef};
use crate::ipc::{Payload, Reply, Request};
use crate::limits::{MAX_CHILD_BYTES, MAX_CHILDREN, MAX_MESSAGE_BYTES, MAX_UNREAD_BYTES};
use crate::metrics;
use crate::task::{ChildEnd, ChildFault, ChildFaultKind, TaskId, WorkerId};
use isopool_guest::Codec;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The children of one task whose handles it holds, as its worker numbers them.
#[derive(Debug, Default)]
pub(super) struct Children {
    next: u32,
    held: HashMap<u32, Held>,
    argument_bytes: u64,
    result_bytes: u64,
}

#[derive(Debug)]
struct Held {
    /// Until it has ended.
    task: Option<TaskId>,
    argument_bytes: u64,
    result_bytes: u64,
}

impl EventLoop {
    /// A worker speaks of a child of a task that it has.
    pub(super) fn hear_of_child(&mut self, worker: WorkerId, reply: Reply, payload: Vec<u8>) {
        match reply {
            Reply::Submit { parent: task, child, function, codec } => {
                self.child_submitted(Parent { worker, task, child }, &function, &codec, payload);
            }
            Reply::Await { parent: task, child } => self.child_awaited(Parent { worker, task, child }),
            Reply::Forget { parent: task, child } => self.child_forgotten(Parent { worker, task, child }),
            _ => {}
        }
    }

    /// A worker says that the task it runs has submitted another one.
    fn child_submitted(&mut self, at: Parent, function: &str, codec: &str, argument: Vec<u8>) {
        if let Err(lie) = self.check_child(&at, argument.len() as u64) {
            return self.lied(at.worker, lie.to_owned());
        }
        let Some(parent) = self.jobs.get(&at.task) else { return };
        let module = Arc::clone(&parent.module);
        let refused = match Codec::from_name(codec) {
            None => Some(format!("the caller does not know the codec `{codec}`")),
            Some(codec) => module
                .check_nested(function, codec)
                .err()
                .map(|error| format!("{error}; a task can submit the functions of its own module")),
        };
        if let Some(message) = refused {
            let fault = ChildFault::new(ChildFaultKind::Refused, message);
            return self.tell_parent(at, ChildEnd::Fault(fault), Vec::new());
        }
        let codec = Codec::from_name(codec).expect("was looked up above");
        let id = TaskId(self.status.next_task.fetch_add(1, Ordering::Relaxed));
        let name = TaskRef::new(id, Arc::clone(&module.name), module.hash, function.into())
            .with_parent(at.task)
            .with_tenant(parent.class.tenant.clone());
        let promise = Arc::new(Promise::new(name.clone(), codec.into(), Arc::clone(&self.mailbox)));
        let span = tracing::debug_span!(
            parent: &parent.span,
            "task",
            id = id.get(),
            module = name.module(),
            function = name.function()
        );
        // No retries: its parent is told, and may submit it again. No time limit of its own: that of its parent holds.
        let job = Job {
            options: parent.options.clone(),
            class: Arc::clone(&parent.class),
            class_id: parent.class_id,
            parent: Some(at),
            depth: parent.depth + 1,
            priority: parent.priority,
            ..Job::new(id, module, argument, promise, span)
        };
        if let Some(held) = self.families.get_mut(&at.task).and_then(|children| children.held.get_mut(&at.child)) {
            held.task = Some(id);
        }
        let turn = job.turn();
        self.jobs.insert(id, Box::new(job));
        self.status.submitted.fetch_add(1, Ordering::Relaxed);
        metrics::task_submitted();
        self.handle(Event::ChildSubmitted { turn, parent: at.task });
    }

    /// The worker has checked all this before it told of the child: what does not hold is a lie.
    fn check_child(&mut self, at: &Parent, argument_bytes: u64) -> Result<(), &'static str> {
        let Some(worker) = self.workers.0.get(&at.worker).filter(|worker| worker.has_begun(at.task)) else {
            return Err("a task that it does not run has submitted another one");
        };
        if worker.unread_bytes() > MAX_UNREAD_BYTES {
            return Err("its task submits others for ever, and never reads what became of them");
        }
        // Cancelled, and the word was on its way.
        let Some(parent) = self.jobs.get(&at.task) else { return Ok(()) };
        if parent.depth >= self.config.max_depth {
            return Err("a task has submitted another one that is nested too deep");
        }
        let children = self.families.entry(at.task).or_default();
        if at.child != children.next {
            return Err("the number of a child is not the next one");
        }
        let all = children.argument_bytes + argument_bytes;
        if children.held.len() >= MAX_CHILDREN
            || all > MAX_CHILD_BYTES
            || argument_bytes > self.config.max_argument_bytes
        {
            return Err("a task holds more children, or larger ones, than it may");
        }
        children.next += 1;
        children.argument_bytes = all;
        children.held.insert(at.child, Held { task: None, argument_bytes, result_bytes: 0 });
        Ok(())
    }

    /// A worker's task waits for one of its children.
    fn child_awaited(&mut self, at: Parent) {
        let held = self.families.get(&at.task).and_then(|children| children.held.get(&at.child));
        if let Some(child) = held.and_then(|held| held.task) {
            self.handle(Event::Awaits { worker: at.worker, parent: at.task, child });
        }
    }

    /// A worker's task does not hold one of its children any more: if it has not ended, it is cancelled.
    fn child_forgotten(&mut self, at: Parent) {
        let Some(children) = self.families.get_mut(&at.task) else { return };
        let Some(held) = children.held.remove(&at.child) else { return };
        children.argument_bytes -= held.argument_bytes;
        children.result_bytes -= held.result_bytes;
        if let Some(task) = held.task {
            self.handle(Event::Cancel { task, even_running: true });
        }
    }

    /// A child has ended.
    pub(super) fn child_ended(&mut self, at: Parent, result: Result<Vec<u8>, TaskError>) {
        match result {
            Ok(result) => self.tell_parent(at, ChildEnd::Returned, result),
            Err(error) => self.tell_parent(at, ChildEnd::Fault(fault(&error)), Vec::new()),
        }
    }

    fn tell_parent(&mut self, at: Parent, mut end: ChildEnd, mut result: Vec<u8>) {
        // It has ended, or has forgotten this one.
        let Some(children) = self.families.get_mut(&at.task) else { return };
        let Some(held) = children.held.get_mut(&at.child) else { return };
        held.task = None;
        let all = children.result_bytes + result.len() as u64;
        if all > MAX_CHILD_BYTES {
            let message = format!(
                "the results of the tasks that its parent holds would have {all} bytes together, the limit is \
                 {MAX_CHILD_BYTES}"
            );
            end = ChildEnd::Fault(ChildFault::new(ChildFaultKind::TooLarge, message));
            result = Vec::new();
        } else {
            held.result_bytes = result.len() as u64;
            children.result_bytes = all;
        }
        let request = Request::ChildEnded { parent: at.task, child: at.child, end };
        let payload: Payload = Arc::new(result);
        if let Some(worker) = self.workers.0.get_mut(&at.worker)
            && let Err(error) = worker.tell(&request, &payload)
        {
            tracing::error!(%error, "the end of a child could not be told to its parent");
            worker.kill();
        }
    }

    /// What a worker ran when it died, if that is not this task: a child that it ran while this one waited.
    pub(super) fn culprit_above(&self, worker: WorkerId, task: TaskId) -> Option<TaskRef> {
        let top = self.workers.0.get(&worker)?.top().filter(|top| *top != task)?;
        self.jobs.get(&top).map(|job| job.promise.task.clone())
    }
}

fn fault(error: &TaskError) -> ChildFault {
    use ChildFaultKind as Kind;
    let kind = match error {
        TaskError::Failed { .. } | TaskError::HostFunction { .. } => Kind::Failed,
        TaskError::Panicked { .. } => Kind::Panicked,
        TaskError::Codec { .. } => Kind::Codec,
        TaskError::OutOfMemory { .. } => Kind::OutOfMemory,
        TaskError::ArgumentTooLarge { .. } | TaskError::ResultTooLarge { .. } => Kind::TooLarge,
        TaskError::BrokenProcessPool(broken) if matches!(broken.cause, BrokenCause::Trap(_)) => Kind::Trapped,
        TaskError::BrokenProcessPool(_) => Kind::Lost,
        TaskError::Cancelled { .. } | TaskError::TimedOut { .. } => Kind::Cancelled,
        TaskError::Shutdown { .. } => Kind::Shutdown,
        _ => Kind::Refused,
    };
    let mut message = error.to_string();
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    ChildFault::new(kind, message)
}
