//! The program that workers run.

use crate::error::{Error, ErrorKind};
use crate::ipc::WORKER_VARIABLE;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What to execute for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The caller's own program, taken over before its `main`.
    Itself,
    /// Another program that was built with isopool.
    Named(PathBuf),
}

impl Program {
    /// A named program, checked at the door.
    pub(crate) fn named(path: &Path) -> Result<Self, Error> {
        let refuse = |reason: &str| {
            let message = format!(
                "the worker program `{}` {reason}; name a program that was built with isopool, or none to run this one",
                path.display()
            );
            Error::new(ErrorKind::InvalidOption, message)
        };
        let metadata = std::fs::metadata(path).map_err(|error| refuse("cannot be used").with_source(error))?;
        if !metadata.is_file() {
            return Err(refuse("is not a file"));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(refuse("is not executable"));
        }
        Ok(Self::Named(path.to_owned()))
    }

    /// What to give to `exec`. The link in `/proc` names the program that runs, even after its file was replaced.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Program::Itself => Path::new("/proc/self/exe"),
            Program::Named(path) => path,
        }
    }
}

/// Refuses to start processes from one that was itself started as a worker and runs its `main` all the same: there would
/// be no end of it.
pub(crate) fn expect_no_worker() -> Result<(), Error> {
    if std::env::var_os(WORKER_VARIABLE).is_none() {
        return Ok(());
    }
    let message = "this process was started as a worker, and its `main` runs all the same; call isopool::worker_main() \
                   first thing in main, or name a worker_program";
    Err(Error::new(ErrorKind::InsideWorker, message))
}
