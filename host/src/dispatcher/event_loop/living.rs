//! What ends an instance that keeps its state, in words.

use super::EventLoop;
use crate::dispatcher::told::to_error;
use crate::error::{BrokenCause, WorkerRef};
use crate::task::{Outcome, TaskId, WorkerId};

impl EventLoop {
    /// Whether the end of a task is to break a pool that is contained as a whole; notes why.
    pub(super) fn note_end(&mut self, worker: WorkerRef, task: TaskId, outcome: &Outcome) -> bool {
        let cause = match outcome {
            Outcome::Trapped(trap) => BrokenCause::Trap(trap.clone()),
            // The instance goes on: it has given an answer.
            Outcome::Returned | Outcome::Failed(_) | Outcome::Codec(_) => return false,
            _ if !self.state.has_one_life() => return false,
            // One that was cancelled before is not there any more.
            ended => match self.jobs.get(&task) {
                Some(job) => {
                    // The call itself is told with its backtrace.
                    let error = to_error(&job.promise.task, worker, ended.clone()).to_string();
                    let reason = error.lines().next().unwrap_or_default().to_owned();
                    BrokenCause::InstanceEnded { reason }
                }
                None => stopped(),
            },
        };
        self.cause = Some((Some(worker), cause));
        true
    }

    /// What ended a worker of a pool that has only one, where nobody is to blame.
    pub(super) fn explain_life(&self, id: WorkerId, cause: BrokenCause) -> BrokenCause {
        let Some(worker) = self.workers.0.get(&id).filter(|worker| self.state.has_one_life() && worker.up) else {
            return cause;
        };
        match cause {
            _ if worker.killed => stopped(),
            BrokenCause::Exited { code: 0 } => BrokenCause::InstanceEnded {
                reason: "it was without a call for longer than its idle_timeout".to_owned(),
            },
            cause => cause,
        }
    }
}

fn stopped() -> BrokenCause {
    BrokenCause::InstanceEnded { reason: "a call was stopped while it ran, by its caller or its time limit".to_owned() }
}
