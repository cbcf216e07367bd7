//! What workers say of their tasks is within the limits that an honest worker keeps, or not taken.

use super::EventLoop;
use crate::dispatcher::told::log;
use crate::limits::{MAX_CAPTURED_OUTPUT_BYTES, MAX_MESSAGE_BYTES};
use crate::task::{Limit, LogRecord, Outcome, RunReport, TaskId, WorkerId};

/// What is too large of an answer.
pub(super) fn oversized(outcome: &Outcome, report: &RunReport) -> Option<&'static str> {
    if !outcome.is_within_limits() {
        return Some("a text of an answer is over its limit");
    }
    let output = report.output.stdout.len() + report.output.stderr.len();
    (output > MAX_CAPTURED_OUTPUT_BYTES).then_some("the output of a task is over its limit")
}

/// What was not asked for: a task that was asked to stop has ended before, and is not there any more.
pub(super) fn unasked(outcome: &Outcome, is_there: bool) -> Option<&'static str> {
    (is_there && *outcome == Outcome::Stopped).then_some("it stopped a task that it was not asked to stop")
}

fn is_within_limits(record: &LogRecord) -> bool {
    let LogRecord { level: _, target, message, file, line: _ } = record;
    [target, message].into_iter().chain(file).all(|text| text.len() <= MAX_MESSAGE_BYTES)
}

impl EventLoop {
    pub(super) fn logged(&mut self, worker: WorkerId, task: TaskId, record: &LogRecord) {
        if !is_within_limits(record) {
            return self.lied(worker, "a text of a log record is over its limit".to_owned());
        }
        let Some(name) = self.workers.0.get(&worker).map(|worker| worker.name) else { return };
        // A task that was cancelled while it ran is not there any more.
        let Some(job) = self.jobs.get_mut(&task) else { return };
        job.log_records += 1;
        let own = job.options.limits.iter().find(|(limit, _)| *limit == Limit::LogRecords).map(|(_, value)| *value);
        let most = own.unwrap_or_else(|| self.config.task_limits.get(Limit::LogRecords));
        // Each worker that begins it may say as much.
        if job.log_records > most.saturating_mul(u64::from(job.attempts)) {
            return self.lied(worker, format!("a task has more than {most} log records"));
        }
        log(Some(job), name, record);
    }
}
