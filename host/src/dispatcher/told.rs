//! What workers say of tasks, in the words of users.

use super::entry::Job;
use crate::audit;
use crate::error::{BrokenCause, BrokenProcessPool, TaskError, TaskRef, TimeLimit, WorkerRef};
use crate::ipc::{LogLevel, LogRecord};
use crate::task::{GrantKind, HostFaultKind, Outcome, RunReport, TaskReport};
use std::time::Duration;

/// A worker's word on how a task ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) worker: WorkerRef,
    pub(crate) outcome: Outcome,
    pub(crate) payload: Vec<u8>,
    pub(crate) report: RunReport,
}

/// The error for a task that returned nothing.
pub(crate) fn to_error(task: &TaskRef, worker: WorkerRef, outcome: Outcome) -> TaskError {
    let task = task.clone();
    match outcome {
        Outcome::Failed(failure) => TaskError::Failed { task, failure },
        Outcome::Panicked(panic) => TaskError::Panicked { task, panic },
        Outcome::Codec(failure) => TaskError::Codec { task, failure },
        Outcome::OutOfMemory { bound, limit, peak } => TaskError::OutOfMemory { task, bound, limit, peak },
        Outcome::ResultTooLarge { size, limit } => TaskError::ResultTooLarge { task, size, limit },
        Outcome::ModuleFailed(message) => TaskError::ModuleFailed { task, message },
        Outcome::LimitExceeded(exceeded) => TaskError::LimitExceeded { task, exceeded },
        Outcome::Stopped => {
            let message = "it was stopped, which nobody had asked for".to_owned();
            TaskError::ModuleFailed { task, message }
        }
        Outcome::GrantFailed(message) => TaskError::GrantFailed { task, message },
        Outcome::HostFunction(fault) => TaskError::HostFunction { task, fault },
        Outcome::Trapped(trap) => TaskError::BrokenProcessPool(Box::new(BrokenProcessPool {
            task: Some(task),
            culprit: None,
            worker: Some(worker),
            cause: BrokenCause::Trap(trap),
        })),
        Outcome::Returned => {
            let message = "it returned and did not return".to_owned();
            TaskError::ModuleFailed { task, message }
        }
    }
}

/// A call of a host function that was refused for its limits is a denial.
pub(crate) fn audit_denial(error: &TaskError) {
    use HostFaultKind::{Refused, TimedOut, TooLarge, TooMany};
    if let TaskError::HostFunction { task, fault } = error
        && matches!(fault.kind, Refused | TimedOut | TooLarge | TooMany)
    {
        let plugin = audit::Plugin { module: task.module(), hash: task.module_hash() };
        audit::refused(Some(task.id()), plugin, GrantKind::HostFunction, &fault.function, &fault.message);
    }
}

/// The error for a task that was not given more time.
pub(crate) fn timed_out(task: &TaskRef, limit: Duration, which: TimeLimit) -> TaskError {
    TaskError::TimedOut { task: task.clone(), limit, which }
}

/// Gives a guest's log record to the caller's `tracing` subscriber.
pub(crate) fn log(job: Option<&Job>, worker: WorkerRef, record: &LogRecord) {
    let Some(job) = job else { return };
    let LogRecord { level, target, message, file, line } = record;
    let (task, function) = (job.id.get(), job.promise.task.function());
    // The macros need a level that is known when they are compiled.
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "isopool::guest",
                parent: &job.span,
                tracing::Level::$level,
                task,
                function,
                worker = worker.index,
                guest.target = target.as_str(),
                guest.file = file.as_deref(),
                guest.line = line,
                "{message}"
            )
        };
    }
    match level {
        LogLevel::Error => event!(ERROR),
        LogLevel::Warn => event!(WARN),
        LogLevel::Info => event!(INFO),
        LogLevel::Debug => event!(DEBUG),
        LogLevel::Trace => event!(TRACE),
    }
}

/// What the task cost.
pub(crate) fn report(job: &Job, told: &Told) -> TaskReport {
    TaskReport {
        queue_time: job.sent_at.unwrap_or(job.submitted_at).duration_since(job.submitted_at),
        run_time: told.report.run_time,
        cpu_time: told.report.cpu_time,
        peak_memory_bytes: told.report.peak_memory_bytes,
        fuel_used: told.report.fuel_used,
        attempts: job.attempts,
        worker_index: told.worker.index,
        pid: told.worker.pid,
        dropped_log_records: told.report.dropped_log_records,
        dropped_progress: told.report.dropped_progress,
        output: told.report.output.clone(),
    }
}

/// Tells of a process that nobody asked to leave.
pub(crate) fn death(worker: WorkerRef, was_up: bool, cause: &str) {
    if was_up {
        tracing::warn!(%worker, cause, "a worker died");
    } else {
        // Another one is started. If that goes on, the pool breaks and says why.
        tracing::info!(%worker, cause, "a worker died before it was ready");
    }
}
