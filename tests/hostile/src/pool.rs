//! A pool under attack, and the words for how an attack ended.

use guest_basic::value;
use isopool::{
    BrokenCause, Executor, GuestOutput, IntoTask, Module, ModuleErrorKind, Task, TaskError, TaskFuture, limits,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a task may run that would never end.
const SHORT: Duration = Duration::from_millis(300);

/// How long a compile worker may take for a module that it would never be done with.
const HASTE: Duration = Duration::from_secs(1);

/// How long a task may run that ends by itself, on the busiest machine.
const LONG: Duration = Duration::from_secs(120);

/// Memory of a hostile task, in bytes.
pub const MAX_MEMORY_BYTES: usize = 512 << 20;

/// Result of a hostile task, in bytes.
pub const MAX_RESULT_BYTES: usize = 1 << 20;

/// Where attacks happen: one executor for all of them.
pub struct Pool {
    executor: Executor,
    /// For modules that would be compiled for ever.
    hasty: Executor,
}

impl Pool {
    /// A pool of two workers with limits that a test can reach.
    ///
    /// # Errors
    /// As [`ExecutorBuilder::build`](isopool::ExecutorBuilder::build).
    pub fn new() -> Result<Self, isopool::Error> {
        let executor = Executor::builder()
            .max_workers(2)
            .max_memory_bytes(MAX_MEMORY_BYTES)
            .max_argument_bytes(MAX_RESULT_BYTES)
            .max_result_bytes(MAX_RESULT_BYTES)
            .guest_output(GuestOutput::Capture)
            .env("GIVEN", "to guests")
            .build()?;
        let hasty = Executor::builder().max_workers(1).max_compile_time(HASTE).build()?;
        Ok(Self { executor, hasty })
    }

    /// The executor itself.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// What an innocent task of another module comes to.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn innocent(&self, n: u64) -> Result<(), String> {
        let future = self.executor.submit(value::add::task(n, 1)).map_err(|error| error.to_string())?;
        match future.result_timeout(LONG) {
            Ok(sum) if sum == n + 1 => Ok(()),
            Ok(sum) => Err(format!("{n} + 1 = {sum}")),
            Err(error) => Err(error.to_string()),
        }
    }

    /// How a task ends that should do so by itself.
    pub(crate) fn run(&self, call: impl IntoTask) -> String {
        self.end(call.into_task().time_limit(LONG))
    }

    /// How a task ends that would never do so by itself.
    pub(crate) fn stop(&self, call: impl IntoTask) -> String {
        self.end(call.into_task().time_limit(SHORT))
    }

    /// What a task reached that should reach nothing.
    pub(crate) fn reaches<T: IntoTask<Output = Vec<String>>>(&self, call: T) -> String {
        match self.executor.submit(call.into_task().time_limit(LONG)) {
            Ok(future) => match future.result_timeout(2 * LONG) {
                Ok(got) if got.is_empty() => "reached nothing".to_owned(),
                Ok(got) => format!("reached {}", got.join(", ")),
                Err(error) => task_error(&error),
            },
            Err(error) => format!("not submitted: {error}"),
        }
    }

    fn end<A: Serialize, R: DeserializeOwned>(&self, task: Task<A, R>) -> String {
        match self.executor.submit(task) {
            Ok(future) => ended(&future),
            Err(error) => format!("not submitted: {error}"),
        }
    }

    /// How a module ends that should run by itself, once it is loaded: its function `f` is given a number.
    pub(crate) fn module(&self, wasm: &[u8]) -> String {
        self.loaded(wasm).map_or_else(|refused| refused, |module| self.end(echo(&module).time_limit(LONG)))
    }

    /// The same, of a module that would run for ever.
    pub(crate) fn stop_module(&self, wasm: &[u8]) -> String {
        self.loaded(wasm).map_or_else(|refused| refused, |module| self.end(echo(&module).time_limit(SHORT)))
    }

    /// How a module ends that would keep its compile worker for ever.
    pub(crate) fn stop_compiler(&self, wasm: &[u8]) -> String {
        load(&self.hasty, wasm).map_or_else(|refused| refused, |_| "loaded".to_owned())
    }

    fn loaded(&self, wasm: &[u8]) -> Result<Module, String> {
        load(&self.executor, wasm)
    }
}

fn load(executor: &Executor, wasm: &[u8]) -> Result<Module, String> {
    executor.load("hostile", wasm).map_err(|error| match error.module_error() {
        Some(error) => format!("refused: {}", refusal(&error.kind)),
        None => format!("not loaded: {error}"),
    })
}

fn echo(module: &Module) -> Task<(u64,), u64> {
    let name = module.info().functions.first().map_or("", |function| function.name.as_str()).to_owned();
    module.function(&name).expect("it is listed").call((7_u64,)).into_task()
}

fn ended<R: DeserializeOwned>(future: &TaskFuture<R>) -> String {
    match future.result_timeout(2 * LONG) {
        Ok(_) => "returned".to_owned(),
        Err(error) => task_error(&error),
    }
}

fn task_error(error: &TaskError) -> String {
    let told = error.to_string();
    if told.len() > 2 * limits::MAX_MESSAGE_BYTES * limits::MAX_TRACE_ENTRIES {
        return format!("an error of {} bytes", told.len());
    }
    match error {
        TaskError::Failed { .. } => "failed".to_owned(),
        TaskError::Panicked { .. } => "panicked".to_owned(),
        TaskError::Codec { .. } => "codec".to_owned(),
        TaskError::ResultTooLarge { .. } => "result too large".to_owned(),
        TaskError::OutOfMemory { .. } => "out of memory".to_owned(),
        TaskError::LimitExceeded { exceeded, .. } => format!("over: {}", exceeded.limit),
        TaskError::TimedOut { .. } => "timed out".to_owned(),
        TaskError::ModuleFailed { .. } => "module failed".to_owned(),
        TaskError::WaitTimedOut { .. } => "HANGS".to_owned(),
        TaskError::BrokenProcessPool(broken) => match &broken.cause {
            BrokenCause::Trap(trap) => format!("trap: {:?}", trap.code),
            BrokenCause::Protocol { .. } => "broke the protocol".to_owned(),
            other => format!("LOST: {other}"),
        },
        other => format!("other: {other}"),
    }
}

fn refusal(kind: &ModuleErrorKind) -> &'static str {
    match kind {
        ModuleErrorKind::NotWasm { .. } => "not wasm",
        ModuleErrorKind::Invalid { .. } => "invalid",
        ModuleErrorKind::TooLarge { .. } => "too large",
        ModuleErrorKind::CoreModule { .. } => "core module",
        ModuleErrorKind::OtherWorld { .. } => "other world",
        ModuleErrorKind::OtherVersion { .. } => "other version",
        ModuleErrorKind::UnknownImport { .. } => "unknown import",
        ModuleErrorKind::Compile { message } if message.contains("limits::MAX_CORE_INSTANCES") => "too many instances",
        ModuleErrorKind::Compile { message } if message.contains("limits::MAX_MEMORIES") => "too many memories",
        ModuleErrorKind::Compile { message } if message.contains("limits::MAX_TABLES") => "too many tables",
        ModuleErrorKind::Compile { .. } => "not compilable",
        ModuleErrorKind::Describe { .. } => "no list of functions",
        ModuleErrorKind::Initializer { .. } => "initializer",
        ModuleErrorKind::CompileTimeout { .. } => "compiler timed out",
        ModuleErrorKind::CompilerDied { .. } => "compiler died",
        ModuleErrorKind::System { .. } => "system",
        _ => "other",
    }
}
