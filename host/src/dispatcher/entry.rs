//! A task as its dispatcher keeps it.

use super::promise::Promise;
use crate::bundle::Recording;
use crate::error::{BrokenProcessPool, WorkerRef};
use crate::ipc::{Payload, RunOptions};
use crate::module::Prepared;
use crate::queue::Turn;
use crate::sandbox::HardeningReport;
use crate::sync::SharedObject;
use crate::task::{Class, ClassId, TaskId, WorkerId};
use parking_lot::Mutex;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A task, ready to be sent.
pub(crate) struct Job {
    pub(crate) id: TaskId,
    pub(crate) module: Arc<Prepared>,
    pub(crate) argument: Payload,
    /// What a program reads while it runs, instead of its argument.
    pub(crate) input: Option<Arc<OwnedFd>>,
    /// The shared objects among its arguments.
    pub(crate) objects: Vec<Arc<SharedObject>>,
    pub(crate) options: RunOptions,
    pub(crate) promise: Arc<Promise>,
    pub(crate) submitted_at: Instant,
    /// When it was sent to the worker that has it.
    pub(crate) sent_at: Option<Instant>,
    /// That worker.
    pub(crate) sent_to: Option<WorkerId>,
    pub(crate) span: tracing::Span,
    /// In which workers it may run.
    pub(crate) class: Arc<Class>,
    /// The number of that: given by the event loop.
    pub(crate) class_id: ClassId,
    /// Who is told of its end, when that is a task.
    pub(crate) parent: Option<Parent>,
    /// 0: the caller has submitted it.
    pub(crate) depth: u32,
    /// Higher is more urgent.
    pub(crate) priority: i32,
    /// How often it may be run again after its worker was lost.
    pub(crate) retries: u32,
    /// For how long it may run.
    pub(crate) time_limit: Option<Duration>,
    /// When it must have ended.
    pub(crate) deadline: Option<Instant>,
    /// How often it was begun, or will have been when it begins the next time.
    pub(crate) attempts: u32,
    /// Log records that came of it.
    pub(crate) log_records: u64,
    /// How often it has called host functions since it begun.
    pub(crate) host_function_calls: u64,
    /// What is kept of it for a crash bundle, where its executor wants them.
    pub(crate) recording: Option<Arc<Recording>>,
}

impl Job {
    /// A task of the caller's own, of which nothing is special.
    pub(crate) fn new(
        id: TaskId,
        module: Arc<Prepared>,
        argument: Vec<u8>,
        promise: Arc<Promise>,
        span: tracing::Span,
    ) -> Self {
        Self {
            id,
            module,
            argument: Arc::new(argument),
            input: None,
            objects: Vec::new(),
            options: RunOptions::default(),
            promise,
            submitted_at: Instant::now(),
            sent_at: None,
            sent_to: None,
            span,
            class: Arc::default(),
            class_id: ClassId::default(),
            parent: None,
            depth: 0,
            priority: 0,
            retries: 0,
            time_limit: None,
            deadline: None,
            attempts: 1,
            log_records: 0,
            host_function_calls: 0,
            recording: None,
        }
    }

    /// How long its deadline was away when it was submitted.
    pub(crate) fn time_to_deadline(&self) -> Duration {
        self.deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(self.submitted_at))
    }

    /// Its turn among others.
    pub(crate) fn turn(&self) -> Turn {
        Turn::new(self.id, self.priority, self.retries)
            .with_time_limit(self.time_limit)
            .with_deadline(self.deadline)
            .with_class(self.class_id)
            .with_module(self.module.number)
    }
}

/// Where a child of a task was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) worker: WorkerId,
    pub(crate) task: TaskId,
    /// Its number among the children of that task.
    pub(crate) child: u32,
}

/// What callers may know of a pool without asking its dispatcher.
#[derive(Debug, Default)]
pub(crate) struct PoolStatus {
    /// What the worker that came up last said of its sandbox.
    pub(crate) hardening: Mutex<Option<HardeningReport>>,
    pub(crate) broken: Mutex<Option<BrokenProcessPool>>,
    pub(crate) workers: Mutex<Vec<WorkerRef>>,
    /// A worker has nothing to do, and nothing waits for one: the next task begins at once.
    pub(crate) takes_at_once: AtomicBool,
    /// The next task's number.
    pub(crate) next_task: AtomicU64,
    pub(crate) submitted: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) workers_started: AtomicU64,
    pub(crate) workers_lost: AtomicU64,
    pub(crate) workers_retired: AtomicU64,
    pub(crate) workers_replaced: AtomicU64,
}

/// A look at a pool. The numbers are read one after another, while the pool goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Worker processes that are up, by index.
    pub workers: Vec<WorkerRef>,
    /// Tasks that were submitted.
    pub submitted: u64,
    /// Tasks that wait for a worker.
    pub waiting: u64,
    /// Tasks that ended with a value.
    pub finished: u64,
    /// Tasks that ended with an error, cancelled ones not counted.
    pub failed: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Worker processes started, ever.
    pub workers_started: u64,
    /// Worker processes that died without having been asked to leave, ever.
    pub workers_lost: u64,
    /// Worker processes that were asked to leave because they had served long enough, ever. See
    /// [`ExecutorBuilder::max_tasks_per_worker`](crate::ExecutorBuilder::max_tasks_per_worker) and what stands beside it.
    pub workers_retired: u64,
    /// Worker processes that were asked to leave for one of another [tenant](crate::Task::tenant), or with other grants, ever.
    pub workers_replaced: u64,
}

impl PoolStatus {
    pub(crate) fn stats(&self) -> Stats {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let mut workers = self.workers.lock().clone();
        workers.sort_unstable_by_key(|worker| worker.index);
        Stats {
            workers,
            submitted: get(&self.submitted),
            waiting: get(&self.waiting),
            finished: get(&self.finished),
            failed: get(&self.failed),
            cancelled: get(&self.cancelled),
            workers_started: get(&self.workers_started),
            workers_lost: get(&self.workers_lost),
            workers_retired: get(&self.workers_retired),
            workers_replaced: get(&self.workers_replaced),
        }
    }
}
