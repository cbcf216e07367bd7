//! A process that runs one native function.

use super::lent::Lent;
use super::starter;
use super::{NativeCall, Parts, ProcessError};
use crate::context::ProcessContext;
use crate::error::{BrokenCause, Error, ErrorKind};
use crate::ipc::{CallerChannel, ChannelError, NativeEnd, Payload, Received, Reply, Request};
use crate::limits::{HANDSHAKE_TIMEOUT, MAX_PAYLOAD_BYTES};
use crate::process::{Child, cause_of, expect_no_worker};
use crate::sys::WaitStatus;
use isopool_guest::Codec;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A process that runs one native function of this program: a function that [`native`](crate::native) has registered.
///
/// It is this program, executed again and taken over before `main`, whatever the start method of its context: a copy of a
/// process with threads is no place for code of yours that may need a lock, and a fork server has no code of yours to copy. It has
/// the caller's environment, working directory and output streams, no other descriptor, and a session of its own. It is
/// killed when the program that started it ends, in whatever way, and when this value is dropped.
///
/// What it was passed of [`sync`](crate::sync) it shares with the caller and with whoever else was passed it, and may pass on. A
/// lock that it holds when it ends, in whatever way, goes to the next one who asks, and that one is told.
///
/// What the function says through its result is believed as much as the function is: this is not a sandbox.
///
/// # Source
/// `multiprocessing.Process` with `daemon=True`; unlike there the function's value comes back, by [`result`](Self::result).
pub struct Process<R> {
    function: &'static str,
    call: Mutex<Option<Parts>>,
    state: Mutex<State>,
    result: PhantomData<fn() -> R>,
}

/// Its life. One thread at a time looks after it; the others wait for at most one look.
enum State {
    New,
    Running(Box<Running>),
    Ended(Ended),
}

struct Running {
    child: Arc<Child>,
    channel: CallerChannel,
    /// The channel's socket once more, to wait for.
    socket: Arc<OwnedFd>,
    /// What the function said, which comes before the end of the process.
    said: Option<(NativeEnd, Vec<u8>)>,
    lent: Lent,
    /// What was wrong with what the process said.
    lie: Option<String>,
    open: bool,
}

#[derive(Clone)]
struct Ended {
    pid: u32,
    cause: BrokenCause,
    said: Option<(NativeEnd, Vec<u8>)>,
}

impl ProcessContext {
    /// A process that will run a native function; [`start`](Process::start) starts it.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// #[isopool::native]
    /// fn greet(name: String) -> String {
    ///     format!("hello {name}")
    /// }
    ///
    /// let process = isopool::get_context(None).process(greet::call("world".to_owned()));
    /// process.start()?;
    /// assert_eq!(process.result()?, "hello world");
    /// assert_eq!(process.exit_code(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn process<R>(&self, call: NativeCall<R>) -> Process<R> {
        let call = call.into_parts();
        Process {
            function: call.function,
            call: Mutex::new(Some(call)),
            state: Mutex::new(State::New),
            result: PhantomData,
        }
    }
}

impl<R> Process<R> {
    /// Starts the process, and waits until it has its arguments. Does not wait for the function.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`]: it was started before, or its arguments do not encode, or hold more than
    /// [`MAX_CALL_OBJECTS`](crate::limits::MAX_CALL_OBJECTS) shared objects. [`ErrorKind::InsideWorker`]: this
    /// process is a worker that was not taken over. [`ErrorKind::System`]: the system gives no process or descriptor.
    pub fn start(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if !matches!(*state, State::New) {
            return Err(Error::invalid("the process was started before; make another one to run the function again"));
        }
        expect_no_worker()?;
        let mut kept = self.call.lock();
        let call = kept.as_ref().expect("it is kept until the process was started");
        let argument = call.encoded("native function")?.to_vec();
        let system = |error: io::Error| {
            Error::new(ErrorKind::System, format!("a process for `{}` could not be started", self.function))
                .with_source(error)
        };
        let (child, socket) = starter::start().map_err(system)?;
        let child = Arc::new(child);
        let running = Running::new(Arc::clone(&child), socket, argument, call);
        let mut running = running.inspect_err(|_| _ = child.end()).map_err(system)?;
        *state = match running.hand_over() {
            Some(ended) => State::Ended(ended),
            None => State::Running(Box::new(running)),
        };
        // The descriptors are the process's now.
        *kept = None;
        Ok(())
    }

    /// Waits until the process has ended, at most `timeout`; whether it has. Without a timeout it waits for as long as the
    /// process runs. One that was not started has not ended, and is not waited for.
    pub fn join(&self, timeout: impl Into<Option<Duration>>) -> bool {
        let deadline = timeout.into().and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            // The lock is not held during the wait: others may ask, and kill.
            let watch = match &mut *self.state.lock() {
                State::New => return false,
                state => match state.look() {
                    Some(watch) => watch,
                    None => return true,
                },
            };
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            watch.wait(left);
        }
    }

    /// Whether the process was started and has not ended.
    pub fn is_alive(&self) -> bool {
        let mut state = self.state.lock();
        !matches!(*state, State::New) && state.look().is_some()
    }

    /// Its process id, once it was started. After its end the system may give the number to another process.
    pub fn pid(&self) -> Option<u32> {
        match &*self.state.lock() {
            State::New => None,
            State::Running(running) => Some(running.child.pid),
            State::Ended(ended) => Some(ended.pid),
        }
    }

    /// How it ended, once it has: 0 after the function returned, 1 after it failed or panicked, its own code if it left the
    /// process by itself, and `-n` for one that signal `n` killed. `None` also when something else in this program took the
    /// status.
    pub fn exit_code(&self) -> Option<i32> {
        let mut state = self.state.lock();
        _ = state.look();
        match &*state {
            State::Ended(Ended { cause: BrokenCause::Exited { code }, .. }) => Some(*code),
            State::Ended(Ended { cause: BrokenCause::Signaled { signal }, .. }) => Some(-signal),
            State::Ended(Ended { cause: BrokenCause::SyscallDenied { .. }, .. }) => Some(-(Signal::SIGSYS as i32)),
            _ => None,
        }
    }

    /// Asks it to end: SIGTERM. One that has not begun or has ended does not mind.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Ends it: SIGKILL. One that has not begun or has ended does not mind.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if let State::Running(running) = &*self.state.lock()
            && let Err(error) = running.child.pidfd.signal(signal)
        {
            tracing::error!(%error, pid = running.child.pid, "a process could not be sent a signal");
        }
    }
}

impl<R: DeserializeOwned> Process<R> {
    /// Waits for the end of the process, and gives what the function returned. Can be asked again.
    ///
    /// # Errors
    /// See [`ProcessError`].
    pub fn result(&self) -> Result<R, ProcessError> {
        self.join(None);
        self.told()
    }

    /// As [`result`](Self::result), and waits at most `timeout`.
    ///
    /// # Errors
    /// See [`ProcessError`]; [`ProcessError::StillRunning`] at the end of the wait.
    pub fn result_timeout(&self, timeout: Duration) -> Result<R, ProcessError> {
        let begun = self.pid().is_some();
        if !self.join(timeout) && begun {
            return Err(ProcessError::StillRunning { waited: timeout });
        }
        self.told()
    }

    fn told(&self) -> Result<R, ProcessError> {
        let function = || self.function.to_owned();
        let ended = match &*self.state.lock() {
            State::Ended(ended) => ended.clone(),
            State::New | State::Running(_) => return Err(ProcessError::NotStarted),
        };
        let Some((end, value)) = ended.said else {
            return Err(ProcessError::Died { pid: ended.pid, cause: ended.cause });
        };
        Err(match end {
            NativeEnd::Returned => match Codec::Bincode.decode(&value) {
                Ok(value) => return Ok(value),
                Err(error) => ProcessError::Codec {
                    function: function(),
                    message: format!("the result does not decode: {error}"),
                },
            },
            NativeEnd::Failed { message } => ProcessError::Failed { function: function(), message },
            NativeEnd::Panicked { message, place } => ProcessError::Panicked { function: function(), message, place },
            NativeEnd::Codec { message } => ProcessError::Codec { function: function(), message },
            unknown @ NativeEnd::Unknown { .. } => ProcessError::Unknown { message: unknown.describe(self.function) },
        })
    }
}

/// Ends the process, and waits for that.
impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        let State::Running(running) = self.state.get_mut() else { return };
        match running.child.end() {
            Ok(_) => running.lent.give_back(),
            Err(error) => tracing::error!(%error, pid = running.child.pid, "a process could not be ended"),
        }
    }
}

impl<R> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.state.lock() {
            State::New => "not started",
            State::Running(_) => "running",
            State::Ended(_) => "ended",
        };
        f.debug_struct("Process")
            .field("function", &self.function)
            .field("pid", &self.pid())
            .field("state", &state)
            .finish()
    }
}

impl State {
    /// Takes in what there is; what to wait for next, or `None` when it has ended.
    fn look(&mut self) -> Option<Watch> {
        let State::Running(running) = self else { return None };
        match running.look() {
            None => Some(running.watch()),
            Some(ended) => {
                *self = State::Ended(ended);
                None
            }
        }
    }
}

/// What to wait for.
struct Watch {
    child: Arc<Child>,
    socket: Option<Arc<OwnedFd>>,
    wants_to_send: bool,
}

impl Watch {
    /// Waits until there is something to look at, at most for the time left. It may be woken for nothing.
    fn wait(&self, left: Option<Duration>) {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, self.wants_to_send);
        let mut watched = vec![PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
        watched.extend(self.socket.as_ref().map(|socket| PollFd::new(socket.as_fd(), flags)));
        // Rounded up, so that the deadline has come when the wait is over.
        let timeout = left
            .map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX));
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => tracing::error!(%error, "poll failed"),
        }
    }
}

impl Running {
    fn new(child: Arc<Child>, socket: OwnedFd, argument: Vec<u8>, call: &Parts) -> io::Result<Self> {
        let copy = Arc::new(socket.try_clone()?);
        let mut channel = CallerChannel::new(socket, MAX_PAYLOAD_BYTES as u64)?;
        let refused = |error: ChannelError| io::Error::other(error.to_string());
        let lent = Lent::queue(child.pid, call.objects.clone(), &mut channel).map_err(refused)?;
        let request = Request::Call { function: call.function.to_owned() };
        let mut queue = |request: &Request, payload: Option<&Payload>, descriptor| {
            channel.queue(request, payload, descriptor).map_err(refused)
        };
        let mut descriptors = call.descriptors.iter().map(Arc::clone);
        descriptors.try_for_each(|descriptor| queue(&Request::Attach, None, Some(descriptor)))?;
        queue(&request, Some(&Arc::new(argument)), None)?;
        Ok(Self { child, channel, socket: copy, said: None, lent, lie: None, open: true })
    }

    /// Sends the arguments: nobody may look after the process later. One that does not take them in time is killed.
    fn hand_over(&mut self) -> Option<Ended> {
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        loop {
            let ended = self.look();
            if ended.is_some() || !self.channel.wants_to_send() {
                return ended;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.lied("it did not take its arguments in time".to_owned());
                self.channel.discard_unsent();
                return None;
            }
            self.watch().wait(Some(left));
        }
    }

    /// Sends and takes in what there is; how the process ended, if it has.
    fn look(&mut self) -> Option<Ended> {
        // Asked first: what it had said before its end is there when its end is seen.
        let status = self.child.pidfd.try_wait().unwrap_or_else(|error| {
            tracing::error!(%error, "the status of a process could not be taken");
            Some(WaitStatus::Unknown)
        });
        // It may have ended already; what it said before is read below.
        if self.channel.flush().is_err() {
            self.channel.discard_unsent();
        }
        while self.open {
            let mut replies = Vec::new();
            let received = self.channel.receive(|reply, payload| replies.push((reply, payload)));
            replies.into_iter().for_each(|(reply, payload)| self.hear(reply, payload));
            match received {
                Ok(Received::Some) => {}
                Ok(Received::All) => break,
                Ok(Received::Closed) => self.open = false,
                Err(error) => {
                    self.lied(error.to_string());
                    self.open = false;
                }
            }
        }
        let status = status?;
        self.lent.give_back();
        let cause = match (cause_of(status), self.lie.take()) {
            (_, Some(message)) => BrokenCause::Protocol { message },
            (cause, None) => cause,
        };
        Some(Ended { pid: self.child.pid, cause, said: self.said.take() })
    }

    fn hear(&mut self, reply: Reply, payload: Vec<u8>) {
        match reply {
            Reply::Called(end) if self.said.is_none() => self.said = Some((end, payload)),
            _ => self.lied("it sent a reply that nobody had asked for".to_owned()),
        }
    }

    fn lied(&mut self, message: String) {
        self.lie.get_or_insert(message);
        if let Err(error) = self.child.pidfd.signal(Signal::SIGKILL) {
            tracing::error!(%error, "a process could not be killed");
        }
    }

    fn watch(&self) -> Watch {
        let socket = self.open.then(|| Arc::clone(&self.socket));
        Watch { child: Arc::clone(&self.child), socket, wants_to_send: self.channel.wants_to_send() }
    }
}
