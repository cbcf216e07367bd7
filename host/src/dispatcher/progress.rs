//! What a task says of its progress, on its way to those who want to know: one word at most, the latest.

use crate::task::Progress;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A user's callback: never run on the dispatcher's thread.
pub(crate) type Watcher = Arc<Mutex<dyn FnMut(&Progress) + Send>>;

/// The part of a promise that its task's progress goes through.
#[derive(Default)]
pub(super) struct ProgressWatch {
    /// The latest word that no callback has seen.
    unseen: Option<Progress>,
    watchers: Vec<Watcher>,
    /// The thread for callbacks was asked to come for it, and has not yet.
    on_its_way: bool,
}

impl ProgressWatch {
    /// A word has come. True: the thread for callbacks must be asked to come for it.
    pub(super) fn say(&mut self, progress: Progress) -> bool {
        self.unseen = Some(progress);
        !self.watchers.is_empty() && !std::mem::replace(&mut self.on_its_way, true)
    }

    /// The thread for callbacks has come.
    pub(super) fn take(&mut self) -> Option<(Progress, Vec<Watcher>)> {
        self.on_its_way = false;
        Some((self.unseen.take()?, self.watchers.clone()))
    }

    /// Adds a watcher of a task that goes on; gives the word that came before anybody watched.
    pub(super) fn watch(&mut self, watcher: Watcher) -> Option<Progress> {
        let missed = if self.watchers.is_empty() { self.unseen.take() } else { None };
        self.watchers.push(watcher);
        missed
    }

    /// The task has ended, and no other word will come: whoever watched is let go once the last one was told.
    pub(super) fn close(&mut self) {
        if !self.on_its_way {
            self.watchers.clear();
        }
    }
}

/// Tells one watcher; its panic stops nothing else.
pub(super) fn tell(watcher: &Watcher, progress: &Progress, task: &crate::error::TaskRef) {
    if catch_unwind(AssertUnwindSafe(|| (watcher.lock())(progress))).is_err() {
        tracing::error!(%task, "a progress callback panicked");
    }
}
