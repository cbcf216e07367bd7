//! A host of plugins that nobody needs to trust: a plugin is a file, and each call of it runs in a sandbox of its own, in a
//! process that is not this one.

use isopool::{Codec, Error, Executor, Function, Module, TaskFuture};
use std::path::Path;
use std::time::Duration;

/// Longest time for one call of a plugin.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The plugin that is built in.
const SHOUT: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_SHOUT"));

/// The pool in which plugins run.
pub struct Host {
    executor: Executor,
}

/// A plugin: a module with the functions `describe` and `transform`.
pub struct Plugin {
    executor: Executor,
    describe: Function,
    transform: Function,
}

impl Host {
    /// A host without plugins.
    pub fn new() -> Result<Self, Error> {
        // JSON: plugins in other languages speak it too.
        let executor = Executor::builder().codec(Codec::Json).task_time_limit(TIME_LIMIT).build()?;
        Ok(Self { executor })
    }

    /// The plugin in a file. One that lacks a function is refused here, and not when it is called.
    pub fn load(&self, path: &Path) -> Result<Plugin, Error> {
        self.plugin(&self.executor.load_file(path)?)
    }

    /// The plugin that is built in.
    pub fn built_in(&self) -> Result<Plugin, Error> {
        self.plugin(&self.executor.load("shout", SHOUT)?)
    }

    fn plugin(&self, module: &Module) -> Result<Plugin, Error> {
        Ok(Plugin {
            executor: self.executor.clone(),
            describe: module.function("describe")?,
            transform: module.function("transform")?,
        })
    }
}

impl Plugin {
    /// What the plugin says that it does.
    pub fn describe(&self) -> Result<TaskFuture<String>, Error> {
        self.executor.submit(self.describe.call(()))
    }

    /// The text as the plugin changes it. Whatever the plugin does, it comes to a value or an error of this one future.
    pub fn transform(&self, text: &str) -> Result<TaskFuture<String>, Error> {
        self.executor.submit(self.transform.call((text.to_owned(),)))
    }
}
