//! Crash bundles: what a task that fails leaves, for [`CrashBundle`](crate::CrashBundle) to run it again.

use super::builder::{ExecutorBuilder, Options};
use super::handle::Executor;
use crate::bundle::{BundleWriter, Contents, Directory, Ending, InitializerRecord, Recording};
use crate::dispatcher::{Job, Observer};
use crate::error::{Error, ErrorKind};
use crate::module::Source;
use crate::task::Limit;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// of other tasks and calls of live instances leave none, and what returns an error leaves none. With [`deterministic`](Self::deterministic) a replay is
    /// the same run; without, it may differ.
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
    /// Begins to keep what a bundle of this task would hold.
    pub(super) fn record(&self, job: &Job, source: &Source) -> Option<Arc<Recording>> {
        let writer = Arc::clone(self.inner.bundles.as_ref()?);
        let initializer = self.inner.options.initializer_call().ok().flatten();
        let initializer = initializer.filter(|initializer| initializer.module == job.module.hash);
        let (function, initializer) = match initializer {
            Some(initializer) => (Some(initializer.call.function), initializer.call.argument),
            None => (None, Vec::new()),
        };
        let mut contents = contents(&self.inner.options, job);
        contents.initializer =
            function.map(|function| InitializerRecord { function, argument_bytes: initializer.len() });
        let recording = Arc::new(Recording {
            contents,
            source: source.clone(),
            argument: Arc::clone(&job.argument),
            initializer,
            writer,
            calls: Mutex::default(),
        });
        // It has not ended: nobody else has it yet.
        let _ = job.promise.observe(Observer::Recording(Arc::clone(&recording)));
        Some(recording)
    }
}

/// What there is to say of a task before it runs.
fn contents(options: &Options, job: &Job) -> Contents {
    let names = |variables: &[(String, String)]| variables.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let mut environment = names(&job.options.environment);
    environment.extend(names(&options.environment));
    environment.sort_unstable();
    environment.dedup();
    let limits = Limit::ALL.map(|limit| (limit, options.limits.get(limit)));
    let grants = &job.class.grants;
    let directory = |directory: &crate::task::DirectoryGrant| Directory {
        host: directory.host.clone(),
        guest: directory.guest.clone(),
        access: directory.access,
    };
    Contents {
        versions: String::new(),
        written_at: 0,
        task: job.id.get(),
        tenant: job.class.tenant.as_deref().map(str::to_owned),
        module: job.module.name.to_string(),
        module_hash: job.module.hash.to_string(),
        function: job.promise.task.function().to_owned(),
        codec: options.codec.name().to_owned(),
        seed: options.deterministic,
        execution: options.execution,
        interruption: options.interruption,
        overflow: options.overflow,
        reuse: options.reuse,
        limits: limits.into_iter().filter(|(limit, value)| *value != limit.default_value()).collect(),
        own_limits: job.options.limits.clone(),
        max_argument_bytes: options.max_argument_bytes,
        max_result_bytes: options.max_result_bytes,
        max_host_function_calls: options.host.max_calls,
        max_host_function_bytes: options.host.max_call_bytes,
        time_limit: job.time_limit,
        deadline: job.deadline.map(|_| job.time_to_deadline()),
        environment,
        arguments: options.arguments.iter().chain(&job.options.arguments).cloned().collect(),
        directories: grants.directories.iter().map(directory).collect(),
        addresses: grants.addresses.iter().map(ToString::to_string).collect(),
        shared_objects: job.objects.len(),
        initializer: None,
        argument_bytes: job.argument.len(),
        module_bytes: None,
        host_calls: Vec::new(),
        host_calls_cut: false,
        message: String::new(),
        ending: Ending::Other { message: String::new() },
    }
}
