//! What belongs to one guest: the data of its store.

use super::contract::host;
use super::host_functions::HostCalls;
use super::memory_limit::MemoryLimit;
use super::nested::{ChildTasks, Children};
use super::output::{GuestStream, SharedOutput, Stream, TaskOutput};
use super::progress::ProgressGate;
use super::reach::Reach;
use super::trap::cut_at;
use crate::executor::{GuestOutput, Reuse};
use crate::limits::{MAX_HOST_RESOURCES, MAX_LOG_RECORDS, MAX_PROGRESS_TEXT_BYTES, MAX_RANDOM_BYTES};
use crate::sys;
use crate::task::{Grants, LogLevel, LogRecord, Panic, Progress, RunReport, TaskId};
use bytes::Bytes;
use isopool_guest::sync::{Object, ObjectId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Where log records go.
pub(crate) type LogSink = Arc<dyn Fn(TaskId, LogRecord) + Send + Sync>;

/// Where words on a task's progress go.
pub(crate) type ProgressSink = Arc<dyn Fn(TaskId, Progress) + Send + Sync>;

/// What the guests of one process are given, and their limits.
#[derive(Clone)]
pub(crate) struct GuestSettings {
    /// 0 ≤ index < max_workers.
    pub(crate) worker_index: u32,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
    pub(crate) grants: Grants,
    pub(crate) reuse: Reuse,
    pub(crate) output: GuestOutput,
    /// The least severe level that goes to `logs`; `None`: nothing does.
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) logs: LogSink,
    pub(crate) progress: ProgressSink,
    pub(crate) max_result_bytes: u64,
    pub(crate) max_output_bytes: u64,
    pub(crate) max_memory_bytes: u64,
    /// Of the arguments of a nested task.
    pub(crate) max_argument_bytes: u64,
    /// How deep tasks may be nested.
    pub(crate) max_depth: u32,
    /// How often one task may call host functions.
    pub(crate) max_host_function_calls: u64,
    /// Of the arguments of one call.
    pub(crate) max_host_function_bytes: u64,
    /// The way of tasks that tasks submit.
    pub(crate) children: Arc<dyn ChildTasks>,
    /// The way of calls of host functions.
    pub(crate) host: Arc<dyn HostCalls>,
}

/// What one task has that others of its executor have not, and that a guest reads only once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Own<'a> {
    /// Variables beside the executor's.
    pub(crate) environment: &'a [(String, String)],
    /// After the executor's; for a program its name comes first, before those.
    pub(crate) arguments: &'a [String],
    /// What a program reads from standard input; `None` for functions.
    pub(crate) stdin: Option<&'a [u8]>,
}

impl Own<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.environment.is_empty() && self.arguments.is_empty() && self.stdin.is_none()
    }
}

/// What is being run.
pub(super) struct Purview<'a> {
    /// `None` for calls that are no task: the initializer, the list of functions.
    pub(super) task: Option<TaskId>,
    pub(super) function: &'a str,
    /// The shared objects that it may use.
    pub(super) objects: &'a [Arc<dyn Object>],
    /// The task's own choice, before the executor's.
    pub(super) output: Option<GuestOutput>,
    /// How deep the task is nested.
    pub(super) depth: u32,
}

/// The data of one store.
pub(super) struct Guest {
    pub(super) settings: Arc<GuestSettings>,
    wasi: WasiCtx,
    resources: ResourceTable,
    output: SharedOutput,
    pub(super) memory: MemoryLimit,
    task: Option<TaskId>,
    depth: u32,
    pub(super) children: Children,
    /// Calls of host functions that the task has made.
    pub(super) host_function_calls: u64,
    begun: Instant,
    /// Processor time of this thread at that moment.
    begun_cpu: Duration,
    progress: ProgressGate,
    pub(super) panic: Option<Panic>,
    log_records_left: u32,
    dropped_log_records: u32,
    /// What the task was passed, and nothing else.
    objects: HashMap<ObjectId, Arc<dyn Object>>,
}

impl Guest {
    /// A guest that sees what the executor gives, and what its task has of its own.
    pub(super) fn new(settings: &Arc<GuestSettings>, reach: &Reach, own: Own<'_>) -> Self {
        let environment = own.environment;
        let mut output = TaskOutput::new(settings.max_output_bytes);
        if own.stdin.is_some() {
            output.captures(settings.max_result_bytes);
        }
        let output = Arc::new(Mutex::new(output));
        let stream = |stream| GuestStream { output: Arc::clone(&output), stream };
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(MAX_HOST_RESOURCES);
        // Everything else is closed by default, and what is granted is opened by `reach`: standard input and names are not.
        let is_hidden = |name: &String| environment.iter().any(|(other, _)| other == name);
        let mut wasi = WasiCtx::builder();
        for (name, value) in settings.environment.iter().filter(|(name, _)| !is_hidden(name)).chain(environment) {
            wasi.env(name, value);
        }
        let (name, own_arguments) = own.arguments.split_at(usize::from(own.stdin.is_some()).min(own.arguments.len()));
        wasi.args(name).args(&settings.arguments).args(own_arguments);
        if let Some(bytes) = own.stdin {
            wasi.stdin(MemoryInputPipe::new(Bytes::copy_from_slice(bytes)));
        }
        let mut wasi = wasi
            .stdout(stream(Stream::Stdout))
            .stderr(stream(Stream::Stderr))
            .max_random_size(MAX_RANDOM_BYTES)
            .build();
        reach.give(&mut wasi);
        Self {
            settings: Arc::clone(settings),
            wasi,
            resources,
            output,
            memory: MemoryLimit::new(settings.max_memory_bytes),
            task: None,
            depth: 0,
            children: Children::default(),
            host_function_calls: 0,
            begun: Instant::now(),
            begun_cpu: Duration::ZERO,
            progress: ProgressGate::default(),
            panic: None,
            log_records_left: 0,
            dropped_log_records: 0,
            objects: HashMap::new(),
        }
    }

    /// A task begins: every budget is full again.
    pub(super) fn begin(&mut self, purview: &Purview<'_>) {
        self.begun = Instant::now();
        self.begun_cpu = cpu_time();
        self.task = purview.task;
        self.depth = purview.depth;
        self.children = Children::default();
        self.host_function_calls = 0;
        self.panic = None;
        self.log_records_left = MAX_LOG_RECORDS;
        self.dropped_log_records = 0;
        self.memory.reset_peak();
        self.objects = purview.objects.iter().map(|object| (object.id(), Arc::clone(object))).collect();
        let function = purview.function;
        let output = purview.output.unwrap_or(self.settings.output);
        match purview.task {
            Some(task) => self.output.lock().begin(output, format_args!("task {task} {function}")),
            None => self.output.lock().begin(output, format_args!("initializer {function}")),
        }
    }

    /// The task has ended.
    pub(super) fn end(&mut self) -> RunReport {
        let (last_word, dropped_progress) = self.progress.end();
        if let (Some(task), Some(progress)) = (self.task, last_word) {
            (self.settings.progress)(task, progress);
        }
        self.objects.clear();
        RunReport {
            run_time: self.begun.elapsed(),
            cpu_time: cpu_time().saturating_sub(self.begun_cpu),
            peak_memory_bytes: self.memory.peak(),
            dropped_log_records: self.dropped_log_records,
            dropped_progress,
            output: self.output.lock().end(),
        }
    }

    /// Sends a log record on its way, if anyone listens and the task has not said too much.
    pub(super) fn log(&mut self, record: LogRecord) {
        let Some(task) = self.task else { return };
        if self.settings.log_level.is_none_or(|least| record.level > least) {
            return;
        }
        if self.log_records_left == 0 {
            self.dropped_log_records = self.dropped_log_records.saturating_add(1);
            return;
        }
        self.log_records_left -= 1;
        (self.settings.logs)(task, record);
    }

    /// A shared object, if the task was passed it.
    pub(super) fn object(&self, id: ObjectId) -> Option<&Arc<dyn Object>> {
        self.objects.get(&id)
    }

    /// Sends a word on the task's progress on its way, or keeps it until it is time for one.
    pub(super) fn progress(&mut self, done: u64, total: u64, message: String) {
        let Some(task) = self.task else { return };
        let progress = Progress { done, total, message: cut_at(message, MAX_PROGRESS_TEXT_BYTES) };
        if let Some(progress) = self.progress.say(progress, Instant::now()) {
            (self.settings.progress)(task, progress);
        }
    }

    pub(super) fn task(&self) -> Option<TaskId> {
        self.task
    }

    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    pub(super) fn resources(&mut self) -> &mut ResourceTable {
        &mut self.resources
    }

    /// Whether the guest holds handles of the host, such as its standard output.
    pub(super) fn holds_handles(&self) -> bool {
        !self.resources.is_empty()
    }

    /// Where the task runs, for the guest.
    pub(super) fn context(&self) -> host::TaskContext {
        host::TaskContext { task_id: self.task.map_or(0, TaskId::get), worker_index: self.settings.worker_index }
    }
}

/// What this thread has used; zero if the system does not say.
fn cpu_time() -> Duration {
    sys::thread_cpu_time().unwrap_or_default()
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}
