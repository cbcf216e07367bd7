//! Compiled modules on disk, by content: what was compiled once is loaded by every later process of this user.
//!
//! The cache is an economy, never a need: whatever is wrong with it, a task only takes as long as if it were empty.

use super::cache_directory::{Directory, DirectoryError, kept_bytes};
use super::cache_entry::{EntryError, EntryKey, encode_info, entry_bytes, read_entry, write_entry};
use super::compatibility::compatibility;
use crate::limits::MAX_CACHE_BYTES;
use crate::sys::MemoryFile;
use crate::task::{ArtifactId, ModuleInfo};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

/// Names the directory; empty or `off` means that nothing is cached.
const DIRECTORY_VARIABLE: &str = "ISOPOOL_CACHE_DIR";

/// The cache of compiled modules of one user.
///
/// An entry is used only if it and its directory belong to this user, nobody else may write to either, its content
/// matches its hash, and it was made by the same versions for the same processor. Any other is ignored, and removed if
/// it is this user's.
#[derive(Debug)]
pub(crate) struct Cache {
    /// `None`: nothing is kept.
    path: Option<PathBuf>,
    max_bytes: u64,
    compatibility: String,
    warned: AtomicBool,
}

/// Why nothing could be loaded or stored.
#[derive(Debug, thiserror::Error)]
enum CacheError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Entry(#[from] EntryError),
    #[error("could not clear old entries")]
    Clear(#[source] io::Error),
    #[error("the entry has {bytes} bytes, more than the {limit} bytes that the cache may keep")]
    TooLarge { bytes: u64, limit: u64 },
}

impl CacheError {
    /// Whether the entry will be as bad next time; false for want of descriptors, memory or rights.
    fn is_fault_of_entry(&self) -> bool {
        match self {
            Self::Directory(error) => error.is_fault_of_entry(),
            Self::Entry(error) => error.is_fault_of_entry(),
            Self::Clear(_) | Self::TooLarge { .. } => false,
        }
    }
}

impl Cache {
    /// The cache that the environment names: `ISOPOOL_CACHE_DIR`, else `isopool` in `XDG_CACHE_HOME`, else
    /// `.cache/isopool` in `HOME`. Nothing is cached when there is none of them, or when the first is empty or `off`.
    pub(crate) fn from_environment() -> Self {
        Self::new(directory_from(|name| std::env::var_os(name)), MAX_CACHE_BYTES)
    }

    /// A cache in this directory, which is made when it is first needed.
    #[cfg(test)]
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(Some(path.into()), MAX_CACHE_BYTES)
    }

    fn new(path: Option<PathBuf>, max_bytes: u64) -> Self {
        // Made absolute now: the program may change its working directory.
        let path = path.and_then(|path| std::path::absolute(path).ok());
        Self { path, max_bytes, compatibility: compatibility(), warned: AtomicBool::new(false) }
    }

    /// A module that was compiled before, if there is a sound entry of it. Nobody can change the memory file.
    pub(crate) fn load(&self, id: ArtifactId) -> Option<(ModuleInfo, MemoryFile)> {
        let path = self.path.as_deref()?;
        self.try_load(path, id).unwrap_or_else(|error| {
            let error = with_sources(&error);
            tracing::debug!(artifact = %id, directory = %path.display(), error, "ignored an entry of the module cache");
            None
        })
    }

    fn try_load(&self, path: &Path, id: ArtifactId) -> Result<Option<(ModuleInfo, MemoryFile)>, CacheError> {
        let Some(directory) = Directory::open(path)? else { return Ok(None) };
        let (key, name) = self.key(id);
        let read = directory.open_entry(&name).map_err(CacheError::from).and_then(|entry| {
            let Some((mut file, bytes)) = entry else { return Ok(None) };
            let module = read_entry(&mut file, bytes, key)?;
            // The time of last use, for `clear_to`. On a disk that cannot be written to, nothing is cleared either.
            let _ = file.set_modified(SystemTime::now());
            Ok(Some(module))
        });
        if read.as_ref().is_err_and(CacheError::is_fault_of_entry) {
            directory.remove_own(&name);
        }
        read
    }

    /// Keeps a compiled module for later processes. If that fails, it is said once, as a warning.
    pub(crate) fn store(&self, id: ArtifactId, info: &ModuleInfo, artifact: &MemoryFile) {
        let Some(path) = self.path.as_deref() else { return };
        let Err(error) = self.try_store(path, id, info, artifact) else { return };
        let error = with_sources(&error);
        if self.warned.swap(true, Ordering::Relaxed) {
            tracing::debug!(artifact = %id, directory = %path.display(), error, "could not cache a compiled module");
        } else {
            tracing::warn!(
                artifact = %id,
                directory = %path.display(),
                error,
                "could not cache a compiled module, so later processes compile it again; name another directory with \
                 {DIRECTORY_VARIABLE}, or switch the cache off with {DIRECTORY_VARIABLE}=off"
            );
        }
    }

    fn try_store(
        &self,
        path: &Path,
        id: ArtifactId,
        info: &ModuleInfo,
        artifact: &MemoryFile,
    ) -> Result<(), CacheError> {
        let info = encode_info(info)?;
        let bytes = entry_bytes(info.len() as u64, artifact.len().map_err(EntryError::Memory)?);
        let limit = kept_bytes(self.max_bytes);
        if bytes > limit {
            return Err(CacheError::TooLarge { bytes, limit });
        }
        let directory = Directory::open_or_create(path)?;
        let (key, name) = self.key(id);
        let mut file = directory.unfinished()?;
        write_entry(&mut file, key, &info, artifact)?;
        directory.keep(file, &name)?;
        directory.clear_to(self.max_bytes, SystemTime::now()).map_err(CacheError::Clear)
    }

    /// The key of a module here, and its name in the directory.
    fn key(&self, id: ArtifactId) -> (EntryKey, String) {
        let mut hasher = blake3::Hasher::new_derive_key("isopool 2026 key of an entry in the module cache");
        let hash = hasher.update(&id.0).update(self.compatibility.as_bytes()).finalize();
        (EntryKey(*hash.as_bytes()), hash.to_hex().to_string())
    }
}

/// Where modules that were compiled are kept for later programs of this user, as this program's environment says now:
/// `ISOPOOL_CACHE_DIR`, else `isopool` in `XDG_CACHE_HOME`, else `.cache/isopool` in `HOME`. `None`: nothing is kept, because
/// there is none of them, or the first is empty or `off`. Entries of other versions or processors are there too.
///
/// ```
/// match isopool::module_cache_directory() {
///     Some(folder) => println!("compiled modules are kept in {}", folder.display()),
///     None => println!("every program compiles its modules"),
/// }
/// ```
pub fn module_cache_directory() -> Option<PathBuf> {
    Cache::from_environment().path
}

/// The directory that these variables name.
fn directory_from(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = variable(DIRECTORY_VARIABLE) {
        return if named.is_empty() || named == "off" { None } else { Some(named.into()) };
    }
    // A relative path in either is to be ignored. Source: XDG Base Directory Specification.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("isopool"))
}

/// An error and its causes in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
