//! How far workers are locked in, and what one process may take of the machine.

use super::builder::{ExecutorBuilder, range};
use super::handle::Executor;
use super::options::Execution;
use crate::error::{BrokenCause, BrokenProcessPool, Error, ErrorKind};
use crate::limits;
use crate::probe::{self, ProbeError};
use crate::process::WorkerGroups;
use crate::sandbox::{EscapeAttempt, Hardening, HardeningReport, Layer, NotHardened, ProcessLimits};
use std::path::PathBuf;
use std::time::Duration;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HardeningOptions {
    hardening: Hardening,
    /// `None`: from what guests, arguments and results may have.
    max_worker_memory_bytes: Option<usize>,
    max_worker_cpu_time: Option<Duration>,
    max_open_files: u32,
    worker_cgroup: Option<PathBuf>,
    max_compile_memory_bytes: usize,
    max_compile_time: Duration,
}

impl Default for HardeningOptions {
    fn default() -> Self {
        Self {
            hardening: Hardening::default(),
            max_worker_memory_bytes: None,
            max_worker_cpu_time: None,
            max_open_files: limits::DEFAULT_MAX_OPEN_FILES,
            worker_cgroup: None,
            max_compile_memory_bytes: limits::DEFAULT_MAX_COMPILE_MEMORY_BYTES as usize,
            max_compile_time: limits::COMPILE_TIMEOUT,
        }
    }
}

impl ExecutorBuilder {
    /// How far the operating system locks worker processes in, beside the sandbox of WebAssembly. Default:
    /// [`Hardening::BestEffort`]. What holds: [`Executor::hardening_report`](crate::Executor::hardening_report).
    ///
    /// ```
    /// use isopool::{Executor, Hardening, Layer};
    ///
    /// let executor = Executor::builder().max_workers(1).hardening(Hardening::Only(Layer::SystemCalls.into())).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hardening(mut self, hardening: Hardening) -> Self {
        self.options.hardening.hardening = hardening;
        self
    }

    /// Most writable memory of one worker process, in bytes, at least [`limits::MIN_WORKER_MEMORY_BYTES`]: its guests, the
    /// arguments and results that it holds, and its own, but not what its engine has set aside before the first module. A guest that reaches it ends with
    /// [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory). Memory that is only reserved does not count, and shared
    /// memory does not. Default: four guests of [`max_memory_bytes`](Self::max_memory_bytes), two
    /// arguments and two results of the largest size, and [`limits::WORKER_OVERHEAD_BYTES`]: room for all that the other
    /// options allow, so that what is over it is a fault of the worker's. The layer
    /// [`Resources`](crate::Layer::Resources) holds it.
    ///
    /// # Source
    /// `RLIMIT_DATA` of setrlimit(2). `RLIMIT_AS` would count the addresses that the engine reserves.
    pub fn max_worker_memory_bytes(mut self, bytes: usize) -> Self {
        self.options.hardening.max_worker_memory_bytes = Some(bytes);
        self
    }

    /// Most processor time of one worker process in its whole life, at least one second; fractions of a second do not count. A
    /// worker that reaches it is killed by the kernel, and the task that it ran ends with
    /// [`BrokenCause::OutOfCpuTime`](crate::BrokenCause::OutOfCpuTime). Default: none. It is a last resort, for when this
    /// program itself is stopped: what one task may take is [`task_time_limit`](Self::task_time_limit). The layer
    /// [`Resources`](crate::Layer::Resources) holds it.
    ///
    /// # Source
    /// `RLIMIT_CPU` of setrlimit(2).
    pub fn max_worker_cpu_time(mut self, time: Duration) -> Self {
        self.options.hardening.max_worker_cpu_time = Some(time);
        self
    }

    /// Most files that one worker process has open, at least [`limits::MIN_OPEN_FILES`]: each module that it was given is
    /// one, and each file that a guest opens. A guest over it gets the system's error; a worker that can take no further
    /// module leaves, and says so. Default: [`limits::DEFAULT_MAX_OPEN_FILES`]. The layer
    /// [`Resources`](crate::Layer::Resources) holds it.
    pub fn max_open_files(mut self, files: u32) -> Self {
        self.options.hardening.max_open_files = files;
        self
    }

    /// A control group below which each worker gets one of its own (cgroups(7)): what the worker holds resident is bounded then by as
    /// many bytes as [`max_worker_memory_bytes`](Self::max_worker_memory_bytes) allows it to write to, and a worker that goes over
    /// is killed alone, with [`BrokenCause::OutOfWorkerMemory`]. Of version 2 a group that was delegated to this program and
    /// whose controllers are on for its children, with no process in it; or one of the memory controller of version 1. Groups
    /// are removed with their workers; what a killed caller leaves, the next one to use the folder removes. Default: none, and
    /// the kernel counts no more than [`Layer::Resources`] does.
    ///
    /// A worker goes into its group as part of [`Layer::Resources`]; where that is switched off, it stays outside.
    ///
    /// # Errors
    /// [`build`](Self::build) refuses a folder in which that is not possible, and says what is missing.
    pub fn worker_cgroup(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.hardening.worker_cgroup = Some(folder.into());
        self
    }

    /// Most writable memory of the process that compiles one module, in bytes, at least
    /// [`limits::MIN_WORKER_MEMORY_BYTES`]; a module that needs more is refused with
    /// [`ModuleErrorKind::CompileMemory`](crate::ModuleErrorKind::CompileMemory). Default:
    /// [`limits::DEFAULT_MAX_COMPILE_MEMORY_BYTES`]. The layer [`Resources`](crate::Layer::Resources) holds it.
    pub fn max_compile_memory_bytes(mut self, bytes: usize) -> Self {
        self.options.hardening.max_compile_memory_bytes = bytes;
        self
    }

    /// How long the compilation of one module may take, its initializer included, more than 0; then its process is killed, and
    /// the module refused with [`ModuleErrorKind::CompileTimeout`](crate::ModuleErrorKind::CompileTimeout). Default:
    /// [`limits::COMPILE_TIMEOUT`].
    pub fn max_compile_time(mut self, time: Duration) -> Self {
        self.options.hardening.max_compile_time = time;
        self
    }
}

impl Executor {
    /// What locks the workers of this executor in, layer by layer: as the worker that came up last has told, or, when none has, a
    /// process that is started for the question, some milliseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Broken`](crate::ErrorKind::Broken): a layer that is required does not hold
    /// ([`BrokenCause::NotHardened`]). [`ErrorKind::System`](crate::ErrorKind::System): no process could be started.
    ///
    /// ```
    /// use isopool::{Executor, Hardening, Layer, LayerState};
    ///
    /// let executor = Executor::builder().max_workers(1).hardening(Hardening::Off).build()?;
    /// let report = executor.hardening_report()?;
    /// assert_eq!(report.of(Layer::SystemCalls).expect("each layer is there").state, LayerState::Off);
    /// assert!(report.holds(Layer::Surroundings)); // in any case
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hardening_report(&self) -> Result<HardeningReport, Error> {
        let known = self.inner.pool.status.hardening.lock().clone();
        let (program, config) = self.probed();
        known.map_or_else(|| probe::hardening_report(program, config).map_err(probe_error), Ok)
    }

    /// Tries to get out of worker processes that are locked in as those of this executor, from inside, in every way of
    /// [`Escape`](crate::Escape): each in a process of its own, which may be killed for it. Takes some milliseconds each.
    /// What succeeds without harm to anybody is left there: nothing.
    ///
    /// # Errors
    /// As [`hardening_report`](Self::hardening_report).
    ///
    /// ```
    /// use isopool::{Executor, Verdict};
    ///
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// for attempt in executor.try_escapes()? {
    ///     if attempt.verdict == Verdict::Escaped {
    ///         println!("a worker can {}", attempt.escape.what());
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_escapes(&self) -> Result<Vec<EscapeAttempt>, Error> {
        let (program, config) = self.probed();
        probe::try_escapes(program, config).map_err(probe_error)
    }
}

fn probe_error(error: ProbeError) -> Error {
    match error {
        ProbeError::NotHardened(NotHardened { layer, reason }) => {
            let cause = BrokenCause::NotHardened { layer, reason };
            Error::broken(BrokenProcessPool { task: None, culprit: None, worker: None, cause })
        }
        ProbeError::NoReport(why) => {
            Error::new(ErrorKind::System, format!("what locks workers in could not be found out: {why}"))
        }
    }
}

impl HardeningOptions {
    /// The names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self {
            hardening,
            max_worker_memory_bytes,
            max_worker_cpu_time,
            max_open_files,
            worker_cgroup,
            max_compile_memory_bytes,
            max_compile_time,
        } = self;
        let differences = [
            ("hardening", *hardening != other.hardening),
            ("max_worker_memory_bytes", *max_worker_memory_bytes != other.max_worker_memory_bytes),
            ("max_worker_cpu_time", *max_worker_cpu_time != other.max_worker_cpu_time),
            ("max_open_files", *max_open_files != other.max_open_files),
            ("worker_cgroup", *worker_cgroup != other.worker_cgroup),
            ("max_compile_memory_bytes", *max_compile_memory_bytes != other.max_compile_memory_bytes),
            ("max_compile_time", *max_compile_time != other.max_compile_time),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Checks each option, and those that must fit one another.
    pub(super) fn check(&self, execution: Execution) -> Result<(), Error> {
        let least = limits::MIN_WORKER_MEMORY_BYTES as usize;
        if let Some(bytes) = self.max_worker_memory_bytes {
            range("max_worker_memory_bytes", bytes, least, usize::MAX)?;
        }
        range("max_compile_memory_bytes", self.max_compile_memory_bytes, least, usize::MAX)?;
        range("max_open_files", self.max_open_files as usize, limits::MIN_OPEN_FILES as usize, u32::MAX as usize)?;
        if let Some(time) = self.max_worker_cpu_time.filter(|time| time.as_secs() == 0) {
            return Err(Error::invalid(format!("max_worker_cpu_time is {time:?}; it must be at least 1s")));
        }
        if self.max_compile_time.is_zero() {
            return Err(Error::invalid("max_compile_time is 0; it must be longer"));
        }
        if self.hardening.requires(Layer::NewCode) && execution != Execution::Fortress {
            let message = "hardening requires the layer `new-code`, which only Execution::Fortress can have; choose that, or \
                           require the other layers";
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    pub(super) fn hardening(&self) -> Hardening {
        self.hardening
    }

    pub(super) fn max_compile_time(&self) -> Duration {
        self.max_compile_time
    }

    /// The limits of a worker whose guests, arguments and results may have so many bytes.
    pub(super) fn of_worker(&self, memory: usize, argument: usize, result: usize) -> ProcessLimits {
        let derived = || {
            let guests = (memory as u64).saturating_mul(u64::from(limits::INSTANCE_SLOTS));
            let payloads = 2 * (argument as u64 + result as u64);
            guests.saturating_add(payloads).saturating_add(limits::WORKER_OVERHEAD_BYTES)
        };
        ProcessLimits {
            memory_bytes: self.max_worker_memory_bytes.map_or_else(derived, |bytes| bytes as u64),
            cpu_time: self.max_worker_cpu_time,
            open_files: self.max_open_files,
        }
    }

    /// Where workers get control groups, if anywhere.
    pub(super) fn groups(&self, limits: &ProcessLimits) -> Result<Option<WorkerGroups>, Error> {
        let Some(folder) = &self.worker_cgroup else { return Ok(None) };
        let groups = WorkerGroups::below(folder, limits.memory_bytes);
        groups.map(Some).map_err(|why| Error::invalid(format!("worker_cgroup is `{}`: {why}", folder.display())))
    }

    /// The limits of a compile worker.
    pub(super) fn of_compiler(&self) -> ProcessLimits {
        // Its time is watched by the clock; each of its threads counts here.
        let threads = u32::try_from(num_cpus::get()).unwrap_or(u32::MAX);
        ProcessLimits {
            memory_bytes: self.max_compile_memory_bytes as u64,
            cpu_time: Some(self.max_compile_time.saturating_mul(threads)),
            open_files: self.max_open_files,
        }
    }
}
