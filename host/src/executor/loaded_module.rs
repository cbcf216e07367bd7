//! Modules that are loaded at run time.

use super::handle::Executor;
use super::task::{IntoTask, Task};
use crate::error::{Error, ErrorKind};
use crate::module::{Prepared, Source};
use crate::task::{FunctionInfo, Manifest, ModuleHash, ModuleInfo};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A module that was compiled and can be called: see [`Executor::load`](crate::Executor::load). Cheap to clone.
///
/// ```
/// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// let module = executor.load("numbers", wasm)?;
/// println!("{} ({:.12}) speaks isopool:task {}", module.name(), module.hash(), module.info().contract);
/// for function in &module.info().functions {
///     println!("{}: {}", function.name, function.signature);
/// }
/// # assert!(module.info().function("value::add").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Module {
    pub(crate) source: Source,
    pub(crate) prepared: Arc<Prepared>,
}

/// Its name and hash: its bytes are too many for any message.
impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module({})", self.prepared.display_name())
    }
}

impl Module {
    /// Its name: what it was loaded as.
    pub fn name(&self) -> &str {
        &self.prepared.name
    }

    /// The hash of its WebAssembly.
    pub fn hash(&self) -> ModuleHash {
        self.prepared.hash
    }

    /// What it says of itself.
    pub fn info(&self) -> &ModuleInfo {
        &self.prepared.info
    }

    /// What it asks for, if it says so: see [`Manifest`]. What comes of that here, [`Executor::decisions`] says.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// # let asks = br#"{ "arguments": true }"#;
    /// # let asking = [wasm, &[0, 17 + asks.len() as u8, 16], b"isopool:manifest", asks].concat();
    /// let module = executor.load("numbers", asking)?;
    /// assert!(module.manifest().expect("it has one").arguments);
    /// assert!(executor.load("numbers", wasm)?.manifest().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn manifest(&self) -> Option<&Manifest> {
        self.prepared.info.manifest.as_ref()
    }

    /// One of its functions, by its name: as a task module lists it, or as a component exports it (`score`,
    /// `my:pkg/math@1.0.0#add`, where the version may be left out while only one fits).
    ///
    /// # Errors
    /// [`ErrorKind::UnknownFunction`](crate::ErrorKind::UnknownFunction), with the nearest names that exist;
    /// [`AmbiguousFunction`](crate::ErrorKind::AmbiguousFunction);
    /// [`NotCallable`](crate::ErrorKind::NotCallable): there is a resource or a stream in its types, or it is a program.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let module = executor.load("numbers", wasm)?;
    /// assert_eq!(module.function("value::add")?.info().signature, "fn(a: u64, b: u64) -> u64");
    /// let error = module.function("value::ad").expect_err("misspelled");
    /// assert!(error.to_string().contains("value::add"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn function(&self, name: &str) -> Result<Function, Error> {
        let info = self.prepared.resolve(name)?.clone();
        Ok(Function { module: self.clone(), info })
    }
}

/// A function of a module that was loaded at run time.
#[derive(Clone)]
pub struct Function {
    pub(super) module: Module,
    pub(super) info: FunctionInfo,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({} in {})", self.info.name, self.module.prepared.display_name())
    }
}

impl Function {
    /// What the module says of it.
    pub fn info(&self) -> &FunctionInfo {
        &self.info
    }

    /// A call of it. `arguments` is a tuple, `(x,)` for one, or a list of values, such as an array of JSON.
    ///
    /// The types are not checked here: arguments of the wrong type end the task with
    /// [`TaskError::Codec`](crate::TaskError::Codec). For a function that a plain component exports that is found before
    /// anything is sent, whatever the codec; [`guide::components`](crate::guide::components) says which types are which.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// use isopool::{Codec, Executor};
    ///
    /// let executor = Executor::builder().max_workers(1).codec(Codec::Json).build()?;
    /// let add = executor.load("numbers", wasm)?.function("value::add")?;
    /// let typed = executor.submit(add.call::<_, u64>((2, 3)))?;
    /// let untyped = executor.submit(add.call::<_, serde_json::Value>(serde_json::json!([2, 3])))?;
    /// assert_eq!(untyped.result()?, typed.result()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call<A, R>(&self, arguments: A) -> Task<A, R> {
        Task::new(self.module.source.clone(), Cow::Owned(self.info.name.clone()), "", arguments)
    }
}

impl Executor {
    /// Compiles a module in a process of its own, or finds it in the cache, and gives its functions. `name` is for errors and
    /// logs. Waits for the compilation, at most [`max_compile_time`](crate::ExecutorBuilder::max_compile_time). The bytes: a component,
    /// a core module of `wit/isopool.wit`, or a core module for WASI preview 1, at most [`MAX_MODULE_BYTES`](crate::limits::MAX_MODULE_BYTES).
    ///
    /// # Errors
    /// [`ErrorKind::Module`]: the module cannot be used; [`Error::module_error`] says why.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let module = executor.load("numbers", wasm)?;
    /// let add = module.function("value::add")?;
    /// assert_eq!(executor.submit(add.call::<_, u64>((2_u64, 3_u64)))?.result()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, name: &str, wasm: impl Into<Vec<u8>>) -> Result<Module, Error> {
        let wasm = Arc::new(wasm.into());
        let source = Source::Loaded { name: name.into(), hash: ModuleHash::of(&wasm), wasm };
        let prepared = self.inner.library.get(&source)?;
        Ok(Module { source, prepared })
    }

    /// The module that a task is of, ready for workers: for [`open`](Self::open), and to see what it says of itself. Waits for its
    /// compilation, as the first task of it would.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    ///
    /// ```
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let module = executor.module_of(guest_basic::value::add::task(2, 3))?;
    /// assert_eq!(module.name(), "guest-basic");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn module_of<T: IntoTask>(&self, task: T) -> Result<Module, Error> {
        let source = task.into_task().source;
        let prepared = self.inner.library.get(&source)?;
        Ok(Module { source, prepared })
    }

    /// Reads a module from a file and [loads](Self::load) it.
    ///
    /// # Errors
    /// As `load`; [`ErrorKind::System`] when the file cannot be read.
    ///
    /// ```
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let error = executor.load_file("plugins/missing.wasm").expect_err("there is no such file");
    /// assert!(error.to_string().starts_with("the module `plugins/missing.wasm` cannot be read: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<Module, Error> {
        let path = path.as_ref();
        let wasm = read_module(path)?;
        self.load(&module_name(path), wasm)
    }

    /// Lets go of a module that was loaded, unless a task or a caller's `Module` still has it.
    pub(crate) fn forget(&self, hash: ModuleHash) {
        self.inner.library.forget(hash);
    }
}

/// What a module in a file is called.
pub(super) fn module_name(path: &Path) -> Cow<'_, str> {
    path.file_stem().map_or_else(|| path.to_string_lossy(), |stem| stem.to_string_lossy())
}

/// The bytes of a file.
pub(crate) fn read_module(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::System, format!("the module `{}` cannot be read: {error}", path.display()))
            .with_source(error)
    })
}
