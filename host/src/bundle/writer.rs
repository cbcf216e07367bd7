//! The thread that writes crash bundles, and the directory that they go to.

use super::{Ending, Recording, file};
use crate::limits::{BUNDLE_PATIENCE, MAX_CRASH_BUNDLES, MAX_WAITING_BUNDLES};
use parking_lot::{Condvar, Mutex};
use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

const SUFFIX: &str = ".isopool-crash";

/// Directories are looked at and written to by one thread of this process at a time, so that none gets more than it may hold.
pub(super) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A failure whose bundle is to be written.
struct Failed {
    recording: Arc<Recording>,
    ending: Ending,
    message: String,
}

/// Where the bundles of one executor go. Its thread starts with the first one.
#[derive(Debug)]
pub(crate) struct BundleWriter {
    directory: PathBuf,
    sender: Mutex<Option<SyncSender<Failed>>>,
    progress: Arc<Unwritten>,
}

/// How many are not written yet.
#[derive(Debug, Default)]
struct Unwritten {
    count: Mutex<usize>,
    changed: Condvar,
}

impl BundleWriter {
    /// Makes the directory if it is not there.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        // The program may change where it is.
        let directory = directory.canonicalize()?;
        Ok(Self { directory, sender: Mutex::default(), progress: Arc::default() })
    }

    /// Takes a failure on; never waits.
    pub(super) fn take(&self, recording: Arc<Recording>, ending: Ending, message: String) {
        let mut sender = self.sender.lock();
        let line = sender.get_or_insert_with(|| self.start()).clone();
        drop(sender);
        *self.progress.count.lock() += 1;
        let task = recording.task;
        if let Err(refused) = line.try_send(Failed { recording, ending, message }) {
            self.progress.one_less();
            let error = match refused {
                TrySendError::Full(_) => format!("{MAX_WAITING_BUNDLES} others are waiting to be written"),
                TrySendError::Disconnected(_) => "there is no thread that writes it".to_owned(),
            };
            tracing::warn!(task, error, "a crash bundle was not written");
        }
    }

    fn start(&self) -> SyncSender<Failed> {
        let (sender, receiver) = sync_channel(MAX_WAITING_BUNDLES);
        let (directory, progress) = (self.directory.clone(), Arc::clone(&self.progress));
        let body = move || write_all(&receiver, &directory, &progress);
        if let Err(error) = std::thread::Builder::new().name("isopool-bundles".to_owned()).spawn(body) {
            tracing::error!(%error, "no thread could be started for crash bundles; none is written");
        }
        sender
    }

    /// Waits until all are written, as a shutdown does.
    pub(crate) fn wait(&self) {
        self.wait_for(BUNDLE_PATIENCE);
    }

    /// Waits until all are written, for so long at most; how many are not.
    pub(super) fn wait_for(&self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        let mut count = self.progress.count.lock();
        while *count > 0 {
            if self.progress.changed.wait_until(&mut count, until).timed_out() {
                tracing::warn!(left = *count, "crash bundles are still being written");
                break;
            }
        }
        *count
    }
}

impl Unwritten {
    fn one_less(&self) {
        *self.count.lock() -= 1;
        self.changed.notify_all();
    }
}

fn write_all(receiver: &Receiver<Failed>, directory: &Path, progress: &Unwritten) {
    while let Ok(Failed { recording, ending, message }) = receiver.recv() {
        let task = recording.task;
        match write_one(directory, &recording, ending, message) {
            Ok(path) => tracing::info!(task, path = %path.display(), "a crash bundle was written"),
            Err(error) => tracing::warn!(task, %error, "a crash bundle was not written"),
        }
        // Its writer may be this thread's own, and ends the thread with its last recording.
        drop(recording);
        progress.one_less();
    }
}

fn write_one(directory: &Path, recording: &Recording, ending: Ending, message: String) -> io::Result<PathBuf> {
    let _alone = ONE_AT_A_TIME.lock();
    let held = std::fs::read_dir(directory)?.take(10 * MAX_CRASH_BUNDLES).flatten();
    let held = held.filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX)).count();
    if held >= MAX_CRASH_BUNDLES {
        let message = format!("`{}` holds {held}, the limit; take away those that are not needed", directory.display());
        return Err(io::Error::other(message));
    }
    let bundle = recording.bundle(ending, message);
    let bytes = file::write(&bundle).map_err(io::Error::other)?;
    let mut unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    unfinished.write_all(&bytes)?;
    unfinished.as_file().sync_all()?;
    let (task, hash) = (bundle.contents.task, file::hash_of(&bytes));
    let path = directory.join(format!("{}-task-{task}-{hash:.8}{SUFFIX}", bundle.contents.written_at));
    unfinished.persist_noclobber(&path).map_err(|error| error.error)?;
    Ok(path)
}
