//! Programs as tasks.

use super::task::{IntoTask, Task};
use crate::task::{CommandInput, CommandOutput};
use isopool_guest::Bytes;

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
/// let executor = isopool::Executor::builder().max_workers(1).build()?;
/// let grep = executor.load_file("grep.wasm")?;
/// let output = executor.submit(grep.command()?.args(["-n", "be"]).stdin("to be\nor not\n"))?.result()?;
/// assert!(output.success());
/// assert_eq!(&output.stdout[..], b"1:to be\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is submitted"]
pub struct Command {
    task: Task<CommandInput, CommandOutput>,
}

impl Command {
    pub(super) fn new(task: Task<CommandInput, CommandOutput>) -> Self {
        Self { task }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.task.arguments.arguments.push(argument.into());
        self
    }

    /// More arguments.
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, arguments: I) -> Self {
        self.task.arguments.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// What it reads from standard input; nothing by default. Counts as its argument:
    /// [`max_argument_bytes`](crate::ExecutorBuilder::max_argument_bytes).
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.task.arguments.stdin = Bytes::from(bytes.into());
        self
    }

    /// Sets a variable of its environment, as [`Task::env`] does.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.task = self.task.env(name, value);
        self
    }
}

impl IntoTask for Command {
    type Arguments = CommandInput;
    type Output = CommandOutput;

    fn into_task(self) -> Task<CommandInput, CommandOutput> {
        self.task
    }
}
