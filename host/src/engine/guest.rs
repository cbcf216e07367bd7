//! What belongs to one guest: the data of its store.

use super::chance::Chance;
use super::contract::host;
use super::deterministic::{Seed, VirtualClock, VirtualTime};
use super::ending::{StopAsked, give_up};
use super::host_functions::HostCalls;
use super::memory_limit::MemoryLimit;
use super::nested::{ChildTasks, Children};
use super::output::{GuestStream, SharedOutput, Stream, TaskOutput};
use super::progress::ProgressGate;
use super::reach::Reach;
use super::stdin::Stdin;
use super::trap::cut_at;
use super::values::Handles;
use crate::executor::{Flavour, GuestOutput, Overflow, Reuse};
use crate::limits::{MAX_PROGRESS_TEXT_BYTES, PROGRAM_END_BYTES};
use crate::sys;
use crate::task::{Grants, Limit, LimitExceeded, LogLevel, LogRecord, Panic, Progress, RunReport, TaskId, TaskLimits};
use isopool_guest::sync::{Object, ObjectId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
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
    /// Of each task, unless it has lower ones.
    pub(crate) limits: TaskLimits,
    pub(crate) overflow: Overflow,
    pub(crate) flavour: Flavour,
    /// The seed of guests that see nothing of the world but their arguments.
    pub(crate) deterministic: Option<u64>,
    /// Of the whole process.
    pub(crate) max_worker_memory_bytes: u64,
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
    pub(crate) stdin: Option<Stdin<'a>>,
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
    pub(super) limits: TaskLimits,
    /// Whether it is to stop; `None`: nobody asks.
    pub(super) stop: Option<StopAsked>,
}

impl<'a> Purview<'a> {
    /// Of a call that is no task.
    pub(super) fn of_no_task(function: &'a str, settings: &GuestSettings) -> Self {
        let limits = settings.limits;
        Self { task: None, function, objects: &[], output: None, depth: 0, limits, stop: None }
    }
}

/// What a guest sees of time and chance.
pub(super) enum World<'a> {
    /// The machine's.
    Open(&'a Chance),
    /// Nothing but what follows from a seed.
    Closed(Seed),
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
    /// Its resources that the caller holds.
    pub(super) handles: Handles,
    pub(super) panic: Option<Panic>,
    limits: TaskLimits,
    log_records_left: u64,
    dropped_log_records: u32,
    host_calls_left: u64,
    stop: Option<StopAsked>,
    /// The time of a guest that sees no other.
    clock: Option<VirtualClock>,
    /// What the task was passed, and nothing else.
    objects: HashMap<ObjectId, Arc<dyn Object>>,
}

impl Guest {
    /// A guest that sees what the executor gives, and what its task has of its own; in a closed world, nothing else.
    pub(super) fn new(settings: &Arc<GuestSettings>, reach: &Reach, own: Own<'_>, world: World<'_>) -> Self {
        let environment = own.environment;
        let limits = settings.limits;
        let mut output = TaskOutput::new(settings.overflow);
        if own.stdin.is_some() {
            output.captures(settings.max_result_bytes.saturating_sub(PROGRAM_END_BYTES));
        }
        let output = Arc::new(Mutex::new(output));
        let stream = |stream| GuestStream { output: Arc::clone(&output), stream };
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(limits.size(Limit::HostResources));
        // Everything else is closed by default, and what is granted is opened by `reach`: standard input and names are not.
        let is_hidden = |name: &String| environment.iter().any(|(other, _)| other == name);
        let mut wasi = WasiCtx::builder();
        for (name, value) in settings.environment.iter().filter(|(name, _)| !is_hidden(name)).chain(environment) {
            wasi.env(name, value);
        }
        let (clock, handles) = match world {
            World::Open(chance) => {
                chance.give(&mut wasi);
                (None, Handles::new(chance.number()))
            }
            World::Closed(seed) => (Some(seed.close_world(&mut wasi)), Handles::default()),
        };
        let (name, own_arguments) = own.arguments.split_at(usize::from(own.stdin.is_some()).min(own.arguments.len()));
        wasi.args(name).args(&settings.arguments).args(own_arguments);
        if let Some(stdin) = own.stdin {
            stdin.give(&mut wasi);
        }
        let mut wasi = wasi
            .stdout(stream(Stream::Stdout))
            .stderr(stream(Stream::Stderr))
            .max_random_size(limits.get(Limit::RandomBytes))
            .build();
        reach.give(&mut wasi);
        Self {
            settings: Arc::clone(settings),
            wasi,
            resources,
            output,
            memory: MemoryLimit::new(&limits, settings.max_worker_memory_bytes),
            task: None,
            depth: 0,
            children: Children::default(),
            host_function_calls: 0,
            begun: Instant::now(),
            begun_cpu: Duration::ZERO,
            progress: ProgressGate::default(),
            handles,
            panic: None,
            limits,
            log_records_left: 0,
            dropped_log_records: 0,
            host_calls_left: u64::MAX,
            stop: None,
            clock,
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
        self.limits = purview.limits;
        self.log_records_left = self.limits.get(Limit::LogRecords);
        self.dropped_log_records = 0;
        self.host_calls_left = self.limits.get(Limit::HostCalls);
        self.stop = purview.stop.clone();
        self.memory.begin(&self.limits);
        self.objects = purview.objects.iter().map(|object| (object.id(), Arc::clone(object))).collect();
        let function = purview.function;
        let output = purview.output.unwrap_or(self.settings.output);
        let max_bytes = self.limits.get(Limit::OutputBytes);
        match purview.task {
            Some(task) => self.output.lock().begin(output, max_bytes, format_args!("task {task} {function}")),
            None => self.output.lock().begin(output, max_bytes, format_args!("initializer {function}")),
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
            fuel_used: None,
            dropped_log_records: self.dropped_log_records,
            dropped_progress,
            output: self.output.lock().end(),
        }
    }

    /// Sends a log record on its way, if anyone listens and the task has not said too much.
    pub(super) fn log(&mut self, record: LogRecord) -> wasmtime::Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        if self.settings.log_level.is_none_or(|least| record.level > least) {
            return Ok(());
        }
        if self.log_records_left == 0 {
            self.dropped_log_records = self.dropped_log_records.saturating_add(1);
            return match self.settings.overflow {
                Overflow::Drop => Ok(()),
                Overflow::Fail => Err(self.exceeded(Limit::LogRecords).into()),
            };
        }
        self.log_records_left -= 1;
        (self.settings.logs)(task, record);
        Ok(())
    }

    /// The task has used up all that a limit allows.
    pub(super) fn exceeded(&self, limit: Limit) -> LimitExceeded {
        LimitExceeded { limit, value: self.limits.get(limit), asked: None }
    }

    pub(super) fn limits(&self) -> &TaskLimits {
        &self.limits
    }

    /// The guest calls the host. Every import comes by here: it is what the linker gets the guest by.
    pub(super) fn called(&mut self) -> &mut Self {
        match self.host_calls_left.checked_sub(1) {
            Some(left) => self.host_calls_left = left,
            None => give_up(self.exceeded(Limit::HostCalls)),
        }
        self
    }

    /// Whether the task was asked to stop.
    pub(super) fn is_to_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop())
    }

    /// The clock and the handles of a guest that sees no time but its own.
    pub(super) fn virtual_time(&mut self) -> VirtualTime<'_> {
        self.called();
        let clock = self.clock.clone().expect("only the linker of deterministic guests asks for it");
        VirtualTime { clock, table: &mut self.resources }
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
        // Which worker it is, and how many tasks there were, would tell two runs of one call apart.
        if self.clock.is_some() {
            return host::TaskContext { task_id: 0, worker_index: 0 };
        }
        host::TaskContext { task_id: self.task.map_or(0, TaskId::get), worker_index: self.settings.worker_index }
    }
}

/// What this thread has used; zero if the system does not say.
fn cpu_time() -> Duration {
    sys::thread_cpu_time().unwrap_or_default()
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.called();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}
