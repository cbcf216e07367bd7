//! What becomes of those who still wait when the dispatcher has ended, or cannot go on.

use super::EventLoop;
use crate::dispatcher::mailbox::Message;
use crate::dispatcher::worker_handle::WorkerHandle;
use crate::error::{BrokenCause, BrokenProcessPool, TaskError};

impl EventLoop {
    /// After the end: nobody must wait for an answer that never comes.
    pub(in crate::dispatcher) fn refuse_the_rest(&mut self) {
        self.nursery.end();
        for message in self.mailbox.close() {
            if let Message::Submit(job) = message {
                let error = TaskError::Shutdown { task: job.promise.task.clone() };
                self.end(&job, Err(error), None);
            }
        }
        self.room.wake_all();
    }

    /// The last resort: every future gets an error, and every worker is killed.
    pub(crate) fn fail_everything(&mut self, cause: BrokenCause) {
        *self.status.broken.lock() = Some(BrokenProcessPool { task: None, culprit: None, worker: None, cause });
        for message in self.mailbox.close() {
            if let Message::Submit(job) = message {
                self.jobs.insert(job.id, job);
            }
        }
        for job in std::mem::take(&mut self.jobs).into_values() {
            let error = self.broken_error(&job.promise.task);
            self.end(&job, Err(error), None);
        }
        self.workers.0.values_mut().for_each(WorkerHandle::kill_and_reap);
        self.workers.0.clear();
        self.nursery.end();
        self.status.workers.lock().clear();
        self.room.wake_all();
    }
}
