//! A failure that was recorded, once more.

use super::builder::ExecutorBuilder;
use super::encoded::Encoded;
use super::handle::Executor;
use super::options::Shutdown;
use super::submission::OnFull;
use super::task::Task;
use crate::bundle::{self, Answer, Bundle, Contents, Ending};
use crate::error::{Error, ErrorKind, TaskError, TaskRef};
use crate::host_functions::{HostFunctions, Recorded, RecordedAnswer};
use crate::ipc::InitializerCall;
use crate::module::Source;
use crate::sync::Collected;
use crate::task::{HostFaultKind, ModuleHash};
use isopool_guest::Codec;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A crash bundle that was read: see [`ExecutorBuilder::crash_bundles`].
///
/// Its hash shows damage, not who wrote it: read a file of somebody else's as what it is, foreign code. It runs locked in like any
/// other task, and a replay grants it no directory and no address that the caller does not name.
pub struct CrashBundle(Bundle);

/// What a replay came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replay {
    /// How the task has ended now; with a value: how many bytes its encoded result has.
    pub result: Result<usize, TaskError>,
    /// Whether that is how it had ended: the same cause with the same words and the same backtrace; for a task that ran out of
    /// time, that it did so again.
    pub is_same: bool,
    /// The first call of a host function that is not the one in the log.
    pub divergence: Option<Divergence>,
}

/// Where a replay has left its log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// Which call of the task's it is, from 1.
    pub call: usize,
    /// The call in the log.
    pub recorded: String,
    /// The call that was made.
    pub replayed: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, recorded, replayed } = self;
        write!(f, "call {call} of a host function was {recorded}, and is now {replayed}")
    }
}

impl fmt::Debug for CrashBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CrashBundle").field(&self.0.contents).finish()
    }
}

impl CrashBundle {
    /// Reads a file, of whatever origin.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`]: it cannot be read, is none, is damaged or cut off, or was written in another format.
    ///
    /// ```
    /// let error = isopool::CrashBundle::read("/dev/null").expect_err("it is empty");
    /// assert_eq!(error.to_string(), "the crash bundle `/dev/null`: it is no crash bundle of isopool");
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refused = |why| Error::new(ErrorKind::Bundle, format!("the crash bundle `{}`: {why}", path.display()));
        bundle::read(path).map(Self).map_err(refused)
    }

    /// How the task had ended, with its backtrace.
    pub fn message(&self) -> &str {
        &self.0.contents.message
    }

    /// The hash of its module.
    pub fn module_hash(&self) -> &str {
        &self.0.contents.module_hash
    }

    /// What may make a replay differ, or is not given to it again: a sentence each.
    pub fn reservations(&self) -> Vec<String> {
        let Contents { seed, reuse, environment, directories, addresses, host_calls_cut, versions, .. } =
            &self.0.contents;
        let mut said = Vec::new();
        if seed.is_none() {
            said.push("it did not run in deterministic mode: clocks and chance differ, and the outcome may".to_owned());
        }
        if *reuse == super::Reuse::Worker {
            said.push("it ran in an instance that others had used, and what they left there is gone".to_owned());
        }
        if !environment.is_empty() {
            said.push(format!("values of variables are not in it; it had {}", environment.join(", ")));
        }
        for directory in directories {
            let (host, guest) = (directory.host.display(), &directory.guest);
            said.push(format!("it was granted the directory `{host}` as `{guest}`; a replay has what you grant"));
        }
        if !addresses.is_empty() {
            said.push(format!("it was granted the addresses {}; a replay has what you grant", addresses.join(", ")));
        }
        if *host_calls_cut {
            said.push("it made more calls of host functions than are in it: the replay ends there".to_owned());
        }
        if *versions != crate::module::compatibility() {
            said.push(format!("it was written by {versions}"));
        }
        said
    }

    /// Runs the task again, in a worker of a new executor, with the answers of host functions from the log.
    ///
    /// `builder` says what is not in the bundle: the values of variables, directories and addresses to grant, a time limit in place
    /// of the task's own, where output goes. All that the bundle knows replaces what it says. `module` is for a bundle without one.
    ///
    /// A task that waited for an answer when it ended waits again, until its time, or that of the call, is over.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`]: the module is missing or another one, or the task was given shared objects, which are gone. Those of
    /// [`ExecutorBuilder::build`], [`Executor::load`] and [`Executor::submit`], because what the bundle says need not be so.
    pub fn replay(&self, builder: ExecutorBuilder, module: Option<Vec<u8>>) -> Result<Replay, Error> {
        let contents = &self.0.contents;
        if contents.shared_objects > 0 {
            let objects = contents.shared_objects;
            let message = format!("the task was given {objects} shared objects, which are gone: it cannot be replayed");
            return Err(Error::new(ErrorKind::Bundle, message));
        }
        let wasm = Arc::new(self.module(module)?);
        let hash = ModuleHash::of(&wasm);
        let log = Arc::new(Log { bundle: self.0.clone(), state: Mutex::default() });
        let executor = self.builder(builder, hash, &log)?.build()?;
        let source = Source::Loaded { name: contents.module.as_str().into(), hash, wasm };
        let mut task: Task<(), ()> = Task::new(source, Cow::Owned(contents.function.clone()), "", ());
        // Of the task's own, because a program's name is the first.
        task = task.arguments(&contents.arguments);
        for &(limit, value) in &contents.own_limits {
            task = task.limit(limit, value);
        }
        let result = run(&executor, &task, &self.0.argument);
        executor.shutdown(Shutdown::Kill);
        let result = result?;
        let is_same = is_same(&contents.ending, &Ending::of(&result));
        let divergence = log.state.lock().divergence.take();
        let result = result.map(|bytes| bytes.len());
        Ok(Replay { is_same: is_same && divergence.is_none(), result, divergence })
    }

    fn module(&self, given: Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
        let expected = &self.0.contents.module_hash;
        let refuse = |message: String| Err(Error::new(ErrorKind::Bundle, message));
        let Some(wasm) = given.or_else(|| self.0.module.clone()) else {
            return refuse(format!(
                "the module `{}` is not in the crash bundle, because it is large; give it (--module): its hash is {expected}",
                self.0.contents.module
            ));
        };
        let found = ModuleHash::of(&wasm).to_string();
        if found != *expected {
            return refuse(format!("the module is another one: its hash is {found}, that of the task's is {expected}"));
        }
        Ok(wasm)
    }

    /// With all that the bundle knows.
    fn builder(&self, builder: ExecutorBuilder, module: ModuleHash, log: &Arc<Log>) -> Result<ExecutorBuilder, Error> {
        let contents = &self.0.contents;
        let Some(codec) = Codec::from_name(&contents.codec) else {
            let message = format!("the codec `{}` of the crash bundle is not built in", contents.codec);
            return Err(Error::new(ErrorKind::Bundle, message));
        };
        let mut builder = builder
            .max_workers(1)
            .codec(codec)
            .execution(contents.execution)
            .interruption(contents.interruption)
            .overflow(contents.overflow)
            .max_argument_bytes(contents.max_argument_bytes)
            .max_result_bytes(contents.max_result_bytes)
            .max_host_function_calls(contents.max_host_function_calls)
            .max_host_function_bytes(contents.max_host_function_bytes);
        builder.options.deterministic = contents.seed;
        builder.options.crash_bundles = None;
        if builder.options.task_time_limit.is_none() {
            builder.options.task_time_limit = contents.time_limit;
            builder.options.task_deadline = contents.deadline;
        }
        for &(limit, value) in &contents.limits {
            builder = builder.limit(limit, value);
        }
        if let Some(initializer) = &contents.initializer {
            let (function, argument) = (initializer.function.clone(), self.0.initializer.clone());
            let (environment, arguments) = Default::default();
            let call = InitializerCall { function, codec, argument, environment, arguments };
            builder = builder.encoded_initializer(module, call);
        }
        let log = Arc::clone(log);
        let answers = move |task: &TaskRef, function: &str, argument: &[u8]| log.answer(task, function, argument);
        builder.options.host.functions = HostFunctions::recorded(Recorded::new(answers));
        Ok(builder)
    }
}

/// Runs it to its end.
fn run(executor: &Executor, task: &Task<(), ()>, argument: &[u8]) -> Result<Result<Vec<u8>, TaskError>, Error> {
    let ready = executor.prepare(task)?;
    executor.take_place()?;
    let encoded = Encoded { argument: argument.to_vec(), shared: Collected::default() };
    let future = executor.send_encoded(task, ready, OnFull::Wait, |_, _| Ok(encoded))?;
    let ended = future.promise.wait(None).expect("a wait without a deadline ends with the task");
    Ok(ended.result.clone())
}

/// Times differ from run to run; everything else is said in the same words.
fn is_same(recorded: &Ending, replayed: &Ending) -> bool {
    match (recorded, replayed) {
        (Ending::TimedOut { .. }, Ending::TimedOut { .. }) => true,
        (recorded, replayed) => recorded == replayed,
    }
}

/// The calls of host functions that the task had made, and how far it is now.
struct Log {
    bundle: Bundle,
    state: Mutex<Position>,
}

#[derive(Default)]
struct Position {
    next: usize,
    divergence: Option<Divergence>,
}

impl Log {
    fn answer(&self, task: &TaskRef, function: &str, argument: &[u8]) -> RecordedAnswer {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        let Bundle { contents, calls, .. } = &self.bundle;
        let recorded = contents.host_calls.get(number).zip(calls.get(number)).filter(|_| task.parent().is_none());
        match recorded {
            Some((call, (recorded, returned))) if call.function == function && recorded == argument => {
                match &call.answer {
                    Some(Answer::Returned { .. }) => RecordedAnswer::Returned(returned.clone()),
                    Some(Answer::Fault { kind, message }) => RecordedAnswer::Fault(*kind, message.clone()),
                    None => RecordedAnswer::Never,
                }
            }
            recorded => {
                let recorded = match recorded {
                    Some((call, (argument, _))) => told(&call.function, argument),
                    None if task.parent().is_some() => "not recorded, as none of a nested task's is".to_owned(),
                    None if self.bundle.contents.host_calls_cut => "not recorded, being one too many".to_owned(),
                    None => "none: there were no more".to_owned(),
                };
                let divergence = Divergence { call: number + 1, recorded, replayed: told(function, argument) };
                let message = format!("the replay has left the log: {divergence}");
                state.divergence.get_or_insert(divergence);
                RecordedAnswer::Fault(HostFaultKind::Refused, message)
            }
        }
    }
}

/// A call, for a person: with the first bytes of what it was given, which are values by their types and no text.
fn told(function: &str, argument: &[u8]) -> String {
    let shown = &argument[..argument.len().min(64)];
    let more = if shown.len() < argument.len() { "…" } else { "" };
    format!("`{function}` with {} bytes of arguments, \"{}\"{more}", argument.len(), shown.escape_ascii())
}
