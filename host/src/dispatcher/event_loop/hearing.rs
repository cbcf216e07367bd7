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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_TRACE_ENTRIES;
    use crate::task::{CapturedOutput, HostFault, HostFaultKind, Location, Panic};

    #[test]
    fn what_no_honest_worker_says_of_an_end_is_told() {
        let report = RunReport::default();
        assert!(unasked(&Outcome::Stopped, true).is_some() && unasked(&Outcome::Stopped, false).is_none());
        assert_eq!((unasked(&Outcome::Returned, true), oversized(&Outcome::Returned, &report)), (None, None));
        let (long, short) = ("x".repeat(MAX_MESSAGE_BYTES + 1), "x".repeat(MAX_MESSAGE_BYTES));
        let panic = |file: &str, entries: usize| {
            let location = Some(Location { file: file.to_owned(), line: 1, column: 1 });
            Outcome::Panicked(Panic { message: String::new(), location, backtrace: vec![String::new(); entries] })
        };
        let fault = |function: &str| {
            let (kind, message) = (HostFaultKind::Failed, String::new());
            Outcome::HostFunction(HostFault { function: function.to_owned(), kind, message })
        };
        for large in [panic(&long, 0), panic("", MAX_TRACE_ENTRIES + 1), fault(&long)] {
            assert!(oversized(&large, &report).is_some());
        }
        for within in [panic(&short, MAX_TRACE_ENTRIES), fault(&short)] {
            assert_eq!(oversized(&within, &report), None);
        }
        let output = CapturedOutput { stdout: vec![0; MAX_CAPTURED_OUTPUT_BYTES], stderr: vec![0], dropped_bytes: 0 };
        assert!(oversized(&Outcome::Returned, &RunReport { output, ..RunReport::default() }).is_some());
    }
}
