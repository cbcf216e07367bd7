//! The directory that holds the cache: whose it must be, who may touch it, what leaves it first.

use crate::limits::{CACHE_KEEP_PERCENT, CACHE_UNFINISHED_LIFETIME};
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, geteuid, linkat, unlinkat};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

const ENTRY_SUFFIX: &str = ".module";
const UNFINISHED_PREFIX: &str = ".unfinished-";

/// Why a directory, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("could not open it")]
    Open(#[source] io::Error),
    #[error("could not create it")]
    Create(#[source] io::Error),
    #[error("it belongs to user {owner}, and this process is user {user}")]
    Foreign { owner: u32, user: u32 },
    #[error("others may write to it (mode {mode:03o}); take that right away with `chmod go-w`")]
    Writable { mode: u32 },
    #[error("it is not a regular file")]
    NotAFile,
    #[error("could not write a file in it")]
    Write(#[source] io::Error),
}

impl DirectoryError {
    /// Whether the file named is what is wrong, and will be wrong next time.
    pub(super) fn is_fault_of_entry(&self) -> bool {
        match self {
            // A symbolic link.
            Self::Open(error) => error.raw_os_error() == Some(libc::ELOOP),
            Self::Foreign { .. } | Self::Writable { .. } | Self::NotAFile => true,
            Self::Create(_) | Self::Write(_) => false,
        }
    }
}

/// A file that is not an entry yet.
pub(super) enum Unfinished {
    /// Of its process only (`O_TMPFILE`): nothing is left of it, however that ends.
    Nameless(File),
    /// Where the file system cannot do that.
    Named(NamedTempFile),
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Nameless(file) => file.write(bytes),
            Self::Named(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Nameless(file) => file.flush(),
            Self::Named(file) => file.flush(),
        }
    }
}

/// An open directory that belongs to this user and that nobody else can write to.
pub(super) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl Directory {
    /// Opens a directory; `None` if there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, DirectoryError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let descriptor = match open(path, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(nix::errno::Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(DirectoryError::Open(error.into())),
        };
        let status = fstat(&descriptor).map_err(|error| DirectoryError::Open(error.into()))?;
        check_owner(&status)?;
        Ok(Some(Self { path: path.to_owned(), descriptor }))
    }

    /// Opens a directory, and makes it first, for this user only, if there is none.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, DirectoryError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DirectoryError::Create)?;
        Self::open(path)?.ok_or_else(|| DirectoryError::Open(io::ErrorKind::NotFound.into()))
    }

    /// Opens an entry; `None` if there is none. A link is never followed, a pipe never waited for.
    pub(super) fn open_entry(&self, name: &str) -> Result<Option<(File, u64)>, DirectoryError> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.descriptor, &*file_name(name), flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(nix::errno::Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(DirectoryError::Open(error.into())),
        };
        let status = fstat(&file).map_err(|error| DirectoryError::Open(error.into()))?;
        if !is_file(&status) {
            return Err(DirectoryError::NotAFile);
        }
        check_owner(&status)?;
        Ok(Some((file, status.st_size as u64)))
    }

    /// Removes an entry if it belongs to this user, whatever it is.
    pub(super) fn remove_own(&self, name: &str) {
        let name = file_name(name);
        let Ok(status) = fstatat(&self.descriptor, &*name, AtFlags::AT_SYMLINK_NOFOLLOW) else { return };
        if status.st_uid == geteuid().as_raw() {
            // If it stays, the next reader meets and ignores it again.
            let _ = unlinkat(&self.descriptor, &*name, UnlinkatFlags::NoRemoveDir);
        }
    }

    /// A new file that nobody looks for. It is gone when it is dropped without [`keep`](Self::keep), and when its process
    /// dies, unless the file system knows only files with names: then a later process removes it.
    pub(super) fn unfinished(&self) -> Result<Unfinished, DirectoryError> {
        let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        match openat(&self.descriptor, ".", flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(descriptor) => Ok(Unfinished::Nameless(descriptor.into())),
            Err(_) => self.unfinished_with_name().map(Unfinished::Named),
        }
    }

    pub(super) fn unfinished_with_name(&self) -> Result<NamedTempFile, DirectoryError> {
        tempfile::Builder::new().prefix(UNFINISHED_PREFIX).tempfile_in(&self.path).map_err(DirectoryError::Write)
    }

    /// Makes a finished file the entry of this name at one stroke: a reader sees a whole entry or none.
    pub(super) fn keep(&self, file: Unfinished, name: &str) -> Result<(), DirectoryError> {
        match file {
            Unfinished::Named(file) => {
                file.persist(self.path.join(file_name(name))).map_err(|error| DirectoryError::Write(error.error))?;
                Ok(())
            }
            Unfinished::Nameless(file) => {
                let (file, name) = (format!("/proc/self/fd/{}", file.as_raw_fd()), file_name(name));
                let link = |name: &str| linkat(AT_FDCWD, &*file, &self.descriptor, name, AtFlags::AT_SYMLINK_FOLLOW);
                let linked = link(&name).or_else(|error| match error {
                    // Only a rename puts it in the place of another one. The name between is the shortest-lived of all.
                    nix::errno::Errno::EEXIST => {
                        let passing =
                            format!("{UNFINISHED_PREFIX}{}-{:?}", std::process::id(), std::thread::current().id());
                        link(&passing)?;
                        renameat(&self.descriptor, &*passing, &self.descriptor, &*name)
                    }
                    error => Err(error),
                });
                linked.map_err(|error| DirectoryError::Write(error.into()))
            }
        }
    }

    /// If the entries have more than `max_bytes`, removes those that were not used for the longest time until
    /// [`CACHE_KEEP_PERCENT`] of that remain. Removes what dead processes left unfinished.
    pub(super) fn clear_to(&self, max_bytes: u64, now: SystemTime) -> io::Result<()> {
        let mut entries = Vec::new();
        for item in std::fs::read_dir(&self.path)? {
            let item = item?;
            let name = item.file_name();
            let Some(name) = name.to_str() else { continue };
            // Another process may have removed it by now.
            let Ok(metadata) = item.metadata() else { continue };
            let used = metadata.modified()?;
            if name.starts_with(UNFINISHED_PREFIX) {
                let age = now.duration_since(used).unwrap_or(Duration::ZERO);
                if age > CACHE_UNFINISHED_LIFETIME {
                    let _ = unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir);
                }
            } else if let Some(name) = name.strip_suffix(ENTRY_SUFFIX) {
                entries.push((used, metadata.size(), name.to_owned()));
            }
        }
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        if total <= max_bytes {
            return Ok(());
        }
        entries.sort();
        for (_, bytes, name) in entries {
            if total <= kept_bytes(max_bytes) {
                break;
            }
            self.remove_own(&name);
            total -= bytes;
        }
        Ok(())
    }
}

/// What a clearing leaves at most, in bytes. An entry larger than this would be removed as soon as it is there.
pub(super) fn kept_bytes(max_bytes: u64) -> u64 {
    max_bytes / 100 * CACHE_KEEP_PERCENT
}

fn file_name(name: &str) -> String {
    format!("{name}{ENTRY_SUFFIX}")
}

fn is_file(status: &FileStat) -> bool {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

fn check_owner(status: &FileStat) -> Result<(), DirectoryError> {
    let user = geteuid().as_raw();
    if status.st_uid != user {
        return Err(DirectoryError::Foreign { owner: status.st_uid, user });
    }
    let mode = status.st_mode & 0o777;
    if mode & 0o022 != 0 {
        return Err(DirectoryError::Writable { mode });
    }
    Ok(())
}
