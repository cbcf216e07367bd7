//! The options of an executor, checked when it is built.

use super::grants::{Asked, check_arguments};
use super::handle::Executor;
use super::hardening::HardeningOptions;
use super::host_functions::HostOptions;
use super::initializer::InitializerOption;
use super::log_level::log_level;
use super::options::{Containment, Execution, GuestOutput, Interruption, Overflow, Reuse};
use super::quarantine::QuarantineOption;
use super::recycling::RecyclingOptions;
use super::schedule::check_time_limit;
use super::task_limits;
use crate::context::{self, StartMethod, get_start_method};
use crate::dispatcher::{PoolOptions, StateOptions};
use crate::error::Error;
use crate::ipc::{NativeCall as EncodedCall, PROTOCOL_VERSION, Role, WorkerConfig};
use crate::limits;
use crate::module::Library;
use crate::native::{NativeCall, Parts};
use crate::process::{Program, expect_no_worker};
use crate::task::{Class, Limit, TaskLimits};
use isopool_guest::Codec;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Options of an [`Executor`], all with defaults. Two builders are equal when they would make the same executor.
///
/// ```
/// # fn main() -> Result<(), isopool::Error> {
/// let executor = isopool::Executor::builder().max_workers(2).env("LANG", "C").build()?;
/// assert_eq!(executor.max_workers(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a builder does nothing until build()"]
pub struct ExecutorBuilder {
    pub(super) max_workers: Option<usize>,
    pub(super) options: Options,
}

/// Everything but the number of workers: what two executors must have in common to stand in for one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) idle_timeout: Option<Duration>,
    pub(super) initializer: Option<InitializerOption>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) asked: Asked,
    pub(super) arguments: Vec<String>,
    containment: Containment,
    pub(super) reuse: Reuse,
    pub(super) execution: Execution,
    pub(super) codec: Codec,
    pub(super) queue_capacity: usize,
    /// `None`: the default, or what one task may have, if that is more.
    pub(super) max_pending_bytes: Option<usize>,
    pub(super) quarantine: QuarantineOption,
    /// `None`: the choice of the process, when it is built.
    pub(super) start_method: Option<StartMethod>,
    native_initializer: Option<Parts>,
    worker_program: Option<PathBuf>,
    output: GuestOutput,
    pub(super) max_argument_bytes: usize,
    pub(super) max_result_bytes: usize,
    pub(super) limits: TaskLimits,
    pub(super) overflow: Overflow,
    pub(super) interruption: Interruption,
    pub(super) deterministic: Option<u64>,
    pub(super) task_time_limit: Option<Duration>,
    pub(super) task_deadline: Option<Duration>,
    pub(super) recycling: RecyclingOptions,
    pub(super) hardening: HardeningOptions,
    pub(super) host: HostOptions,
    pub(super) crash_bundles: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout: None,
            initializer: None,
            environment: Vec::new(),
            asked: Asked::default(),
            arguments: Vec::new(),
            containment: Containment::default(),
            reuse: Reuse::default(),
            execution: Execution::default(),
            codec: Codec::default(),
            queue_capacity: limits::DEFAULT_QUEUE_CAPACITY,
            max_pending_bytes: None,
            quarantine: QuarantineOption::default(),
            start_method: None,
            native_initializer: None,
            worker_program: None,
            output: GuestOutput::default(),
            max_argument_bytes: limits::DEFAULT_MAX_ARGUMENT_BYTES,
            max_result_bytes: limits::DEFAULT_MAX_RESULT_BYTES,
            limits: TaskLimits::default(),
            overflow: Overflow::default(),
            interruption: Interruption::default(),
            deterministic: None,
            task_time_limit: None,
            task_deadline: None,
            recycling: RecyclingOptions::default(),
            hardening: HardeningOptions::default(),
            host: HostOptions::default(),
            crash_bundles: None,
        }
    }
}

impl ExecutorBuilder {
    /// Most worker processes at a time, 1 to [`limits::MAX_WORKERS`]. Default: [`cpu_count`](crate::cpu_count).
    pub fn max_workers(mut self, max_workers: usize) -> Self {
        self.max_workers = Some(max_workers);
        self
    }

    /// How long a worker may have nothing to do before it leaves; the next task starts it again, unnoticed. Default:
    /// for ever ([`get_reusable_executor`](crate::get_reusable_executor):
    /// [`DEFAULT_REUSABLE_IDLE_TIMEOUT`](limits::DEFAULT_REUSABLE_IDLE_TIMEOUT)).
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.options.idle_timeout = Some(idle_timeout);
        self
    }

    /// Sets a variable of the guests' environment, which is empty by default. The last value given for a name counts.
    ///
    /// ```
    /// use guest_basic::environment::env; // `std::env::var(name).ok()`
    /// use isopool::Executor;
    ///
    /// let executor = Executor::builder().max_workers(1).env("LANG", "C").build()?;
    /// assert_eq!(executor.submit(env::task("LANG".into()))?.result()?.as_deref(), Some("C"));
    /// assert_eq!(executor.submit(env::task("PATH".into()))?.result()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.options.environment.retain(|(other, _)| *other != name);
        self.options.environment.push((name, value));
        self
    }

    /// Whom a crash or a trap reaches. Default: [`Containment::Task`].
    pub fn containment(mut self, containment: Containment) -> Self {
        self.options.containment = containment;
        self
    }

    /// How long an instance lives. Default: [`Reuse::Never`].
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.options.reuse = reuse;
        self
    }

    /// How arguments and results are written as bytes. Default: [`Codec::Bincode`].
    pub fn codec(mut self, codec: Codec) -> Self {
        self.options.codec = codec;
        self
    }

    /// How worker processes come to life. Default: that of [`get_start_method`] when the executor is built.
    pub fn start_method(mut self, start_method: StartMethod) -> Self {
        self.options.start_method = Some(start_method);
        self
    }

    /// A native function of this program ([`native`](crate::native)) that each worker calls before it takes tasks: what
    /// [`StartMethod::InitMain`] needs, and no other takes. It runs after the worker has given up its descriptors,
    /// environment and working directory, and must leave no thread behind. When it returns an error, panics or leaves a
    /// thread, the executor is broken, with [`BrokenCause::InitializerFailed`](crate::BrokenCause::InitializerFailed) and its
    /// words. What it returns is dropped. It can use the shared objects among its arguments ([`sync`](crate::sync)); what it
    /// still holds of them when it ends is given back.
    ///
    /// # Source
    /// loky's start method `loky_init_main`, which imports the main module in each worker.
    pub fn native_initializer<R>(mut self, call: NativeCall<R>) -> Self {
        self.options.native_initializer = Some(call.into_parts());
        self
    }

    /// The program that workers run: one that was built with the same isopool, such as the `isopool` command. Default:
    /// the program that calls this, executed again.
    pub fn worker_program(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.worker_program = Some(path.into());
        self
    }

    /// Where the guests' standard output and standard error go. Default: [`GuestOutput::Inherit`].
    pub fn guest_output(mut self, output: GuestOutput) -> Self {
        self.options.output = output;
        self
    }

    /// Most bytes of one task's encoded arguments, up to [`limits::MAX_PAYLOAD_BYTES`]; one with more ends with
    /// [`TaskError::ArgumentTooLarge`](crate::TaskError::ArgumentTooLarge). Default:
    /// [`limits::DEFAULT_MAX_ARGUMENT_BYTES`].
    pub fn max_argument_bytes(mut self, bytes: usize) -> Self {
        self.options.max_argument_bytes = bytes;
        self
    }

    /// Most bytes of one task's encoded result, up to [`limits::MAX_PAYLOAD_BYTES`]; one with more ends with
    /// [`TaskError::ResultTooLarge`](crate::TaskError::ResultTooLarge). Default: [`limits::DEFAULT_MAX_RESULT_BYTES`].
    pub fn max_result_bytes(mut self, bytes: usize) -> Self {
        self.options.max_result_bytes = bytes;
        self
    }

    /// Most bytes of linear memory of one instance, from 64 KiB to [`limits::DEFAULT_MAX_MEMORY_BYTES`], which is the default;
    /// a task that asks for more ends with [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory).
    ///
    /// ```
    /// use guest_basic::resources::allocate; // asks for so many bytes
    /// use isopool::{Executor, TaskError};
    ///
    /// let executor = Executor::builder().max_workers(1).max_memory_bytes(16 << 20).build()?;
    /// let future = executor.submit(allocate::task(64 << 20))?;
    /// assert!(matches!(future.result(), Err(TaskError::OutOfMemory { limit, .. }) if limit == 16 << 20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_memory_bytes(mut self, bytes: usize) -> Self {
        self.options.limits.set(Limit::MemoryBytes, bytes as u64);
        self
    }

    /// Most bytes that one task may write to standard output and standard error together; what is over is dropped and
    /// counted in its report. At most [`limits::MAX_CAPTURED_OUTPUT_BYTES`] when it is captured. Default:
    /// [`limits::DEFAULT_MAX_OUTPUT_BYTES`].
    pub fn max_output_bytes(mut self, bytes: usize) -> Self {
        self.options.limits.set(Limit::OutputBytes, bytes as u64);
        self
    }

    /// Makes the executor. No worker is started before the first task.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) names the option, its value and its range.
    /// [`InsideWorker`](crate::ErrorKind::InsideWorker) when this process is itself a worker that was not taken over.
    /// [`TooManyWorkers`](crate::ErrorKind::TooManyWorkers) when the executors of this program would have more than
    /// [`limits::MAX_TOTAL_WORKERS`] together. [`System`](crate::ErrorKind::System) when the operating system refuses a
    /// descriptor or a thread.
    pub fn build(self) -> Result<Executor, Error> {
        expect_no_worker()?;
        let max_workers = checked_max_workers(self.max_workers)?;
        let options = &self.options;
        range("queue_capacity", options.queue_capacity, 1, usize::MAX >> 1)?;
        range("max_argument_bytes", options.max_argument_bytes, 0, limits::MAX_PAYLOAD_BYTES)?;
        range("max_pending_bytes", options.pending_bytes(), options.max_argument_bytes, usize::MAX >> 1)?;
        range("max_result_bytes", options.max_result_bytes, 0, limits::MAX_PAYLOAD_BYTES)?;
        task_limits::check(&options.limits)?;
        if options.output == GuestOutput::Capture {
            let output = options.limits.size(Limit::OutputBytes);
            range("max_output_bytes (captured)", output, 0, limits::MAX_CAPTURED_OUTPUT_BYTES)?;
        }
        if options.deterministic.is_some() && options.reuse == Reuse::Worker {
            return Err(Error::invalid(
                "deterministic tasks see nothing that others have left, and Reuse::Worker shows it to them; choose one",
            ));
        }
        options.hardening.check(options.execution)?;
        options.task_time_limit.map_or(Ok(()), |limit| check_time_limit("task_time_limit", limit))?;
        options.task_deadline.map_or(Ok(()), |limit| check_time_limit("task_deadline", limit))?;
        let start_method = options.start_method.unwrap_or_else(get_start_method);
        options.check_start_method(start_method)?;
        let program = match &options.worker_program {
            None => Program::Itself,
            Some(path) => Program::named(Path::new(path))?,
        };
        let class = Arc::new(options.asked.add_to(&Class::default())?);
        check_arguments(&options.arguments, &[])?;
        let worker = options.worker_config(&class)?;
        let initializer_objects =
            options.native_initializer.as_ref().map(|call| call.objects.clone()).unwrap_or_default();
        let compile_config = WorkerConfig { limits: options.hardening.of_compiler(), ..worker.clone() };
        let compile_time = options.hardening.max_compile_time();
        let (initializer, functions) = (options.initializer_call()?, options.host.functions.clone());
        let library = Library::new(program.clone(), &compile_config, compile_time, initializer, functions);
        let (mut recycling, quarantine) = (options.recycling.checked()?, options.quarantine.checked()?);
        if options.execution == Execution::Fortress {
            recycling.max_tasks = Some(1);
        }
        let groups = options.hardening.groups(&worker.limits)?;
        let Options { idle_timeout, containment, interruption, .. } = *options;
        let state = StateOptions { max_workers, idle_timeout, containment, recycling, interruption, quarantine };
        let host_calls = options.host.checked()?;
        let options = Options { start_method: Some(start_method), ..self.options };
        let bundles = options.bundle_writer()?;
        Executor::start(
            max_workers,
            Arc::new(options),
            bundles,
            Arc::new(library),
            PoolOptions { state, start_method, program, worker, class, initializer_objects, host_calls, groups },
        )
    }
}

/// A native initializer, as it travels.
fn native_call(call: &Parts) -> Result<EncodedCall, Error> {
    let (function, argument) = (call.function, call.encoded("native initializer")?);
    if !call.descriptors.is_empty() {
        return Err(Error::invalid(format!(
            "the arguments of the native initializer `{function}` hold descriptors, which do not travel to workers"
        )));
    }
    let objects = u32::try_from(call.objects.len()).expect("it is checked to be within MAX_CALL_OBJECTS");
    Ok(EncodedCall { function: function.to_owned(), argument: argument.to_vec(), objects })
}

/// The number of workers asked for, or its default.
pub(super) fn checked_max_workers(max_workers: Option<usize>) -> Result<usize, Error> {
    let max_workers = match max_workers {
        Some(max_workers) => max_workers,
        None => context::cpu_count().map_err(|error| Error::invalid(error.to_string()))?.min(limits::MAX_WORKERS),
    };
    range("max_workers", max_workers, 1, limits::MAX_WORKERS)?;
    Ok(max_workers)
}

pub(super) fn range(option: &str, value: usize, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!("{option} is {value}; it must be between {least} and {most}")))
}

impl Options {
    /// The names of the options that differ: none for two executors that can stand in for one another.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        // No `..`: whoever adds an option is reminded of this.
        let Self {
            idle_timeout,
            initializer,
            environment,
            asked,
            arguments,
            containment,
            reuse,
            execution,
            codec,
            queue_capacity,
            max_pending_bytes,
            quarantine,
            start_method,
            native_initializer,
            worker_program,
            output,
            max_argument_bytes,
            max_result_bytes,
            limits,
            overflow,
            interruption,
            deterministic,
            task_time_limit,
            task_deadline,
            recycling,
            hardening,
            host,
            crash_bundles,
        } = self;
        let mut differences = recycling.differences(&other.recycling);
        differences.extend(asked.differences(&other.asked));
        differences.extend(hardening.differences(&other.hardening));
        differences.extend(host.differences(&other.host));
        let mut compare = |name, differs: bool| differences.extend(differs.then_some(name));
        compare("idle_timeout", *idle_timeout != other.idle_timeout);
        compare("initializer", *initializer != other.initializer);
        compare("env", *environment != other.environment);
        compare("arguments", *arguments != other.arguments);
        compare("containment", *containment != other.containment);
        compare("reuse", *reuse != other.reuse);
        compare("execution", *execution != other.execution);
        compare("codec", *codec != other.codec);
        compare("queue_capacity", *queue_capacity != other.queue_capacity);
        compare("max_pending_bytes", *max_pending_bytes != other.max_pending_bytes);
        compare("quarantine", *quarantine != other.quarantine);
        compare("start_method", *start_method != other.start_method);
        compare("native_initializer", *native_initializer != other.native_initializer);
        compare("worker_program", *worker_program != other.worker_program);
        compare("guest_output", *output != other.output);
        compare("max_argument_bytes", *max_argument_bytes != other.max_argument_bytes);
        compare("max_result_bytes", *max_result_bytes != other.max_result_bytes);
        for limit in Limit::ALL {
            compare(limit.option(), limits.get(limit) != other.limits.get(limit));
        }
        compare("overflow", *overflow != other.overflow);
        compare("interruption", *interruption != other.interruption);
        compare("deterministic", *deterministic != other.deterministic);
        compare("task_time_limit", *task_time_limit != other.task_time_limit);
        compare("crash_bundles", *crash_bundles != other.crash_bundles);
        compare("task_deadline", *task_deadline != other.task_deadline);
        differences
    }

    pub(super) fn queue_capacity(&self) -> usize {
        self.queue_capacity
    }

    fn check_start_method(&self, start_method: StartMethod) -> Result<(), Error> {
        match (start_method, &self.native_initializer, &self.worker_program) {
            (StartMethod::InitMain, None, _) => Err(Error::invalid(
                "the start method init_main calls a native initializer, and none is given; give one with \
                 native_initializer(), or choose spawn",
            )),
            (StartMethod::InitMain, Some(_), _) => Ok(()),
            (method, Some(call), _) => Err(Error::invalid(format!(
                "the native initializer `{}` is called by the start method init_main only, and this one is {method}",
                call.function
            ))),
            (StartMethod::Fork, None, Some(path)) => Err(Error::invalid(format!(
                "the start method fork copies this program, and cannot run the worker program `{}`; choose another of \
                 the two",
                path.display()
            ))),
            (_, None, _) => Ok(()),
        }
    }

    pub(super) fn worker_config(&self, class: &Class) -> Result<WorkerConfig, Error> {
        let native_initializer = self.native_initializer.as_ref().map(native_call).transpose()?;
        Ok(WorkerConfig {
            protocol: PROTOCOL_VERSION,
            role: Role::Worker,
            index: 0,
            environment: self.environment.clone(),
            arguments: self.arguments.clone(),
            grants: class.grants.clone(),
            reuse: self.reuse,
            execution: self.execution,
            hardening: self.hardening.hardening(),
            limits: self.hardening.of_worker(
                self.limits.size(Limit::MemoryBytes),
                self.max_argument_bytes,
                self.max_result_bytes,
            ),
            group: None,
            output: self.output,
            log_level: log_level(),
            max_result_bytes: self.max_result_bytes as u64,
            interruption: self.interruption,
            deterministic: self.deterministic,
            overflow: self.overflow,
            task_limits: self.limits,
            max_argument_bytes: self.max_argument_bytes as u64,
            max_depth: context::max_depth()?,
            max_host_function_calls: self.host.max_calls,
            max_host_function_bytes: self.host.max_call_bytes as u64,
            native_initializer,
        })
    }
}
