//! Modules that are put in quarantine, and what their tasks are told.

use super::EventLoop;
use crate::dispatcher::entry::Job;
use crate::dispatcher::quarantine::Refusal;
use crate::error::{BrokenCause, Quarantine, TaskError};
use crate::task::{ModuleNumber, WorkerId};
use std::time::Instant;

impl EventLoop {
    /// A worker is gone, and may have run a task.
    pub(super) fn note_death(&mut self, id: WorkerId, cause: &BrokenCause) {
        let Some(top) = self.workers.0.get(&id).filter(|worker| !worker.killed).and_then(|worker| worker.top()) else {
            return;
        };
        if let Some(job) = self.jobs.get(&top) {
            self.deaths.insert(job.module.number, cause.clone());
        }
    }

    pub(super) fn quarantine(&mut self, module: ModuleNumber, refusal: Refusal) {
        let name = self.jobs.values().find(|job| job.module.number == module).map(|job| job.module.display_name());
        let time_s = ends_in(refusal).map(|time| time.as_secs_f64());
        tracing::warn!(
            module = name,
            deaths = refusal.deaths,
            time_s,
            "a module is in quarantine: its tasks kill workers"
        );
    }

    pub(super) fn quarantined(&self, job: &Job, refusal: Refusal) -> TaskError {
        let last = self.deaths.get(&job.module.number).cloned().unwrap_or(BrokenCause::Vanished);
        let quarantine = Quarantine { deaths: refusal.deaths, last, ends_in: ends_in(refusal) };
        TaskError::Quarantined { task: job.promise.task.clone(), quarantine: Box::new(quarantine) }
    }
}

fn ends_in(refusal: Refusal) -> Option<std::time::Duration> {
    refusal.until.map(|until| until.saturating_duration_since(Instant::now()))
}
