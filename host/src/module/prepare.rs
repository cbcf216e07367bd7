//! Modules of an executor: each prepared once, by whoever needs it first.

use super::compile::{compile, snapshot};
use super::{Cache, Encoding};
use crate::audit;
use crate::error::{Error, ErrorKind, ModuleError, ModuleErrorKind};
use crate::host_functions::{Given, HostFunctions};
use crate::ipc::{InitializerCall, PROTOCOL_VERSION, Role, WorkerConfig};
use crate::limits::{MAX_COMPARED_NAME_BYTES, MAX_COMPARISONS, MAX_MODULE_BYTES};
use crate::metrics;
use crate::process::Program;
use crate::task::{
    ArtifactId, Class, FunctionInfo, FunctionKind, GrantKind, Grants, HostFunctionInfo, ModuleHash, ModuleInfo,
    ModuleNumber,
};
use isopool_guest::{Codec, EmbeddedModule};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A module's bytes.
#[derive(Clone)]
pub(crate) enum Source {
    Embedded(&'static EmbeddedModule),
    Loaded { name: Arc<str>, hash: ModuleHash, wasm: Arc<Vec<u8>> },
}

impl Source {
    /// Of its bytes: known where they were loaded, else computed. On the way of a task, ask [`Library::hash_of`].
    pub(crate) fn hash(&self) -> ModuleHash {
        match self {
            Self::Embedded(module) => ModuleHash::of(module.wasm),
            Self::Loaded { hash, .. } => *hash,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(module) => write!(f, "{module:?}"),
            Self::Loaded { name, hash, wasm } => write!(f, "{name}@{hash:.12} of {} bytes", wasm.len()),
        }
    }
}

/// A module that workers can load.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) name: Arc<str>,
    pub(crate) hash: ModuleHash,
    /// Its number in its executor.
    pub(crate) number: ModuleNumber,
    pub(crate) artifact: ArtifactId,
    pub(crate) info: ModuleInfo,
    /// Its machine code: a sealed memory file.
    pub(crate) code: Arc<OwnedFd>,
    functions: HashMap<String, usize>,
    /// What it gets of its caller, by the names of its imports.
    pub(crate) host_functions: HashMap<String, Arc<Given>>,
    /// That of its tasks, of those that have nothing of their own, once it is known: what its manifest leaves.
    pub(crate) class: OnceLock<Arc<Class>>,
}

/// The call that prepares the instances of one module.
#[derive(Clone, Debug)]
pub(crate) struct Initializer {
    pub(crate) module: ModuleHash,
    pub(crate) call: InitializerCall,
}

impl Prepared {
    /// Checks a call before anything is sent.
    pub(crate) fn check(&self, function: &str, signature: &str, codec: Codec) -> Result<&FunctionInfo, Error> {
        let Some(info) = self.by_whole_name(function) else {
            return Err(Error::new(ErrorKind::UnknownFunction, self.unknown(function)));
        };
        if !signature.is_empty() && !info.signature.is_empty() && signature != info.signature {
            let message = format!(
                "function `{function}` of module {} is `{}`, and the caller was compiled against `{signature}`; \
                 rebuild both from the same source",
                self.display_name(),
                info.signature
            );
            return Err(Error::new(ErrorKind::SignatureMismatch, message));
        }
        if !matches!(info.kind, FunctionKind::Task) {
            // No codec is asked for: its own types say how it is called.
            return Ok(info);
        }
        if !info.codecs.iter().any(|name| name == codec.name()) {
            let message = format!(
                "function `{function}` of module {} does not speak the codec `{}`; it speaks {}",
                self.display_name(),
                codec.name(),
                info.codecs.join(", ")
            );
            return Err(Error::new(ErrorKind::UnsupportedCodec, message));
        }
        Ok(info)
    }

    /// The function with this name.
    pub(super) fn by_whole_name(&self, function: &str) -> Option<&FunctionInfo> {
        self.functions.get(function).map(|&index| &self.info.functions[index])
    }

    /// How a function of the module is called, by a caller whose codec this is.
    pub(crate) fn encoding(self: &Arc<Self>, function: &str, codec: Codec) -> Encoding {
        match self.functions.get(function) {
            Some(&index) => Encoding::of(self, index, codec),
            None => codec.into(),
        }
    }

    pub(crate) fn unknown(&self, function: &str) -> String {
        // Both may be a hostile module's words, and this the dispatcher's thread: what is compared is bounded.
        let cut = |name: &'_ str| name.floor_char_boundary(MAX_COMPARED_NAME_BYTES);
        let function = &function[..cut(function)];
        let mut left = MAX_COMPARISONS;
        let names = self.info.functions.iter().map(|function| &function.name[..cut(&function.name)]);
        let names = names.take_while(|name| {
            left = left.saturating_sub(name.len() * function.len());
            left > 0
        });
        let mut near: Vec<(usize, &str)> = names.map(|name| (distance(name, function), name)).collect();
        near.sort_unstable();
        let known: Vec<&str> = near.iter().take(5).map(|&(_, name)| name).collect();
        let has = match (known.len(), self.info.functions.len()) {
            (0, _) => "it has none".to_owned(),
            (shown, all) if shown == all => format!("it has {}", known.join(", ")),
            (_, all) => format!("it has {all}, the nearest are {}", known.join(", ")),
        };
        format!("module {} has no function `{function}`; {has}", self.display_name())
    }

    /// In the audit log.
    pub(crate) fn plugin(&self) -> audit::Plugin<'_> {
        audit::Plugin { module: &self.name, hash: self.hash }
    }

    pub(crate) fn display_name(&self) -> String {
        format!("`{}` ({:.12})", self.name, self.hash)
    }
}

/// How far two names are apart: the number of characters to change, add or take away.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A module that imports what nobody gives is denied it.
fn audit_import(plugin: audit::Plugin<'_>, refused: &ModuleErrorKind) {
    if let ModuleErrorKind::UnknownImport { message } = refused {
        audit::refused(None, plugin, GrantKind::Import, message, "no task is given it");
    }
}

/// A module that is being prepared, or is prepared.
type Slot = Arc<Mutex<Option<Arc<Prepared>>>>;

/// The modules that an executor knows.
#[derive(Debug)]
pub(crate) struct Library {
    program: Program,
    config: WorkerConfig,
    /// For one module.
    compile_time: Duration,
    initializer: Option<Initializer>,
    host_functions: HostFunctions,
    cache: Cache,
    /// By the address of their bytes, which never move: no hashing on the way of a task.
    embedded: RwLock<HashMap<usize, Arc<Prepared>>>,
    /// By hash. A lock of its own for each, so that two callers compile two modules at the same time, and one once.
    slots: Mutex<HashMap<ModuleHash, Slot>>,
    next_number: AtomicU32,
}

impl Library {
    pub(crate) fn new(
        program: Program,
        worker: &WorkerConfig,
        compile_time: Duration,
        initializer: Option<Initializer>,
        host_functions: HostFunctions,
    ) -> Self {
        // An initializer reaches nothing: its snapshot serves tasks with other grants, too.
        let grants = Grants::default();
        // A module that is asked for its functions sees no variable and no argument: it could write them into their names.
        let (environment, arguments) = Default::default();
        let (protocol, role) = (PROTOCOL_VERSION, Role::Compiler);
        let config = WorkerConfig { protocol, role, grants, environment, arguments, ..worker.clone() };
        let (embedded, slots) = (RwLock::default(), Mutex::default());
        let (cache, next_number) = (Cache::from_environment(), AtomicU32::new(0));
        Self { program, config, compile_time, initializer, host_functions, cache, embedded, slots, next_number }
    }

    /// The module, ready for workers. The first call for a module waits for its compilation, or for its file in the
    /// cache.
    pub(crate) fn get(&self, source: &Source) -> Result<Arc<Prepared>, Error> {
        match source {
            Source::Embedded(module) => {
                let address = module.wasm.as_ptr() as usize;
                if let Some(prepared) = self.embedded.read().get(&address) {
                    return Ok(Arc::clone(prepared));
                }
                let hash = ModuleHash::of(module.wasm);
                let prepared = self.by_hash(module.name.into(), hash, || Arc::new(module.wasm.to_vec()))?;
                self.embedded.write().insert(address, Arc::clone(&prepared));
                Ok(prepared)
            }
            Source::Loaded { name, hash, wasm } => self.by_hash(Arc::clone(name), *hash, || Arc::clone(wasm)),
        }
    }

    /// The number of a module that was prepared.
    pub(crate) fn number(&self, hash: ModuleHash) -> Option<ModuleNumber> {
        let slot = Arc::clone(self.slots.lock().get(&hash)?);
        let prepared = slot.lock();
        prepared.as_ref().map(|prepared| prepared.number)
    }

    /// The hash of a module, which is not computed again for one that was prepared.
    pub(crate) fn hash_of(&self, source: &Source) -> ModuleHash {
        let Source::Embedded(module) = source else { return source.hash() };
        let known = self.embedded.read().get(&(module.wasm.as_ptr() as usize)).map(|prepared| prepared.hash);
        known.unwrap_or_else(|| source.hash())
    }

    /// Lets go of a module that nobody else holds.
    pub(crate) fn forget(&self, hash: ModuleHash) {
        let mut slots = self.slots.lock();
        let is_held = |slot: &Slot| {
            // One that waits for the lock of a slot holds the slot.
            Arc::strong_count(slot) > 1 || slot.lock().as_ref().is_some_and(|prepared| Arc::strong_count(prepared) > 1)
        };
        if slots.get(&hash).is_some_and(|slot| !is_held(slot)) {
            slots.remove(&hash);
        }
    }

    fn by_hash(
        &self,
        name: Arc<str>,
        hash: ModuleHash,
        wasm: impl FnOnce() -> Arc<Vec<u8>>,
    ) -> Result<Arc<Prepared>, Error> {
        let slot = Arc::clone(self.slots.lock().entry(hash).or_default());
        let mut slot = slot.lock();
        if let Some(prepared) = &*slot {
            return Ok(Arc::clone(prepared));
        }
        let mut prepared = self.compiled(Arc::clone(&name), hash, wasm()).map_err(|kind| refuse(&name, kind))?;
        // Here, because the cache does not know for whom a module was compiled: machine code is the same for all.
        let given = self.host_functions.given_to(&prepared.info, prepared.plugin());
        prepared.host_functions = given.map_err(|kind| refuse(&name, kind))?;
        let prepared = Arc::new(prepared);
        *slot = Some(Arc::clone(&prepared));
        Ok(prepared)
    }

    /// What a module says of itself, whatever it imports of its caller. It is not kept.
    pub(crate) fn describe(&self, name: &str, hash: ModuleHash, wasm: Arc<Vec<u8>>) -> Result<ModuleInfo, Error> {
        let compiled = self.compiled(name.into(), hash, wasm).map_err(|kind| refuse(name, kind))?;
        Ok(compiled.info)
    }

    /// Whether a module would be given a function that it imports.
    pub(crate) fn gives(&self, import: &HostFunctionInfo) -> bool {
        self.host_functions.gives(import)
    }

    /// The module as it is after a call of its function, which needs nothing of what it gets of its caller.
    pub(crate) fn snapshot(
        &self,
        name: &str,
        wasm: Arc<Vec<u8>>,
        call: impl FnOnce(&Arc<Prepared>) -> Result<InitializerCall, Error>,
    ) -> Result<Vec<u8>, Error> {
        let hash = ModuleHash::of(&wasm);
        let module = self.compiled(name.into(), hash, Arc::clone(&wasm)).map_err(|kind| refuse(name, kind))?;
        let call = call(&Arc::new(module))?;
        snapshot(wasm, call, &self.program, self.config.clone(), self.compile_time).map_err(|kind| refuse(name, kind))
    }

    /// The module, without what it gets of its caller.
    fn compiled(&self, name: Arc<str>, hash: ModuleHash, wasm: Arc<Vec<u8>>) -> Result<Prepared, ModuleErrorKind> {
        if wasm.len() > MAX_MODULE_BYTES {
            return Err(ModuleErrorKind::TooLarge { size: wasm.len() as u64 });
        }
        let initializer = self.initializer.as_ref().filter(|initializer| initializer.module == hash);
        let artifact = self.artifact_id(hash, initializer);
        let span = tracing::debug_span!("compile", module = &*name, %hash);
        let _entered = span.enter();
        let call = initializer.map(|initializer| initializer.call.clone());
        let (info, code) = match self.cache.load(artifact) {
            Some(cached) => {
                metrics::module_found_in_cache();
                cached
            }
            None => {
                let begun = Instant::now();
                let compiled = compile(wasm, call, &self.program, self.config.clone(), self.compile_time);
                let plugin = audit::Plugin { module: &name, hash };
                let (info, code) = compiled.inspect_err(|refused| audit_import(plugin, refused))?;
                metrics::module_compiled(begun.elapsed());
                self.cache.store(artifact, &info, &code);
                (info, code)
            }
        };
        let functions = info.functions.iter().enumerate().map(|(n, function)| (function.name.clone(), n)).collect();
        let number = ModuleNumber(self.next_number.fetch_add(1, Ordering::Relaxed));
        let (code, host_functions, class) = (Arc::new(code.into()), HashMap::new(), OnceLock::new());
        Ok(Prepared { name, hash, number, artifact, info, code, functions, host_functions, class })
    }

    /// What was compiled: the module in its executor's flavour, and with an initializer all that the snapshot depends on.
    fn artifact_id(&self, hash: ModuleHash, initializer: Option<&Initializer>) -> ArtifactId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(hash.as_bytes());
        let flavour = self.config.flavour();
        hasher.update(&Codec::Bincode.encode(&flavour).expect("a few flags always encode"));
        if let Some(initializer) = initializer {
            let all = (&initializer.call, self.config.deterministic);
            let bytes = Codec::Bincode.encode(&all).expect("strings and bytes always encode");
            hasher.update(&bytes);
        }
        ArtifactId(*hasher.finalize().as_bytes())
    }
}

fn refuse(name: &str, kind: ModuleErrorKind) -> Error {
    let error = ModuleError { module: name.to_owned(), kind };
    Error::new(ErrorKind::Module, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MIB;
    use crate::sys::MemoryFile;

    fn prepared(names: impl Iterator<Item = String>) -> Prepared {
        let hash = ModuleHash::of(b"");
        let function = |name| FunctionInfo {
            name,
            signature: String::new(),
            docs: String::new(),
            codecs: Vec::new(),
            kind: FunctionKind::Task,
        };
        let info = ModuleInfo { functions: names.map(function).collect(), ..ModuleInfo::default() };
        let code = Arc::new(MemoryFile::create("isopool-test").expect("memory files work here").into());
        let functions = info.functions.iter().enumerate().map(|(n, function)| (function.name.clone(), n)).collect();
        let (number, artifact) = (ModuleNumber::default(), ArtifactId([0; 32]));
        let (host_functions, class) = (HashMap::new(), OnceLock::new());
        Prepared { name: "rules".into(), hash, number, artifact, info, code, functions, host_functions, class }
    }

    #[test]
    fn nearest_names_are_told() {
        let rules = prepared(["score", "sort", "list"].map(str::to_owned).into_iter());
        assert!(rules.unknown("scorr").ends_with("has no function `scorr`; it has score, sort, list"));
    }

    #[test]
    fn names_of_mebibytes_are_neither_compared_nor_told_whole() {
        let long = "ä".repeat(MIB);
        let told = prepared((0..8).map(|n| format!("{long}{n}"))).unknown(&long);
        assert!(told.len() < 8 * MAX_COMPARED_NAME_BYTES, "{} bytes", told.len());
        let many = prepared((0..100_000).map(|n| format!("a name of some length {n}")));
        assert!(many.unknown("a name of some lengths").contains("it has 100000, the nearest are"));
    }
}
