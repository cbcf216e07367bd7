//! What tasks say of their progress: checked, and handed to those who watch.

use super::EventLoop;
use crate::limits::MAX_PROGRESS_TEXT_BYTES;
use crate::task::{Progress, TaskId, WorkerId};
use std::sync::Arc;

impl EventLoop {
    pub(super) fn progressed(&mut self, worker: WorkerId, task: TaskId, progress: Progress) {
        if progress.message.len() > MAX_PROGRESS_TEXT_BYTES {
            return self.lied(worker, "a text on a task's progress is over its limit".to_owned());
        }
        // A task that was cancelled while it ran is not there any more.
        if let Some(job) = self.jobs.get(&task)
            && let Some(callback) = job.promise.progressed(progress)
        {
            self.callbacks.run(callback, Arc::clone(&job.promise));
        }
    }
}
