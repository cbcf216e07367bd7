//! Programs as tasks.

use super::handle::Executor;
use super::loaded_module::Module;
use super::schedule::Schedule;
use super::task::{IntoTask, Task};
use crate::error::Error;
use crate::process::expect_input;
use crate::task::{Access, CommandOutput};
use isopool_guest::Bytes;
use std::borrow::Cow;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

/// One run of a WASI program: arguments and standard input go in, exit code, standard output and standard error come out.
///
/// Made by [`Module::command`](crate::Module::command): of a component that exports `wasi:cli/run`, or of a core module for WASI
/// preview 1 that exports `_start`. It runs in an instance of its own, as a task with all the limits of one, and sees nothing
/// that it is not given. `exit(n)` is a result and no failure; a trap is a trap.
///
/// What it writes is captured, up to [`max_output_bytes`](crate::ExecutorBuilder::max_output_bytes) and
/// [`max_result_bytes`](crate::ExecutorBuilder::max_result_bytes), unless [`Task::guest_output`] says where else it goes.
///
/// ```no_run
/// use isopool::{Access, Executor};
///
/// let executor = Executor::builder().max_workers(1).build()?;
/// let grep = executor.load_file("grep.wasm")?;
/// let output = executor.submit(grep.command()?.args(["-n", "be"]).stdin("to be\nor not\n"))?.result()?;
/// assert!(output.success());
/// assert_eq!(&output.stdout[..], b"1:to be\n");
///
/// let files = grep.command()?.args(["-r", "be", "/texts"]).preopen("texts", "/texts", Access::ReadOnly);
/// println!("{}", executor.submit(files)?.result()?.status);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is submitted"]
pub struct Command {
    task: Task<(Bytes,), CommandOutput>,
}

impl Module {
    /// A run of the program that the module is: a component that exports `wasi:cli/run`, or a core module for WASI preview 1
    /// that exports `_start`. Its first argument, by which programs know their name, is the module's name.
    ///
    /// # Errors
    /// [`ErrorKind::NotCallable`](crate::ErrorKind::NotCallable): it is no program.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let numbers = executor.load("numbers", wasm)?;
    /// let error = numbers.command().expect_err("it has functions only");
    /// assert!(error.to_string().contains("is no program"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn command(&self) -> Result<Command, Error> {
        let function = Cow::Owned(self.prepared.program()?.name.clone());
        let task = Task::new(self.source.clone(), function, "", (Bytes::new(),));
        Ok(Command { task: task.argument(self.name()) })
    }
}

impl Command {
    /// One more argument. All together have at most [`MAX_ARGUMENTS_BYTES`](crate::limits::MAX_ARGUMENTS_BYTES).
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.task = self.task.argument(argument);
        self
    }

    /// More arguments.
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, arguments: I) -> Self {
        self.task = self.task.arguments(arguments);
        self
    }

    /// What it reads from standard input; nothing by default. At most
    /// [`max_argument_bytes`](crate::ExecutorBuilder::max_argument_bytes).
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.task.arguments = (Bytes::from(bytes.into()),);
        self.task.input = None;
        self
    }

    /// What it reads from standard input, as it comes: from the read end of a pipe, a file that was opened for reading only, ….
    /// However much that is, nobody holds it in memory; the program's clocks, limits and stops go on while it waits.
    ///
    /// The worker gets a descriptor of its own for as long as the task runs; yours is closed with the last clone of this command, or
    /// of its task. Whoever writes to a pipe learns that nobody reads it any more when both are. Two tasks that read from one
    /// descriptor at a time take each other's bytes. A task that reads like this leaves no crash bundle.
    ///
    /// `submit` refuses a descriptor that can be written to as well (a socket, most terminals), which a worker must not have, or a
    /// directory; a task with [`retries`](Task::retries); and an executor that is
    /// [deterministic](crate::ExecutorBuilder::deterministic): when bytes come is chance.
    ///
    /// ```no_run
    /// use isopool::Executor;
    /// use std::io::Write;
    ///
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let count = executor.load_file("count.wasm")?.command()?.stdin_from(reader);
    /// let counted = executor.submit(count)?;
    /// for line in 0..1_000_000 {
    ///     writeln!(writer, "line {line}")?; // waits while the program is behind
    /// }
    /// drop(writer); // the end
    /// println!("{}", String::from_utf8_lossy(&counted.result()?.stdout));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stdin_from(mut self, descriptor: impl Into<OwnedFd>) -> Self {
        self.task.arguments = (Bytes::new(),);
        self.task.input = Some(Arc::new(descriptor.into()));
        self
    }

    /// Sets a variable of its environment, as [`Task::env`] does.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.task = self.task.env(name, value);
        self
    }

    /// Gives it a directory, as [`Task::preopen`] does.
    pub fn preopen(mut self, host: impl Into<PathBuf>, guest: impl Into<String>, access: Access) -> Self {
        self.task = self.task.preopen(host, guest, access);
        self
    }
}

impl Executor {
    /// Checks what a program is to read while it runs.
    pub(super) fn check_input(&self, input: BorrowedFd<'_>, schedule: &Schedule) -> Result<(), Error> {
        let refused = |why: String| Err(Error::invalid(format!("standard input cannot come from a descriptor: {why}")));
        if schedule.retries > 0 {
            let retries = schedule.retries;
            return refused(format!(
                "the task has retries({retries}), and what it has read is gone; give it no retries, or its bytes with stdin()"
            ));
        }
        if self.inner.options.deterministic.is_some() {
            return refused(
                "when its bytes come is chance, and the executor is deterministic; give all of them with stdin()"
                    .into(),
            );
        }
        expect_input(input).or_else(|error| refused(error.to_string()))
    }
}

impl IntoTask for Command {
    /// Standard input.
    type Arguments = (Bytes,);
    type Output = CommandOutput;

    /// The task, for what else a task may have: a time limit, a priority, a tenant, ….
    fn into_task(self) -> Task<(Bytes,), CommandOutput> {
        self.task
    }
}
