//! What pools count, for the facade crate [`metrics`](https://docs.rs/metrics): install any of its recorders, and these are in it.
//!
//! | name | kind | labels | counts |
//! |---|---|---|---|
//! | `isopool.tasks.submitted` | counter | | tasks that were sent to a pool |
//! | `isopool.tasks.finished` | counter | `outcome` | tasks that ended, by [outcome](#outcomes) |
//! | `isopool.tasks.queue_seconds` | histogram | | from `submit` until a task was sent to the worker that ran it |
//! | `isopool.tasks.run_seconds` | histogram | | from a worker's begin to its answer |
//! | `isopool.tasks.cpu_seconds` | histogram | | processor time of the worker between the two |
//! | `isopool.tasks.peak_memory_bytes` | histogram | | most linear memory that the task's guest held |
//! | `isopool.workers.started` | counter | | worker processes that were started |
//! | `isopool.workers.lost` | counter | | worker processes that died without having been asked to |
//! | `isopool.workers.retired` | counter | | worker processes that left as they were asked to: idle, surplus, worn out, shut down |
//! | `isopool.workers.killed` | counter | | worker processes that their pool has killed: for a cancelled task, a lie, a shutdown |
//! | `isopool.modules.compiled` | counter | | modules that were compiled |
//! | `isopool.modules.compile_seconds` | histogram | | how long that took, the compile worker's start included |
//! | `isopool.modules.cache_hits` | counter | | modules that were found compiled, in the cache on disk |
//!
//! The histograms of tasks hold those that ended with an answer of their worker (those that have a
//! [report](crate::TaskFuture::report)). All executors of a program count together. Without a recorder, each count is a
//! look at one variable; a recorder is looked for anew at each count, so it may be installed at any time.
//!
//! # Outcomes
//! `returned`, `failed`, `panicked`, `codec`, `trapped`, `lost` (with its worker), `out_of_memory`, `too_large` (its result),
//! `cancelled`, `timed_out`, `quarantined`, `host_function`, `shutdown`, `other`.

use crate::error::{BrokenCause, TaskError};
use crate::task::TaskReport;
use ::metrics::{counter, histogram};
use std::time::Duration;

pub(crate) fn task_submitted() {
    counter!("isopool.tasks.submitted").increment(1);
}

pub(crate) fn task_finished<T>(result: &Result<T, TaskError>, report: Option<&TaskReport>) {
    // Each name and label is a constant, so that nothing is allocated when nobody listens.
    macro_rules! finished {
        ($outcome:literal) => {
            counter!("isopool.tasks.finished", "outcome" => $outcome).increment(1)
        };
    }
    match result {
        Ok(_) => finished!("returned"),
        Err(TaskError::Failed { .. }) => finished!("failed"),
        Err(TaskError::Panicked { .. }) => finished!("panicked"),
        Err(TaskError::Codec { .. }) => finished!("codec"),
        Err(TaskError::HostFunction { .. }) => finished!("host_function"),
        Err(TaskError::OutOfMemory { .. }) => finished!("out_of_memory"),
        Err(TaskError::ResultTooLarge { .. }) => finished!("too_large"),
        Err(TaskError::BrokenProcessPool(broken)) if matches!(broken.cause, BrokenCause::Trap(_)) => {
            finished!("trapped");
        }
        Err(TaskError::BrokenProcessPool(_)) => finished!("lost"),
        Err(TaskError::Cancelled { .. }) => finished!("cancelled"),
        Err(TaskError::TimedOut { .. }) => finished!("timed_out"),
        Err(TaskError::Quarantined { .. }) => finished!("quarantined"),
        Err(TaskError::Shutdown { .. }) => finished!("shutdown"),
        Err(_) => finished!("other"),
    }
    if let Some(report) = report {
        histogram!("isopool.tasks.queue_seconds").record(report.queue_time);
        histogram!("isopool.tasks.run_seconds").record(report.run_time);
        histogram!("isopool.tasks.cpu_seconds").record(report.cpu_time);
        histogram!("isopool.tasks.peak_memory_bytes").record(report.peak_memory_bytes as f64);
    }
}

pub(crate) fn worker_started() {
    counter!("isopool.workers.started").increment(1);
}

/// A worker process has ended; `killed` by its pool, for a reason of the pool's own.
pub(crate) fn worker_left(cause: &BrokenCause, killed: bool) {
    match cause {
        BrokenCause::Exited { code: 0 } => counter!("isopool.workers.retired").increment(1),
        BrokenCause::Protocol { .. } => counter!("isopool.workers.killed").increment(1),
        _ if killed => counter!("isopool.workers.killed").increment(1),
        _ => counter!("isopool.workers.lost").increment(1),
    }
}

pub(crate) fn module_compiled(time: Duration) {
    counter!("isopool.modules.compiled").increment(1);
    histogram!("isopool.modules.compile_seconds").record(time);
}

pub(crate) fn module_found_in_cache() {
    counter!("isopool.modules.cache_hits").increment(1);
}
