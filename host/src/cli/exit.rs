//! How the program ends: its exit codes, and what becomes of which.

use super::input::{InputError, InputName};
use isopool::{BrokenCause, Error, ErrorKind, ModuleErrorKind, TaskError, TaskRef};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Shown at the end of `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
    0  every task returned a value
    1  a task failed: its function returned an error, panicked, trapped, or reached a limit
    2  the command line, an argument or an environment variable is wrong
    3  the module was refused, or has no such function
    4  a worker process died, or the pool could not go on
    5  a task ran longer than --timeout
    6  an input could not be read, or a result could not be written
    7  doctor: something got out of a worker, could not be tried, or a layer is missing
    8  a package could not be compiled to a module
    9  replay: the task ended otherwise than its crash bundle says
  101  a test failed (isopool test)
  130  interrupted (Ctrl-C); 143: terminated; 129: hung up
  141  whoever read the results has closed the pipe
A program that was run to its end gives its own exit code.

With --keep-going, the code is that of the first input that failed.";

/// One exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) u8);

impl Code {
    pub(super) const OK: Self = Self(0);
    pub(super) const TASK_FAILED: Self = Self(1);
    pub(super) const USAGE: Self = Self(2);
    pub(super) const MODULE: Self = Self(3);
    pub(super) const POOL: Self = Self(4);
    pub(super) const TIMED_OUT: Self = Self(5);
    pub(super) const INPUT_OUTPUT: Self = Self(6);
    pub(super) const NOT_HELD: Self = Self(7);
    pub(super) const BUILD: Self = Self(8);
    pub(super) const DIFFERS: Self = Self(9);
    pub(super) const PIPE_CLOSED: Self = Self(141);

    /// As a shell reports a program that this signal killed.
    pub(super) fn of_signal(signal: i32) -> Self {
        Self(128_u8.wrapping_add(signal as u8))
    }
}

/// Why a command stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The command line is wrong in a way that its parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// The pool, or a module, refused.
    #[error("{}", with_sources(.0))]
    Isopool(#[from] Error),
    /// There is no such function, and the module is a program.
    #[error("{0}; it is a program, and is run with: isopool run MODULE -- ARGUMENTS")]
    IsProgram(Error),
    /// A package could not be compiled to a module.
    #[error("{}", with_sources(.0))]
    Build(#[from] isopool_build::Error),
    /// The module's file could not be read.
    #[error("{0}")]
    ModuleFile(Error),
    /// The system refused a thread or a signal handler.
    #[error("no thread or signal handler could be set up: {0}")]
    System(io::Error),
    /// An input could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A task ended without a value.
    #[error("{input}{error}")]
    Task {
        /// Which input it had, with a colon; empty for the only one.
        input: String,
        /// How it ended.
        error: TaskError,
    },
    /// A task ran for too long.
    #[error("{input}{task} ran longer than {timeout:?}, and was stopped; give it more time with --timeout")]
    Late {
        /// As in `Task`.
        input: String,
        /// Which.
        task: TaskRef,
        /// For how long it may run.
        timeout: Duration,
    },
    /// Some tasks ended without a value, and were told about already.
    #[error("{failed} of {all} tasks failed")]
    SomeFailed {
        /// How many.
        failed: u64,
        /// Of how many.
        all: u64,
        /// What the first of them means for the exit code.
        code: Code,
    },
    /// A file of a project could not be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A result could not be written.
    #[error("the results could not be written: {0}")]
    Output(io::Error),
    /// A program has ended with an exit code of its own, and has said itself what there is to say.
    #[error("the program has ended with code {status}")]
    Program {
        /// 1 to 255.
        status: i32,
    },
    /// The doctor found something.
    #[error("workers are not locked in as they could be: {open} attempts were not held, {missing} layers are missing")]
    NotHeld {
        /// How many attempts to get out succeeded or could not be made.
        open: usize,
        /// How many layers the system does not have.
        missing: usize,
    },
    /// A replay came out differently.
    #[error("the task ended otherwise than its crash bundle says")]
    Differs,
    /// A signal asked for the end of a watch.
    #[error("stopped by {name} after {builds} good builds", name = signal_name(*.signal))]
    Watch {
        /// Which.
        signal: i32,
        /// How often a module was written.
        builds: u64,
    },
    /// A signal asked for the end.
    #[error("stopped by {name}: {done} of {begun} tasks were done", name = signal_name(*.signal))]
    Signal {
        /// Which.
        signal: i32,
        /// Tasks whose result was printed.
        done: u64,
        /// Tasks that were submitted.
        begun: u64,
    },
}

impl Stop {
    /// A task that ended without a value.
    pub(super) fn task(input: Option<&InputName>, error: TaskError) -> Self {
        let input = input.map(|name| format!("{name}: ")).unwrap_or_default();
        match error {
            TaskError::TimedOut { task, limit, .. } => Self::Late { input, task, timeout: limit },
            error => Self::Task { input, error },
        }
    }

    /// The exit code that says so.
    pub(super) fn code(&self) -> Code {
        match self {
            Stop::Usage(_) => Code::USAGE,
            Stop::Isopool(error) | Stop::IsProgram(error) => code_of_error(error),
            Stop::Input(InputError::NotJson { .. }) => Code::USAGE,
            Stop::Input(_) | Stop::ModuleFile(_) | Stop::File { .. } => Code::INPUT_OUTPUT,
            Stop::System(_) => Code::POOL,
            Stop::Build(_) => Code::BUILD,
            Stop::Late { .. } => Code::TIMED_OUT,
            Stop::Task { error, .. } => code_of_task(error),
            Stop::SomeFailed { code, .. } => *code,
            Stop::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Code::PIPE_CLOSED,
            Stop::Output(_) => Code::INPUT_OUTPUT,
            Stop::NotHeld { .. } => Code::NOT_HELD,
            Stop::Differs => Code::DIFFERS,
            Stop::Signal { signal, .. } | Stop::Watch { signal, .. } => Code::of_signal(*signal),
            Stop::Program { status } => Code(*status as u8),
        }
    }

    /// Whether there is someone to tell: `isopool map … | head` is no error to talk about.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Stop::Program { .. }) || self.code() == Code::PIPE_CLOSED
    }
}

fn code_of_task(error: &TaskError) -> Code {
    match error {
        // A trap is the guest's own doing, and its worker lives on.
        TaskError::BrokenProcessPool(broken) if matches!(broken.cause, BrokenCause::Trap(_)) => Code::TASK_FAILED,
        TaskError::BrokenProcessPool(_)
        | TaskError::Shutdown { .. }
        | TaskError::ModuleFailed { .. }
        | TaskError::GrantFailed { .. } => Code::POOL,
        TaskError::NotSubmitted { error, .. } => code_of_error(error),
        _ => Code::TASK_FAILED,
    }
}

fn code_of_error(error: &Error) -> Code {
    match error.kind() {
        ErrorKind::InvalidOption | ErrorKind::NotGranted => Code::USAGE,
        ErrorKind::Bundle => Code::INPUT_OUTPUT,
        // No fault of the module's.
        ErrorKind::Module if error.module_error().is_some_and(|error| is_system(&error.kind)) => Code::POOL,
        ErrorKind::Module
        | ErrorKind::UnknownFunction
        | ErrorKind::AmbiguousFunction
        | ErrorKind::NotCallable
        | ErrorKind::SignatureMismatch
        | ErrorKind::UnsupportedCodec => Code::MODULE,
        _ => Code::POOL,
    }
}

fn is_system(kind: &ModuleErrorKind) -> bool {
    matches!(kind, ModuleErrorKind::System { .. })
}

fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// An error and its causes; a cause that the error has quoted already is left out.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str("\n  because: ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}
