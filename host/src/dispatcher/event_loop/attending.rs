//! A caller that waits for a task listens to its worker itself: that saves the way through the dispatcher's thread.

use super::EventLoop;
use crate::dispatcher::worker_handle::WorkerHandle;
use crate::task::{TaskId, WorkerId};
use nix::sys::epoll::Epoll;
use std::fs::File;
use std::sync::Arc;

/// What a caller's thread needs to hear a worker.
pub(in crate::dispatcher) struct Attendance {
    pub(in crate::dispatcher) worker: WorkerId,
    pub(in crate::dispatcher) channel: Arc<File>,
    /// Whether it is worth its time to look out for the answer.
    pub(in crate::dispatcher) looks_out: bool,
}

impl EventLoop {
    /// Leaves the worker that answers a task next to a caller's thread, which hears it from now on and until
    /// [`leave`](Self::leave). `None`: another answer comes first, or somebody else hears it.
    pub(in crate::dispatcher) fn attend(&mut self, task: TaskId) -> Option<Attendance> {
        let id = self.jobs.get(&task)?.sent_to?;
        let worker = self.workers.0.get_mut(&id).filter(|worker| worker.answers_next(task))?;
        worker.is_attended = true;
        if let Err(error) = watch(&self.epoll, worker) {
            worker.is_attended = false;
            tracing::debug!(worker = %worker.name, %error, "a channel cannot be left to a caller");
            return None;
        }
        Some(Attendance { worker: id, channel: worker.channel(), looks_out: worker.is_about_to_answer() })
    }

    /// The dispatcher's thread hears the worker again. `has_come`: whether that was looked out for, and seen.
    pub(in crate::dispatcher) fn leave(&mut self, id: WorkerId, has_come: Option<bool>) {
        let Some(worker) = self.workers.0.get_mut(&id).filter(|worker| worker.is_attended) else { return };
        worker.is_attended = false;
        match has_come {
            Some(true) => worker.look_out.was_worth_it(),
            Some(false) => worker.look_out.was_in_vain(),
            None => {}
        }
        if worker.is_open {
            watch_or_kill(&self.epoll, worker);
        }
    }

    /// Whether a worker can say something.
    pub(in crate::dispatcher) fn hears(&self, id: WorkerId) -> bool {
        self.workers.0.get(&id).is_some_and(|worker| worker.is_open)
    }
}

/// Tells epoll what is waited for in a worker's channel.
fn watch(epoll: &Epoll, worker: &WorkerHandle) -> nix::Result<()> {
    epoll.modify(worker.socket(), &mut worker.interest())
}

/// As [`watch`]; a worker that cannot be heard is of no use.
pub(super) fn watch_or_kill(epoll: &Epoll, worker: &WorkerHandle) {
    if let Err(error) = watch(epoll, worker) {
        tracing::error!(worker = %worker.name, %error, "a channel could not be watched");
        worker.kill();
    }
}
