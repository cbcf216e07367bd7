//! Stops tasks that run for too long.

use super::call::Pending;
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often running tasks are looked at: no deadline at a shell needs to be kept more exactly.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Watches tasks from a thread of its own, and cancels each that has run for too long. The time that a task waits for
/// a worker does not count.
#[derive(Clone, Debug)]
pub(super) struct Watchdog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    watched: Vec<Watched>,
    /// The numbers of tasks that were stopped, or are about to be.
    stopped: HashSet<u64>,
}

#[derive(Debug)]
struct Watched {
    number: u64,
    task: Pending,
    begun: Option<Instant>,
}

impl Watchdog {
    /// # Errors
    /// The system refuses a thread.
    pub(super) fn start(timeout: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let watched = Arc::downgrade(&shared);
        std::thread::Builder::new().name("isopool-deadline".to_owned()).spawn(move || {
            // Ends when nobody is left who could give it a task.
            while let Some(shared) = watched.upgrade() {
                shared.look(timeout);
                shared.wait();
            }
        })?;
        Ok(Self(shared))
    }

    /// Watches a task, under a number that no other task has.
    pub(super) fn watch(&self, number: u64, task: Pending) {
        self.0.state.lock().watched.push(Watched { number, task, begun: None });
        self.0.changed.notify_one();
    }

    /// Whether this task was cancelled from here.
    pub(super) fn has_stopped(&self, number: u64) -> bool {
        self.0.state.lock().stopped.contains(&number)
    }
}

impl Shared {
    fn wait(&self) {
        // Bounded also without tasks, so that the thread notices when it is not needed any more.
        self.changed.wait_for(&mut self.state.lock(), LOOK_EVERY);
    }

    fn look(&self, timeout: Duration) {
        let now = Instant::now();
        let mut late = Vec::new();
        {
            let State { watched, stopped } = &mut *self.state.lock();
            watched.retain_mut(|watched| {
                if watched.begun.is_none() && watched.task.running() {
                    watched.begun = Some(now);
                }
                let is_late = watched.begun.is_some_and(|begun| now.duration_since(begun) >= timeout);
                if is_late {
                    // First: whoever sees the task cancelled asks why.
                    stopped.insert(watched.number);
                    late.push(watched.task.clone());
                }
                !is_late && !watched.task.done()
            });
        }
        for task in late {
            task.cancel();
        }
    }
}
