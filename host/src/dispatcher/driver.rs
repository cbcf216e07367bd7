//! Who drives the event loop: a thread of its own, and for moments a caller who would else wait for that thread. One at a time.

use super::entry::PoolStatus;
use super::event_loop::{EventLoop, Rest};
use super::mailbox::Mailbox;
use super::promise::Promise;
use crate::error::BrokenCause;
use crate::limits::{CALLER_SPINS_FOR, LULL_PAUSE};
use crate::sys;
use crate::task::{TaskId, WorkerId};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use parking_lot::Mutex;
use std::any::Any;
use std::fs::File;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Most events of one turn.
const EVENTS: usize = 64;

/// The event loop, for whoever has the time.
pub(crate) struct Driver {
    /// `None` after its end.
    event_loop: Mutex<Option<EventLoop>>,
    epoll: Arc<Epoll>,
    mailbox: Arc<Mailbox>,
    status: Arc<PoolStatus>,
    /// What a caller's thread panicked with while it was at it.
    failure: OnceLock<String>,
}

impl Driver {
    pub(super) fn new(event_loop: EventLoop, mailbox: Arc<Mailbox>, status: Arc<PoolStatus>) -> Self {
        let epoll = Arc::clone(&event_loop.epoll);
        Self { event_loop: Mutex::new(Some(event_loop)), epoll, mailbox, status, failure: OnceLock::new() }
    }

    // ── The dispatcher's own thread ─────────────────────────────────────────────────────────────────────────────────

    /// Drives it to its end.
    pub(super) fn run(&self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.turn_until_the_end())) {
            let message = text(&*panic);
            tracing::error!(message, "the dispatcher of an executor panicked: a bug in isopool");
            if let Some(event_loop) = &mut *self.event_loop.lock() {
                event_loop.fail_everything(BrokenCause::DispatcherFailed { message });
            }
        }
        *self.event_loop.lock() = None;
    }

    fn turn_until_the_end(&self) {
        let mut ready = [EpollEvent::empty(); EVENTS];
        let mut count = 0;
        loop {
            let rest = {
                let mut event_loop = self.event_loop.lock();
                if let Some(failure) = self.failure.get() {
                    resume_unwind(Box::new(failure.clone()));
                }
                let event_loop = event_loop.as_mut().expect("only this thread takes it away");
                event_loop.turn(&ready[..count]);
                if event_loop.terminated {
                    return event_loop.refuse_the_rest();
                }
                event_loop.rest()
            };
            let timeout = match rest {
                Rest::Until(timeout) => timeout,
                Rest::Moment => {
                    std::thread::sleep(LULL_PAUSE);
                    EpollTimeout::ZERO
                }
            };
            count = match self.epoll.wait(&mut ready, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(error) => panic!("epoll_wait failed: {error}"),
            };
        }
    }

    // ── Callers' threads ────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes in what was left in the mailbox, if a worker can begin with it and nobody else is at it.
    pub(super) fn takes_at_once(&self) -> bool {
        if !self.status.takes_at_once.load(Ordering::Relaxed) {
            return false;
        }
        let Some(mut event_loop) = self.event_loop.try_lock() else { return false };
        self.help(&mut event_loop, EventLoop::read_mailbox)
    }

    /// Hears the worker of a task for a short time, until the task has ended. Worth it only while the worker is awake.
    pub(super) fn attend(&self, promise: &Promise, deadline: Option<Instant>) {
        let Some(mut attendance) = self.attendance(promise.task.id()) else { return };
        let end = Instant::now() + CALLER_SPINS_FOR;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        while promise.ended().is_none() {
            match sys::readable_within(attendance.channel.as_fd(), Duration::ZERO) {
                Ok(true) => {
                    let mut event_loop = self.event_loop.lock();
                    let hear = |event_loop: &mut EventLoop| event_loop.read_channel(attendance.worker);
                    if !self.help(&mut event_loop, hear) {
                        break;
                    }
                }
                Ok(false) if Instant::now() < end => std::thread::yield_now(),
                Ok(false) | Err(_) => break,
            }
        }
        attendance.has_ended = promise.ended().is_some();
    }

    fn attendance(&self, task: TaskId) -> Option<Attendance<'_>> {
        let mut event_loop = self.event_loop.try_lock()?;
        let (worker, channel) = event_loop.as_mut()?.attend(task)?;
        Some(Attendance { driver: self, worker, channel, has_ended: false })
    }

    /// Does a part of a turn; false when there is nothing to be done any more.
    fn help(&self, event_loop: &mut Option<EventLoop>, part: impl FnOnce(&mut EventLoop)) -> bool {
        let Some(event_loop) = event_loop.as_mut().filter(|_| self.failure.get().is_none()) else { return false };
        let turn = catch_unwind(AssertUnwindSafe(|| event_loop.turn_of_caller(part)));
        let must_look = turn.unwrap_or_else(|panic| {
            // The dispatcher's own thread goes on with it.
            self.failure.get_or_init(|| text(&*panic));
            true
        });
        if must_look {
            self.mailbox.ring();
        }
        true
    }
}

/// A caller's thread hears a worker, as long as this lives.
struct Attendance<'a> {
    driver: &'a Driver,
    worker: WorkerId,
    channel: Arc<File>,
    has_ended: bool,
}

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if let Some(event_loop) = &mut *self.driver.event_loop.lock() {
            event_loop.leave(self.worker, self.has_ended);
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}
