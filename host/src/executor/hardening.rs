//! How far workers are locked in, and what one process may take of the machine.

use super::builder::{ExecutorBuilder, range};
use super::options::Execution;
use crate::error::Error;
use crate::limits;
use crate::sandbox::{Hardening, Layer, ProcessLimits};
use std::time::Duration;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HardeningOptions {
    hardening: Hardening,
    /// `None`: from what guests, arguments and results may have.
    max_worker_memory_bytes: Option<usize>,
    max_worker_cpu_time: Option<Duration>,
    max_open_files: u32,
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
    /// arguments and results that it holds, and its own. A guest that reaches it ends with
    /// [`TaskError::OutOfMemory`](crate::TaskError::OutOfMemory). Memory that is only reserved does not count, and shared
    /// memory does not. Default: [`limits::INSTANCE_SLOTS`] guests of [`max_memory_bytes`](Self::max_memory_bytes), two
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

impl HardeningOptions {
    /// The names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self {
            hardening,
            max_worker_memory_bytes,
            max_worker_cpu_time,
            max_open_files,
            max_compile_memory_bytes,
            max_compile_time,
        } = self;
        let differences = [
            ("hardening", *hardening != other.hardening),
            ("max_worker_memory_bytes", *max_worker_memory_bytes != other.max_worker_memory_bytes),
            ("max_worker_cpu_time", *max_worker_cpu_time != other.max_worker_cpu_time),
            ("max_open_files", *max_open_files != other.max_open_files),
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
