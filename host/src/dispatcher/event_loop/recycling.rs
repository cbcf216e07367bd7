//! Workers that are looked at and recycled, and tasks that are run again.

use super::EventLoop;
use crate::dispatcher::action::Retirement;
use crate::dispatcher::event::Event;
use crate::process;
use crate::task::{TaskId, WorkerId};
use std::sync::atomic::Ordering;

impl EventLoop {
    pub(super) fn retry(&mut self, id: WorkerId, task: TaskId) {
        let (Some(worker), Some(job)) = (self.workers.0.get(&id), self.jobs.get_mut(&task)) else { return };
        let cause = self.cause.as_ref().map(|(_, cause)| cause.to_string()).unwrap_or_default();
        tracing::warn!(
            parent: &job.span,
            worker = %worker.name,
            cause,
            attempt = job.attempts,
            attempts_allowed = u64::from(job.retries) + 1,
            "{} was lost with its worker and is run again",
            job.promise.task
        );
        job.attempts += 1;
        // It begins with none again.
        self.families.remove(&task);
        job.host_function_calls = 0;
        job.recording.iter().for_each(|recording| recording.begins_again());
        job.promise.waits_again();
    }

    /// What the kernel says, not the worker: that may lie.
    pub(super) fn measure(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.0.get(&id) else { return };
        let resident_bytes = process::resident_bytes(worker.name.pid).unwrap_or_else(|error| {
            tracing::error!(worker = %worker.name, %error, "the memory of a worker cannot be read; it counts as none");
            0
        });
        self.events.push_back(Event::WorkerMeasured { worker: id, resident_bytes });
    }

    pub(super) fn retire(&mut self, id: WorkerId, why: Retirement) {
        let Some(worker) = self.workers.0.get(&id) else { return };
        self.status.workers_retired.fetch_add(1, Ordering::Relaxed);
        let worker = worker.name;
        match why {
            Retirement::Tasks { ended } => {
                tracing::info!(%worker, tasks = ended, "a worker retires: it has run as many tasks as one may");
            }
            Retirement::Age { age } => {
                tracing::info!(%worker, age_s = age.as_secs_f64(), "a worker retires: it is as old as one may become");
            }
            Retirement::Growth { least_bytes, resident_bytes } => {
                tracing::warn!(
                    %worker,
                    least_bytes,
                    resident_bytes,
                    "a worker retires: its memory has grown by more than one may keep"
                );
            }
        }
    }

    pub(super) fn replace(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.0.get(&id) else { return };
        self.status.workers_replaced.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(worker = %worker.name, "a worker makes way for one of another tenant, or with other grants");
    }
}
