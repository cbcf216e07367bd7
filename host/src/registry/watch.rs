//! Files that are published again when they change.

use super::{Registry, Version};
use crate::error::{Error, ErrorKind};
use crate::limits::WATCH_INTERVAL;
use parking_lot::{Condvar, Mutex};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// A file that is watched; see [`Registry::watch`]. To drop it ends the watch, once `told` has returned.
#[derive(Debug)]
#[must_use = "the watch ends when this is dropped"]
pub struct Watch {
    ends: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// By what a change is seen: a build that writes the same bytes again changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Watch {
    pub(super) fn start(
        registry: Registry,
        name: String,
        path: PathBuf,
        mut told: impl FnMut(Result<&Version, &Error>) + Send + 'static,
    ) -> Result<Self, Error> {
        let mut last = mark(&path);
        told(Ok(&registry.publish_file(&name, &path)?));
        let ends = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = {
            let ends = Arc::clone(&ends);
            let watch = move || {
                let mut hash = registry.current(&name).ok().map(|version| version.hash());
                while !is_over(&ends) {
                    let now = mark(&path);
                    // One that is not there is being replaced.
                    if now.is_none() || now == last {
                        continue;
                    }
                    last = now;
                    match registry.publish_file(&name, &path) {
                        Ok(version) if Some(version.hash()) != hash => {
                            hash = Some(version.hash());
                            told(Ok(&version));
                        }
                        Ok(_) => {}
                        Err(error) => told(Err(&error)),
                    }
                }
            };
            std::thread::Builder::new().name("isopool-watch".to_owned()).spawn(watch).map_err(|error| {
                Error::new(ErrorKind::System, format!("no thread for a watch could be started: {error}"))
            })?
        };
        Ok(Self { ends, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.ends.0.lock() = true;
        self.ends.1.notify_all();
        if let Some(thread) = self.thread.take()
            // In `told` itself, there is nobody else to wait for.
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("what a watch was to tell has panicked; the file is not watched since");
        }
    }
}

/// Waits until it is time for the next look.
fn is_over((over, changed): &(Mutex<bool>, Condvar)) -> bool {
    let mut over = over.lock();
    if !*over {
        changed.wait_for(&mut over, WATCH_INTERVAL);
    }
    *over
}

fn mark(path: &Path) -> Option<Mark> {
    let found = fs::metadata(path).ok()?;
    Some(Mark { modified: found.modified().ok(), bytes: found.len() })
}
