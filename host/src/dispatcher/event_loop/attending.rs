//! A caller that waits for a task listens to its worker itself: that saves the way through the dispatcher's thread.

use super::EventLoop;
use crate::dispatcher::worker_handle::WorkerHandle;
use crate::task::{TaskId, WorkerId};
use nix::sys::epoll::Epoll;
use std::fs::File;
use std::sync::Arc;

impl EventLoop {
    /// Leaves the worker that runs a task to a caller's thread, which hears it from now on and until
    /// [`leave`](Self::leave); gives its channel. `None`: it is not worth it, or somebody else does.
    pub(in crate::dispatcher) fn attend(&mut self, task: TaskId) -> Option<(WorkerId, Arc<File>)> {
        let id = self.jobs.get(&task)?.sent_to?;
        let worker = self.workers.0.get_mut(&id).filter(|worker| worker.is_about_to_answer(task))?;
        worker.is_attended = true;
        if let Err(error) = watch(&self.epoll, worker) {
            worker.is_attended = false;
            tracing::debug!(worker = %worker.name, %error, "a channel cannot be left to a caller");
            return None;
        }
        Some((id, worker.channel()))
    }

    /// The dispatcher's thread hears the worker again. `has_ended`: the task that was waited for has.
    pub(in crate::dispatcher) fn leave(&mut self, id: WorkerId, has_ended: bool) {
        let Some(worker) = self.workers.0.get_mut(&id).filter(|worker| worker.is_attended) else { return };
        worker.is_attended = false;
        if has_ended {
            worker.look_out.was_worth_it();
        } else {
            worker.look_out.was_in_vain();
        }
        if worker.is_open {
            watch_or_kill(&self.epoll, worker);
        }
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
