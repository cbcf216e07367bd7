//! A task on its way from its caller to the dispatcher.

use super::encoded::{Encoded, encode};
use super::future::TaskFuture;
use super::grants::check_arguments;
use super::handle::{Executor, Inner};
use super::narrowing::Given;
use super::schedule::Schedule;
use super::task::Task;
use crate::audit;
use crate::dispatcher::{Ended, Job, Promise};
use crate::error::{Error, ErrorKind, TaskError, TaskRef};
use crate::metrics;
use crate::module::{Encoding, Prepared};
use crate::sync::Collected;
use crate::task::{FunctionKind, TaskId};
use serde::Serialize;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What to do when there is no room for the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFull {
    Wait,
    Refuse,
}

/// What is known of a task that may be sent.
pub(super) struct Ready {
    module: Arc<Prepared>,
    given: Given,
}

impl Executor {
    /// Checks a task, and finds its module.
    pub(super) fn prepare<A, R>(&self, task: &Task<A, R>) -> Result<Ready, Error> {
        task.check_options(&self.inner.options.limits)?;
        task.schedule.check()?;
        let inner = &self.inner;
        if let Some(options) = task.options.as_ref().filter(|options| !options.arguments.is_empty()) {
            check_arguments(&inner.options.arguments, &options.arguments)?;
        }
        if let Some(input) = &task.input {
            self.check_input(input.as_fd(), &task.schedule)?;
        }
        let class = match &task.asked {
            None => Arc::clone(&inner.class),
            Some(asked) => Arc::new(asked.add_to(&inner.class)?),
        };
        let module = self.inner.library.get(&task.source)?;
        let info = module.check(&task.function, task.signature, self.inner.options.codec)?;
        if !inner.recipe.state.recycling.one_life && matches!(info.kind, FunctionKind::Export { .. }) {
            // A function of a live instance may have resources, and this is no live instance.
            module.expect_callable(info)?;
        }
        let given = self.given(&module, task, class, &info.kind)?;
        Ok(Ready { module, given })
    }

    /// Sends a task for which a place was taken.
    pub(super) fn send<A: Serialize, R>(
        &self,
        task: &Task<A, R>,
        ready: Ready,
        on_full: OnFull,
    ) -> Result<TaskFuture<R>, Error> {
        let options = &self.inner.options;
        self.send_encoded(task, ready, on_full, |encoding, name| encode(options, encoding, &task.arguments, name))
    }

    /// As [`send`](Self::send), for arguments whose bytes somebody has.
    pub(super) fn send_encoded<A, R>(
        &self,
        task: &Task<A, R>,
        Ready { module, given }: Ready,
        on_full: OnFull,
        encode: impl FnOnce(&Encoding, &TaskRef) -> Result<Encoded, TaskError>,
    ) -> Result<TaskFuture<R>, Error> {
        let Inner { options, pool, .. } = &*self.inner;
        let Given { class, own, decisions } = given;
        let id = TaskId(pool.status.next_task.fetch_add(1, Ordering::Relaxed));
        let name = TaskRef::new(id, Arc::clone(&module.name), module.hash, task.function.as_ref().into())
            .with_tenant(class.tenant.clone());
        let encoding = module.encoding(&task.function, options.codec);
        let promise = Arc::new(Promise::new(name.clone(), encoding, Arc::clone(&pool.mailbox)));
        let future = TaskFuture::new(Arc::clone(&promise));
        let Encoded { argument, shared: Collected { objects, ends } } = match encode(&promise.encoding, &name) {
            Ok(encoded) => encoded,
            Err(refused) => {
                pool.room.give_back();
                // Nobody observes a future that was not given out yet.
                let _ = promise.end(Ended { result: Err(refused), report: None });
                return Ok(future);
            }
        };
        let bytes = argument.len();
        if let Err(refused) = self.take_room(bytes, on_full) {
            pool.room.give_back();
            ends.give_back();
            return Err(refused);
        }
        let span = tracing::debug_span!(
            "task",
            id = id.get(),
            module = name.module(),
            function = name.function(),
            tenant = name.tenant()
        );
        tracing::debug!(parent: &span, bytes, "a task was submitted");
        pool.status.submitted.fetch_add(1, Ordering::Relaxed);
        let Schedule { priority, retries, time_limit, deadline } = task.schedule;
        let time_limit = time_limit.or(options.task_time_limit);
        let deadline = deadline.or_else(|| Instant::now().checked_add(options.task_deadline?));
        let options = own.or_else(|| task.options.as_deref().cloned()).unwrap_or_default();
        audit::given(id, module.plugin(), &decisions);
        let mut job = Job {
            options,
            class,
            objects,
            input: task.input.clone(),
            priority,
            retries,
            time_limit,
            deadline,
            ..Job::new(id, module, argument, promise, span)
        };
        job.recording = self.record(&job, &task.source);
        match pool.mailbox.submit(Box::new(job)) {
            Ok(()) => {
                metrics::task_submitted();
                Ok(future)
            }
            Err(_) => {
                pool.room.give_back_all(bytes);
                ends.give_back();
                pool.status.submitted.fetch_sub(1, Ordering::Relaxed);
                Err(self.check_open().err().unwrap_or_else(Error::shutdown))
            }
        }
    }

    /// Waits for a place in the room.
    pub(super) fn take_place(&self) -> Result<(), Error> {
        if self.inner.pool.room.take(|| self.check_open().is_err()) { Ok(()) } else { self.check_open() }
    }

    fn take_room(&self, bytes: usize, on_full: OnFull) -> Result<(), Error> {
        let room = &self.inner.pool.room;
        match on_full {
            OnFull::Wait if room.take_bytes(bytes, || self.check_open().is_err()) => Ok(()),
            // It is not open any more.
            OnFull::Wait => Err(self.check_open().err().unwrap_or_else(Error::shutdown)),
            OnFull::Refuse if room.try_take_bytes(bytes) => Ok(()),
            OnFull::Refuse => {
                let message = format!(
                    "the queue is full: the task has {bytes} bytes of arguments, those of all unfinished tasks together may \
                     have {}; wait for some, submit() to wait for room, or raise max_pending_bytes()",
                    room.max_bytes()
                );
                Err(Error::new(ErrorKind::QueueFull, message))
            }
        }
    }
}
