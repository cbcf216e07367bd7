//! What it does: keeps plugins by name, each in versions that never change, and swaps the one in use while tasks run.
//! Takes from: the user. Hands to: executor.
//! Never: touches a task: what was made of a version runs and ends with that version.

mod version;
mod watch;

pub use version::Version;
pub use watch::Watch;

use crate::error::{Error, ErrorKind};
use crate::executor::{Executor, Function, read_module};
use crate::limits::DEFAULT_PLUGIN_VERSIONS;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use version::Versions;

/// Plugins of one executor, by name. Each is a list of versions, of which one is *current*; a version is the bytes of a module and
/// never changes. A new one is taken as the current one only once it is compiled and has what is
/// [required](Registry::require): a broken one changes nothing.
///
/// A task is made of a [`Function`], and that of a version: so tasks that were submitted before a swap, or are submitted later with a
/// `Function` from before, run the old version to their end, and all that ask for the current one get the new. Nothing is
/// stopped, lost or run twice, and no worker is restarted: workers load the new version beside the old.
///
/// Clones have the same plugins. It keeps [`DEFAULT_PLUGIN_VERSIONS`] versions of each plugin, and forgets the oldest beyond that;
/// what tasks still hold of a forgotten version stays with them.
///
/// ```
/// # let wasm = guest_basic::value::add::task(0, 0).module.wasm.to_vec();
/// use isopool::{Executor, Registry};
///
/// let executor = Executor::builder().max_workers(1).build()?;
/// let plugins = Registry::new(&executor).require(["value::add"]);
/// let first = plugins.publish("numbers", wasm.clone())?;
/// let before = plugins.function("numbers", "value::add")?;
///
/// let second = plugins.publish("numbers", [&wasm[..], &[0, 2, 1, b'x']].concat())?; // other bytes: another version
/// assert_eq!((first.number(), second.number()), (1, 2));
/// let refused = plugins.publish("numbers", *b"no module").expect_err("and nothing changes");
/// assert_eq!(plugins.current("numbers")?.hash(), second.hash());
///
/// let old = executor.submit(before.call::<_, u64>((2_u64, 3_u64)))?;
/// let new = executor.submit(plugins.function("numbers", "value::add")?.call::<_, u64>((2_u64, 3_u64)))?;
/// assert_eq!((old.task().module_hash(), new.task().module_hash()), (first.hash(), second.hash()));
/// assert_eq!((old.result()?, new.result()?), (5, 5));
///
/// plugins.use_version("numbers", 1)?; // back again
/// assert_eq!(plugins.current("numbers")?.hash(), first.hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    executor: Executor,
    required: Arc<[String]>,
    keeps: usize,
    plugins: Arc<Mutex<BTreeMap<String, Versions>>>,
}

impl Registry {
    /// An empty registry, whose plugins run in this executor.
    pub fn new(executor: &Executor) -> Self {
        let plugins = Arc::default();
        Self { executor: executor.clone(), required: Arc::default(), keeps: DEFAULT_PLUGIN_VERSIONS, plugins }
    }

    /// From now on this handle, and those that are cloned of it, publish only versions that have these functions, by the names that
    /// [`Module::function`](crate::Module::function) knows: others are refused.
    #[must_use]
    pub fn require<S: Into<String>>(mut self, functions: impl IntoIterator<Item = S>) -> Self {
        self.required = functions.into_iter().map(Into::into).collect();
        self
    }

    /// From now on so many versions of a plugin are kept when this handle, or one that is cloned of it, publishes another one; at
    /// least the current one.
    #[must_use]
    pub fn keep_versions(mut self, versions: usize) -> Self {
        self.keeps = versions.max(1);
        self
    }

    /// Compiles a module, and makes it the current version of a plugin: a new version, unless one of the plugin's has the same bytes.
    /// Waits for the compilation; the version before is in use meanwhile. Of calls that overlap, the last to end wins.
    ///
    /// # Errors
    /// As [`Executor::load`]; [`ErrorKind::UnknownFunction`] and others of [`Module::function`](crate::Module::function): it lacks
    /// a required one. The version before stays.
    pub fn publish(&self, name: &str, wasm: impl Into<Vec<u8>>) -> Result<Version, Error> {
        let module = self.executor.load(name, wasm)?;
        self.required.iter().try_for_each(|function| module.function(function).map(drop))?;
        let (version, forgotten) = {
            let mut plugins = self.plugins.lock();
            plugins.entry(name.to_owned()).or_default().add(module, self.keeps)
        };
        tracing::info!(plugin = name, version = version.number(), hash = %version.hash(), "a plugin has another version");
        forgotten.into_iter().for_each(|version| version.forget(&self.executor));
        Ok(version)
    }

    /// [Publishes](Self::publish) a file.
    ///
    /// # Errors
    /// As `publish`; [`ErrorKind::System`]: it cannot be read.
    pub fn publish_file(&self, name: &str, path: impl AsRef<Path>) -> Result<Version, Error> {
        self.publish(name, read_module(path.as_ref())?)
    }

    /// The version of a plugin that is in use.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownPlugin`], with the names that there are.
    pub fn current(&self, name: &str) -> Result<Version, Error> {
        self.with(name, |versions| Ok(versions.current()))
    }

    /// A function of the version of a plugin that is in use. Ask again for each task that is to run the current version.
    ///
    /// # Errors
    /// As [`current`](Self::current) and [`Module::function`](crate::Module::function).
    pub fn function(&self, name: &str, function: &str) -> Result<Function, Error> {
        self.current(name)?.module().function(function)
    }

    /// The versions of a plugin that are kept, the oldest first.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub fn versions(&self, name: &str) -> Result<Vec<Version>, Error> {
        self.with(name, |versions| Ok(versions.all()))
    }

    /// Makes another version of a plugin that is kept the current one, by its number.
    ///
    /// # Errors
    /// As [`current`](Self::current); [`ErrorKind::UnknownPlugin`]: there is no such version any more.
    pub fn use_version(&self, name: &str, number: u64) -> Result<Version, Error> {
        let version = self.with(name, |versions| {
            versions.choose(number).map_err(|has| {
                let message = format!("plugin `{name}` has no version {number}; it has {has}");
                Error::new(ErrorKind::UnknownPlugin, message)
            })
        })?;
        tracing::info!(plugin = name, version = version.number(), hash = %version.hash(), "a plugin has another version");
        Ok(version)
    }

    /// Forgets a plugin; false: there was none. Its tasks run on.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.plugins.lock().remove(name);
        let is_known = removed.is_some();
        removed.into_iter().flat_map(Versions::into_all).for_each(|version| version.forget(&self.executor));
        is_known
    }

    /// The names of its plugins, in order.
    pub fn names(&self) -> Vec<String> {
        self.plugins.lock().keys().cloned().collect()
    }

    /// Publishes a file now, and again whenever it has changed, until the [`Watch`] is dropped: for development. The file is looked at
    /// twice a second, by a thread of its own, which calls `told` with each new version and with each error; a file that cannot be
    /// used leaves the version before in use.
    ///
    /// # Errors
    /// As [`publish_file`](Self::publish_file), for the first time.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.wasm");
    /// # std::fs::write(&path, wasm)?;
    /// # let plugins = isopool::Registry::new(&isopool::Executor::builder().max_workers(1).build()?);
    /// let watch = plugins.watch("numbers", &path, |what| match what {
    ///     Ok(version) => println!("now in use: version {}", version.number()),
    ///     Err(error) => println!("not taken: {error}"),
    /// })?;
    /// assert_eq!(plugins.current("numbers")?.number(), 1);
    /// # drop(watch);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch(
        &self,
        name: &str,
        path: impl AsRef<Path>,
        told: impl FnMut(Result<&Version, &Error>) + Send + 'static,
    ) -> Result<Watch, Error> {
        Watch::start(self.clone(), name.to_owned(), path.as_ref().to_owned(), told)
    }

    fn with<T>(&self, name: &str, ask: impl FnOnce(&mut Versions) -> Result<T, Error>) -> Result<T, Error> {
        let mut plugins = self.plugins.lock();
        if let Some(versions) = plugins.get_mut(name) {
            return ask(versions);
        }
        let names: Vec<String> = plugins.keys().map(|name| format!("`{name}`")).collect();
        let has =
            if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
        Err(Error::new(ErrorKind::UnknownPlugin, format!("no plugin has the name `{name}`; {has}")))
    }
}
