//! A task's end, as its dispatcher and its futures share it.

use super::mailbox::Mailbox;
use super::progress::{ProgressWatch, Watcher, tell};
use crate::bundle::Recording;
use crate::error::{TaskError, TaskRef};
use crate::ipc::ClaimView;
use crate::module::Encoding;
use crate::task::{Progress, TaskReport};
use nix::sys::eventfd::EventFd;
use parking_lot::{Condvar, Mutex};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

/// Told when a task ends.
pub(crate) enum Observer {
    /// An async task that awaits it.
    Waker(Waker),
    /// A wait over many futures; the number is the future's place in it.
    Set(Arc<super::CompletionSet>, usize),
    /// A caller's thread that sleeps elsewhere than here.
    Bell(Arc<EventFd>),
    /// A user's callback: never run on the dispatcher's thread.
    Callback(Callback),
    /// What writes a crash bundle of it, elsewhere, if it has failed.
    Recording(Arc<Recording>),
}

/// See [`Observer::Callback`].
pub(crate) type Callback = Box<dyn FnOnce(&Arc<Promise>) + Send>;

/// How a task ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its encoded result.
    pub(crate) result: Result<Vec<u8>, TaskError>,
    /// Absent when it never ran to an answer.
    pub(crate) report: Option<TaskReport>,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Pending,
    Running,
    Finished,
    Cancelled,
}

/// One task's end, shared.
pub(crate) struct Promise {
    pub(crate) task: TaskRef,
    pub(crate) encoding: Encoding,
    pub(crate) mailbox: Arc<Mailbox>,
    ended: OnceLock<Box<Ended>>,
    open: Mutex<Open>,
    changed: Condvar,
}

#[derive(Default)]
struct Open {
    /// The claim of the worker that it was sent to.
    claim: Option<ClaimView>,
    observers: Vec<Observer>,
    progress: ProgressWatch,
}

impl Promise {
    pub(crate) fn new(task: TaskRef, encoding: Encoding, mailbox: Arc<Mailbox>) -> Self {
        Self { task, encoding, mailbox, ended: OnceLock::new(), open: Mutex::default(), changed: Condvar::new() }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.get().map(|ended| &**ended)
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.ended() {
            Some(Ended { result: Err(TaskError::Cancelled { .. }), .. }) => Stage::Cancelled,
            Some(_) => Stage::Finished,
            None if self.open.lock().claim.as_ref().is_some_and(ClaimView::has_begun) => Stage::Running,
            None => Stage::Pending,
        }
    }

    /// Waits until it has ended, or until `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<&Ended> {
        if let Some(ended) = self.ended() {
            return Some(ended);
        }
        if let Some(driver) = self.mailbox.driver() {
            driver.attend(self, deadline);
        }
        let mut open = self.open.lock();
        while self.ended.get().is_none() {
            match deadline {
                None => self.changed.wait(&mut open),
                Some(deadline) => {
                    if self.changed.wait_until(&mut open, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        drop(open);
        self.ended()
    }

    /// Adds someone to tell; gives the observer back if it has ended already.
    pub(crate) fn observe(&self, observer: Observer) -> Result<(), Observer> {
        let mut open = self.open.lock();
        if self.ended.get().is_some() {
            return Err(observer);
        }
        if let Observer::Waker(waker) = &observer {
            // One future is polled by one task at a time: a new waker replaces those that would wake the same.
            open.observers.retain(|other| !matches!(other, Observer::Waker(other) if other.will_wake(waker)));
        }
        open.observers.push(observer);
        Ok(())
    }

    /// Forgets a wait over many.
    pub(crate) fn forget_set(&self, set: &Arc<super::CompletionSet>) {
        self.open.lock().observers.retain(|other| !matches!(other, Observer::Set(other, _) if Arc::ptr_eq(other, set)));
    }

    /// Forgets a caller's thread that does not sleep any more.
    pub(super) fn forget_bell(&self, bell: &Arc<EventFd>) {
        self.open.lock().observers.retain(|other| !matches!(other, Observer::Bell(other) if Arc::ptr_eq(other, bell)));
    }

    /// The task tells how far it is (dispatcher only). Gives what the thread for callbacks has to do about it.
    #[must_use]
    pub(crate) fn progressed(&self, progress: Progress) -> Option<Callback> {
        let must_be_told = self.open.lock().progress.say(progress);
        must_be_told.then(|| Box::new(|promise: &Arc<Promise>| promise.tell_progress()) as Callback)
    }

    /// Tells those who watch the latest word.
    fn tell_progress(&self) {
        let told = {
            let mut open = self.open.lock();
            let told = open.progress.take();
            if self.ended.get().is_some() {
                open.progress.close();
            }
            told
        };
        if let Some((progress, watchers)) = told {
            watchers.iter().for_each(|watcher| tell(watcher, &progress, &self.task));
        }
    }

    /// Adds someone who wants to know how far the task is, and tells the word that came before, on this thread.
    pub(crate) fn watch_progress(&self, watcher: Watcher) {
        let mut open = self.open.lock();
        let missed = open.progress.watch(Arc::clone(&watcher));
        if self.ended.get().is_some() {
            open.progress.close();
        }
        drop(open);
        if let Some(progress) = missed {
            tell(&watcher, &progress, &self.task);
        }
    }

    /// It was sent to a worker (dispatcher only).
    pub(crate) fn sent(&self, claim: ClaimView) {
        self.open.lock().claim = Some(claim);
    }

    /// The worker that had begun it is gone, and it waits for another one (dispatcher only).
    pub(crate) fn waits_again(&self) {
        self.open.lock().claim = None;
    }

    /// It has ended (dispatcher only, once). Wakes everyone, and gives the callbacks to run elsewhere.
    #[must_use]
    pub(crate) fn end(self: &Arc<Self>, ended: Ended) -> Vec<Callback> {
        let observers = {
            let mut open = self.open.lock();
            if self.ended.set(Box::new(ended)).is_err() {
                return Vec::new();
            }
            open.claim = None;
            open.progress.close();
            std::mem::take(&mut open.observers)
        };
        self.changed.notify_all();
        let mut callbacks = Vec::new();
        for observer in observers {
            match observer {
                // The caller's code, on the dispatcher's thread: its panic is not the dispatcher's.
                Observer::Waker(waker) => {
                    if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                        tracing::error!(task = %self.task, "a waker panicked");
                    }
                }
                Observer::Set(set, place) => set.completed(place),
                Observer::Bell(bell) => {
                    // It can fail only when the counter is at its maximum, and then it is readable already.
                    let _ = bell.write(1);
                }
                Observer::Callback(callback) => callbacks.push(callback),
                Observer::Recording(recording) => {
                    if let Some(Ended { result, .. }) = self.ended() {
                        recording.ended(result);
                    }
                }
            }
        }
        callbacks
    }
}
