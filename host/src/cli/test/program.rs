//! A test program: a WASI command that Rust's test harness, or something else, has made.

use super::super::call::{builder, module_error};
use super::super::config::Pool;
use super::super::exit::Stop;
use super::super::interrupt::Interrupt;
use super::TESTS_FAILED;
use isopool::{Command, CommandOutput, Executor, GuestOutput, IntoTask, Shutdown, TaskError, TaskFuture};
use std::io::{self, Write};
use std::path::Path;

/// A test program, and the pool that runs it.
pub(super) struct Program {
    executor: Executor,
    command: Command,
}

/// One run of it, as it ended.
pub(super) struct Ran {
    /// The exit code; or why there is none.
    pub(super) status: Result<i32, TaskError>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Program {
    pub(super) fn open(path: &Path, pool: &Pool) -> Result<Self, Stop> {
        let executor = builder(pool).build()?;
        let command = executor.load_file(path).map_err(module_error)?.command()?;
        Ok(Self { executor, command })
    }

    /// What ends everything at once.
    pub(super) fn stop(&self) -> impl FnOnce() + Send + 'static {
        let executor = self.executor.clone();
        move || executor.begin_shutdown(Shutdown::Kill)
    }

    /// Begins a run whose output is kept.
    pub(super) fn submit(&self, arguments: &[String]) -> Result<TaskFuture<CommandOutput>, Stop> {
        self.begin(arguments, GuestOutput::Capture)
    }

    fn begin(&self, arguments: &[String], output: GuestOutput) -> Result<TaskFuture<CommandOutput>, Stop> {
        Ok(self.executor.submit(self.command.clone().args(arguments).into_task().guest_output(output))?)
    }

    /// One run as it is: it writes as it goes, and its exit code is ours. One that has no exit code fails as tests do.
    pub(super) fn run(&self, arguments: &[String], interrupt: &Interrupt) -> Result<(), Stop> {
        let result = self.begin(arguments, GuestOutput::Passthrough)?.result();
        self.shutdown();
        match (result, interrupt.signal()) {
            (Ok(output), _) if output.success() => Ok(()),
            (Ok(output), _) => Err(Stop::Program { status: output.status }),
            (Err(_), Some(signal)) => Err(Stop::Signal { signal, done: 0, begun: 1 }),
            (Err(error), None) => {
                // Nobody is left to tell that nobody is left to tell.
                let _ = writeln!(io::stderr(), "isopool: {}", Stop::task(None, error));
                Err(Stop::Program { status: TESTS_FAILED })
            }
        }
    }

    /// Waits until every run has ended.
    pub(super) fn shutdown(&self) {
        self.executor.shutdown(Shutdown::Finish);
    }
}

impl Ran {
    pub(super) fn wait(run: &TaskFuture<CommandOutput>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match run.result() {
            Ok(output) => {
                Self { status: Ok(output.status), stdout: text(&output.stdout), stderr: text(&output.stderr) }
            }
            Err(error) => {
                // What a run wrote before it failed is in its report.
                let output = run.report().map(|report| report.output.clone()).unwrap_or_default();
                Self { status: Err(error), stdout: text(&output.stdout), stderr: text(&output.stderr) }
            }
        }
    }
}
