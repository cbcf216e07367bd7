//! The way into the dispatcher's thread.

use super::driver::Driver;
use super::entry::Job;
use super::event::ShutdownMode;
use crate::host_functions::Answered;
use crate::task::{ModuleNumber, TaskId};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock, Weak};

/// What callers ask of a dispatcher.
pub(crate) enum Message {
    /// Run a task.
    Submit(Box<Job>),
    /// Cancel a task, one that runs only if asked to; the answer says whether it ended by that.
    Cancel { task: TaskId, even_running: bool, answer: Option<SyncSender<bool>> },
    /// Take a module out of quarantine.
    LiftQuarantine { module: ModuleNumber },
    /// A host function has ended.
    HostAnswered(Box<Answered>),
    /// Change the number of workers.
    Resize { max_workers: usize },
    /// End the pool.
    Shutdown { mode: ShutdownMode },
}

/// Messages on their way. The number of tasks in it is bounded by the executor's room, that of the rest by the tasks,
/// the workers whose guests wait for a host function, and the callers who wait for answers.
#[derive(Debug)]
pub(crate) struct Mailbox {
    messages: Mutex<Messages>,
    bell: EventFd,
    /// Who reads them.
    driver: OnceLock<Weak<Driver>>,
}

#[derive(Debug, Default)]
struct Messages {
    waiting: Vec<Message>,
    /// A shutdown was asked for: what is submitted after it is refused here, so that no submit that waited for room
    /// slips in.
    ending: bool,
    closed: bool,
    /// The dispatcher looks by itself.
    is_quiet: bool,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Message::Submit(_) => "Submit",
            Message::Cancel { .. } => "Cancel",
            Message::LiftQuarantine { .. } => "LiftQuarantine",
            Message::HostAnswered(_) => "HostAnswered",
            Message::Resize { .. } => "Resize",
            Message::Shutdown { .. } => "Shutdown",
        })
    }
}

impl Mailbox {
    pub(crate) fn new() -> io::Result<Self> {
        let bell = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { messages: Mutex::default(), bell, driver: OnceLock::new() })
    }

    /// Once, before the first message.
    pub(super) fn is_read_by(&self, driver: &Arc<Driver>) {
        self.driver.get_or_init(|| Arc::downgrade(driver));
    }

    /// Who reads them; `None` after the end.
    pub(super) fn driver(&self) -> Option<Arc<Driver>> {
        self.driver.get()?.upgrade()
    }

    /// Leaves a message; gives it back when the dispatcher has ended, and a task when a shutdown was asked for before.
    pub(crate) fn send(&self, message: Message) -> Result<(), Message> {
        if self.leave(message)? {
            self.ring();
        }
        Ok(())
    }

    /// As [`send`](Self::send), for a task, which this thread gives to a worker itself if one waits for it.
    pub(crate) fn submit(&self, job: Box<Job>) -> Result<(), Message> {
        if self.leave(Message::Submit(job))? && !self.driver().is_some_and(|driver| driver.takes_at_once()) {
            self.ring();
        }
        Ok(())
    }

    /// Whether it must be told: everything is taken at once, so only the first message is.
    fn leave(&self, message: Message) -> Result<bool, Message> {
        let mut messages = self.messages.lock();
        if messages.closed || (messages.ending && matches!(message, Message::Submit(_))) {
            return Err(message);
        }
        messages.ending |= matches!(message, Message::Shutdown { .. });
        messages.waiting.push(message);
        Ok(messages.waiting.len() == 1 && !messages.is_quiet)
    }

    /// Whether the dispatcher looks by itself every moment (dispatcher only). Afterwards it must be told again, also of what is
    /// there by then.
    pub(super) fn set_quiet(&self, is_quiet: bool) {
        let mut messages = self.messages.lock();
        messages.is_quiet = is_quiet;
        let missed = !is_quiet && !messages.waiting.is_empty();
        drop(messages);
        if missed {
            self.ring();
        }
    }

    /// Has the dispatcher's thread look.
    pub(super) fn ring(&self) {
        // It can fail only when the counter is at its maximum, and then the bell rings already.
        let _ = self.bell.write(1);
    }

    /// Takes everything (dispatcher only); `taken` comes back with the messages, and its old buffer is used again.
    pub(crate) fn take(&self, taken: &mut Vec<Message>) {
        // Silence the bell first: a message that comes after rings again.
        let _ = self.bell.read();
        std::mem::swap(&mut self.messages.lock().waiting, taken);
    }

    /// Refuses messages from now on (dispatcher only), and gives those that were left.
    pub(crate) fn close(&self) -> Vec<Message> {
        let mut messages = self.messages.lock();
        messages.closed = true;
        std::mem::take(&mut messages.waiting)
    }

    /// Readable while messages wait.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
