//! Crash bundles: what a task that fails leaves, for [`CrashBundle`](crate::CrashBundle) to run it again.

use super::builder::{ExecutorBuilder, Options};
use super::handle::Executor;
use crate::bundle::{BundleWriter, Contents, Directory, Ending, InitializerRecord, Recording};
use crate::dispatcher::{Job, Observer};
use crate::error::{Error, ErrorKind, TaskRef};
use crate::ipc::RunOptions;
use crate::module::Source;
use crate::task::{Class, DirectoryGrant, Limit};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

impl ExecutorBuilder {
    /// Has each task that panics, traps, goes over a limit or out of time, is ended by a host function or takes its worker's life
    /// leave a *crash bundle*: a file in this directory, `….isopool-crash`, from which
    /// [`CrashBundle::replay`](crate::CrashBundle::replay) or `isopool replay` has the same failure again. Default: none is left.
    ///
    /// The file holds the module (up to [`MAX_BUNDLE_MODULE_BYTES`](crate::limits::MAX_BUNDLE_MODULE_BYTES), else its hash), the
    /// function, the argument, the seed, the limits, what was granted, each call of a host function with its arguments and its
    /// answer, the versions and the outcome. **Arguments and answers are in it as they are**: what is secret in them is secret in
    /// the file, which only this user can read. Of environment variables it holds the names alone.
    ///
    /// A directory gets [`MAX_CRASH_BUNDLES`](crate::limits::MAX_CRASH_BUNDLES), the first ones; programs that write to the same one
    /// at the same time may go over that by one each. A thread of its own writes them, each
    /// whole or not at all, after the task's future has shown the failure; [`shutdown`](Executor::shutdown) waits for it. Tasks
    /// of other tasks and calls of live instances leave none, and what returns an error leaves none. With
    /// [`deterministic`](Self::deterministic) a replay is the same run; without, it may differ.
    ///
    /// ```
    /// use guest_basic::crash::trap_unreachable;
    /// use isopool::{CrashBundle, Executor, Shutdown};
    ///
    /// # let parent = tempfile::tempdir()?;
    /// # let directory = parent.path().join("crashes");
    /// let executor = Executor::builder().max_workers(1).deterministic(7).crash_bundles(&directory).build()?;
    /// executor.submit(trap_unreachable::task())?.result().expect_err("it traps");
    /// executor.shutdown(Shutdown::Finish);
    ///
    /// let file = std::fs::read_dir(&directory)?.next().expect("there is one")?;
    /// let bundle = CrashBundle::read(file.path())?;
    /// let replay = bundle.replay(Executor::builder(), None)?;
    /// assert!(replay.is_same && replay.divergence.is_none());
    /// println!("{}", replay.result.expect_err("it traps again")); // with the backtrace
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn crash_bundles(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.crash_bundles = Some(directory.into());
        self
    }
}

impl Options {
    /// Where crash bundles go, if they are wanted.
    pub(super) fn bundle_writer(&self) -> Result<Option<Arc<BundleWriter>>, Error> {
        let Some(directory) = &self.crash_bundles else { return Ok(None) };
        let writer = BundleWriter::new(directory).map_err(|error| {
            let message = format!("the directory for crash bundles, `{}`, cannot be had: {error}", directory.display());
            Error::new(ErrorKind::System, message).with_source(error)
        })?;
        Ok(Some(Arc::new(writer)))
    }
}

impl Executor {
    /// Begins to keep what a bundle of this task would hold. What there is to say of it is put into words only if it fails.
    pub(super) fn record(&self, job: &Job, source: &Source) -> Option<Arc<Recording>> {
        if job.input.is_some() {
            // It has read what nobody can read again.
            return None;
        }
        let writer = Arc::clone(self.inner.bundles.as_ref()?);
        let facts = Facts {
            task: job.promise.task.clone(),
            class: Arc::clone(&job.class),
            own: job.options.clone(),
            time_limit: job.time_limit,
            deadline: job.deadline.map(|_| job.time_to_deadline()),
            shared_objects: job.objects.len(),
            argument_bytes: job.argument.len(),
        };
        let options = Arc::clone(&self.inner.options);
        let recording = Arc::new(Recording {
            task: job.id.get(),
            describe: Box::new(move || facts.described(&options)),
            source: source.clone(),
            argument: Arc::clone(&job.argument),
            writer,
            calls: Mutex::default(),
        });
        // It has not ended: nobody else has it yet.
        let _ = job.promise.observe(Observer::Recording(Arc::clone(&recording)));
        Some(recording)
    }
}

/// What there is to know of a task before it runs.
struct Facts {
    task: TaskRef,
    class: Arc<Class>,
    own: RunOptions,
    time_limit: Option<Duration>,
    deadline: Option<Duration>,
    shared_objects: usize,
    argument_bytes: usize,
}

impl Facts {
    /// What a bundle says of it, and the argument of its module's initializer.
    fn described(&self, options: &Options) -> (Contents, Vec<u8>) {
        let call = options.initializer_call().ok().flatten();
        let call = call.filter(|initializer| initializer.module == self.task.module_hash());
        let mut contents = self.contents(options);
        let Some(call) = call.map(|initializer| initializer.call) else { return (contents, Vec::new()) };
        contents.initializer = Some(InitializerRecord { function: call.function, argument_bytes: call.argument.len() });
        (contents, call.argument)
    }

    fn contents(&self, options: &Options) -> Contents {
        let names = |variables: &[(String, String)]| variables.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut environment = names(&self.own.environment);
        environment.extend(names(&self.class.withheld.of_environment(&options.environment)));
        environment.sort_unstable();
        environment.dedup();
        let limits = Limit::ALL.map(|limit| (limit, options.limits.get(limit)));
        let grants = &self.class.grants;
        let directory = |directory: &DirectoryGrant| Directory {
            host: directory.host.clone(),
            guest: directory.guest.clone(),
            access: directory.access,
        };
        Contents {
            versions: String::new(),
            written_at: 0,
            task: self.task.id().get(),
            tenant: self.class.tenant.as_deref().map(str::to_owned),
            module: self.task.module().to_owned(),
            module_hash: self.task.module_hash().to_string(),
            function: self.task.function().to_owned(),
            codec: options.codec.name().to_owned(),
            seed: options.deterministic,
            execution: options.execution,
            interruption: options.interruption,
            overflow: options.overflow,
            reuse: options.reuse,
            limits: limits.into_iter().filter(|(limit, value)| *value != limit.default_value()).collect(),
            own_limits: self.own.limits.clone(),
            max_argument_bytes: options.max_argument_bytes,
            max_result_bytes: options.max_result_bytes,
            max_host_function_calls: options.host.max_calls,
            max_host_function_bytes: options.host.max_call_bytes,
            time_limit: self.time_limit,
            deadline: self.deadline,
            environment,
            arguments: [self.class.withheld.of_arguments(&options.arguments), self.own.arguments.clone()].concat(),
            directories: grants.directories.iter().map(directory).collect(),
            addresses: grants.addresses.iter().map(ToString::to_string).collect(),
            shared_objects: self.shared_objects,
            initializer: None,
            argument_bytes: self.argument_bytes,
            module_bytes: None,
            host_calls: Vec::new(),
            host_calls_cut: false,
            message: String::new(),
            ending: Ending::Other { message: String::new() },
        }
    }
}
