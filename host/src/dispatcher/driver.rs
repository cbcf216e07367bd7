//! Who drives the event loop: a thread of its own, and for moments a caller who would else wait for that thread. One at a time.

use super::entry::PoolStatus;
use super::event_loop::{Attendance, EventLoop, Rest};
use super::mailbox::Mailbox;
use super::promise::{Observer, Promise};
use crate::error::{BrokenCause, panic_text};
use crate::limits::{CALLER_SPINS_FOR, LULL_PAUSE};
use crate::sys;
use crate::task::{TaskId, WorkerId};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;
use std::any::Any;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

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

    /// Hears the worker of a task in the dispatcher's place until the task has ended, or until `deadline`, if its answer is the
    /// next that the worker gives and nobody else does: first looking out for it, if that is worth it, and then asleep.
    pub(super) fn attend(&self, promise: &Promise, deadline: Option<Instant>) {
        let Some(attendance) = self.attendance(promise.task.id()) else { return };
        let has_come = attendance.looks_out.then(|| self.look_out(&attendance, promise, deadline));
        if has_come != Some(true) {
            self.sleep(&attendance, promise, deadline);
        }
        if let Some(event_loop) = &mut *self.event_loop.lock() {
            event_loop.leave(attendance.worker, has_come);
        }
    }

    fn attendance(&self, task: TaskId) -> Option<Attendance> {
        self.event_loop.try_lock()?.as_mut()?.attend(task)
    }

    /// Whether the task has ended in the short time that this may take.
    fn look_out(&self, attendance: &Attendance, promise: &Promise, deadline: Option<Instant>) -> bool {
        let end = Instant::now() + CALLER_SPINS_FOR;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        while promise.ended().is_none() {
            match sys::is_readable(attendance.channel.as_fd()) {
                Ok(true) if self.hear(attendance.worker) => {}
                Ok(false) if Instant::now() < end => std::thread::yield_now(),
                _ => break,
            }
        }
        promise.ended().is_some()
    }

    /// Waits for the end of the task: the worker tells this thread, or the dispatcher's thread does.
    fn sleep(&self, attendance: &Attendance, promise: &Promise, deadline: Option<Instant>) {
        let Ok(bell) = EventFd::from_flags(EfdFlags::EFD_CLOEXEC).map(Arc::new) else { return };
        let Ok(()) = promise.observe(Observer::Bell(Arc::clone(&bell))) else { return };
        while promise.ended().is_none() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let has_come = sys::first_readable([attendance.channel.as_fd(), bell.as_fd()], left);
            // The worker has hung up, the time is over, or the task has ended elsewhere.
            if !matches!(has_come, Ok(Some(0))) || !self.hear(attendance.worker) {
                break;
            }
        }
        promise.forget_bell(&bell);
    }

    /// Takes in what a worker has said; false when there is nothing to be heard from it any more.
    fn hear(&self, worker: WorkerId) -> bool {
        let mut event_loop = self.event_loop.lock();
        self.help(&mut event_loop, |event_loop| event_loop.read_channel(worker))
            && event_loop.as_ref().is_some_and(|event_loop| event_loop.hears(worker))
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

fn text(panic: &(dyn Any + Send)) -> String {
    panic_text(panic).unwrap_or("it panicked").to_owned()
}
