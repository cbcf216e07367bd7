//! A module that cannot be used.

use crate::limits::MAX_MODULE_BYTES;
use std::fmt;
use std::time::Duration;

/// Why a module cannot be used, with its name and the remedy.
///
/// ```
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// use isopool::ModuleErrorKind;
///
/// let error = executor.load("script", "#!/bin/sh").expect_err("it is no WebAssembly");
/// let error = error.module_error().expect("it is the module's fault");
/// assert_eq!(error.module, "script");
/// assert!(matches!(error.kind, ModuleErrorKind::NotWasm { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleError {
    /// The module's name: a package, or the path it was read from.
    pub module: String,
    /// Why.
    pub kind: ModuleErrorKind,
}

/// What is wrong with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleErrorKind {
    /// It is no WebAssembly.
    NotWasm {
        /// Its first bytes.
        starts_with: Vec<u8>,
    },
    /// It is WebAssembly that does not parse or validate: damaged, truncated, or of a feature that is off.
    Invalid {
        /// What the parser said.
        message: String,
    },
    /// It is larger than the limit.
    TooLarge {
        /// Its size, in bytes.
        size: u64,
    },
    /// It is a core module that neither carries the task world nor is a WASI program.
    CoreModule {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It is a component with nothing in it that a task can call.
    OtherWorld {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It was made for another version of the contract.
    OtherVersion {
        /// The version that the module was made for.
        module: String,
        /// The version that this isopool speaks.
        host: String,
    },
    /// It imports something that no task is given.
    UnknownImport {
        /// Which.
        message: String,
    },
    /// A host function of the executor is not the one that it imports.
    HostFunction {
        /// In which way.
        message: String,
    },
    /// It does not fit the world of a [client](crate::client!).
    OtherClient {
        /// Which world.
        world: String,
        /// The first difference.
        message: String,
    },
    /// What it says that it asks for, its [manifest](crate::Manifest), cannot be read.
    Manifest {
        /// What is wrong with it.
        message: String,
    },
    /// The engine could not compile it.
    Compile {
        /// Why.
        message: String,
    },
    /// It could not list its functions.
    Describe {
        /// Why.
        message: String,
    },
    /// The executor's initializer failed in it.
    Initializer {
        /// What the guest said.
        message: String,
    },
    /// No [snapshot](crate::Executor::snapshot) of it can be made.
    Snapshot {
        /// What was called.
        function: String,
        /// What the guest said, or why its memory cannot be kept.
        message: String,
    },
    /// The compiler needed more than its time,
    /// [`max_compile_time`](crate::ExecutorBuilder::max_compile_time), and was killed.
    CompileTimeout {
        /// How much that was.
        limit: Duration,
    },
    /// The compiler needed more than its memory,
    /// [`max_compile_memory_bytes`](crate::ExecutorBuilder::max_compile_memory_bytes).
    CompileMemory {
        /// How much that was, in bytes.
        limit: u64,
    },
    /// The compile worker died.
    CompilerDied {
        /// How.
        message: String,
    },
    /// No compile worker could be started, or the compiled module could not be kept.
    System {
        /// Why.
        message: String,
    },
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            kind @ ModuleErrorKind::Snapshot { .. } => write!(f, "module `{}`: {kind}", self.module),
            kind => write!(f, "module `{}` cannot be used: {kind}", self.module),
        }
    }
}

impl fmt::Display for ModuleErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWasm { starts_with } if starts_with.is_empty() => write!(f, "it is not WebAssembly: it is empty"),
            Self::NotWasm { starts_with } => write!(
                f,
                "it is not WebAssembly (it starts with {:?}, not with \"\\0asm\")",
                String::from_utf8_lossy(starts_with)
            ),
            Self::Invalid { message } => write!(f, "it is damaged or not valid WebAssembly: {message}"),
            Self::TooLarge { size } => {
                write!(f, "it has {size} bytes, the limit is {MAX_MODULE_BYTES} (limits::MAX_MODULE_BYTES)")
            }
            Self::CoreModule { exports } => write!(
                f,
                "it is a core module without the task world, and no WASI program (it exports {}); build it with \
                 isopool-guest, or as a component",
                list(exports)
            ),
            Self::OtherWorld { exports } => write!(
                f,
                "nothing in it can be called: it exports {}; a component exports functions of values, wasi:cli/run, or \
                 isopool:task/runner (build it with isopool-guest, or implement wit/isopool.wit)",
                list(exports)
            ),
            Self::OtherVersion { module, host } => write!(
                f,
                "it was made for isopool:task@{module}, this isopool speaks isopool:task@{host}; rebuild it with a \
                 matching isopool-guest"
            ),
            Self::UnknownImport { message } => write!(f, "it imports something that no task is given: {message}"),
            Self::HostFunction { message } => write!(f, "a host function does not fit it: {message}"),
            Self::OtherClient { world, message } => write!(f, "it does not fit the world `{world}`: {message}"),
            Self::Manifest { message } => {
                write!(f, "its manifest (the custom section `isopool:manifest`) cannot be read: {message}")
            }
            Self::Compile { message } => write!(f, "it could not be compiled: {message}"),
            Self::Describe { message } => write!(f, "it could not list its functions: {message}"),
            Self::Initializer { message } => write!(f, "its initializer failed: {message}"),
            Self::Snapshot { function, message } => write!(f, "no snapshot of it after `{function}`: {message}"),
            Self::CompileTimeout { limit } => {
                write!(f, "the compiler needed more than {limit:?} and was killed; raise that with max_compile_time()")
            }
            Self::CompileMemory { limit } => write!(
                f,
                "the compiler needed more than {limit} bytes of memory; raise that with max_compile_memory_bytes()"
            ),
            Self::CompilerDied { message } => write!(f, "its compile worker died: {message}"),
            Self::System { message } => write!(f, "{message}"),
        }
    }
}

/// The first few names, or `nothing`.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names {
        [] => "nothing".to_owned(),
        _ if names.len() <= SHOWN => names.join(", "),
        _ => format!("{}, … ({} in all)", names[..SHOWN].join(", "), names.len()),
    }
}

impl std::error::Error for ModuleError {}
