//! The threads that run host functions, and the line in which calls wait for one.
//!
//! What bounds the line: a worker has one call unanswered at most (the dispatcher sees to that), a call that is withdrawn leaves the
//! line, and a future that is withdrawn stands in it once, to be dropped.

use super::function::{Begun, Call, HostCall, Returned};
use super::pending::Pending;
use super::registry::Given;
use crate::error::{TaskRef, panic_text};
use crate::limits::MAX_MESSAGE_BYTES;
use crate::task::{HostFault, HostFaultKind};
use parking_lot::{Condvar, Mutex};
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A call on its way to its function.
pub(crate) struct Incoming {
    /// Unique in its executor.
    pub(crate) call: u64,
    pub(crate) task: TaskRef,
    pub(crate) given: Arc<Given>,
    pub(crate) argument: Vec<u8>,
}

/// A call that has ended.
pub(crate) struct Answered {
    pub(crate) call: u64,
    pub(crate) result: Result<Vec<u8>, HostFault>,
}

/// Where a call was when it was withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withdrawn {
    /// No thread had come to it.
    Waiting,
    /// Its function runs; when that ends, nobody will be told.
    Running,
}

/// A piece of work.
pub(super) enum Work {
    Call(Box<Incoming>, HostCall),
    Poll(Arc<Pending>),
}

type Answer = Box<dyn Fn(Answered) + Send + Sync>;

/// The line, and who comes for what is in it.
pub(super) struct Lane {
    most_threads: usize,
    max_bytes: u64,
    answer: Answer,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    /// Calls that somebody waits for.
    open: HashMap<u64, Open>,
    threads: usize,
    idle: usize,
    closed: bool,
}

struct Open {
    function: Arc<str>,
    withdrawn: Arc<AtomicBool>,
    pending: Option<Arc<Pending>>,
}

/// The threads of one executor. They start when there is work for them, and end with the pool; one whose function never returns
/// stays behind.
pub(crate) struct HostThreads(Arc<Lane>);

impl HostThreads {
    /// `answer` is called by these threads, for each call that was not withdrawn.
    pub(crate) fn new(most_threads: usize, max_bytes: u64, answer: impl Fn(Answered) + Send + Sync + 'static) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Lane { most_threads, max_bytes, answer: Box::new(answer), state, changed }))
    }

    /// Takes a call on.
    pub(crate) fn call(&self, incoming: Incoming) {
        let withdrawn = Arc::new(AtomicBool::new(false));
        let function = Arc::clone(&incoming.given.name);
        let open = Open { function: Arc::clone(&function), withdrawn: Arc::clone(&withdrawn), pending: None };
        let context = HostCall { task: incoming.task.clone(), function, withdrawn };
        self.0.state.lock().open.insert(incoming.call, open);
        self.0.add(Work::Call(Box::new(incoming), context));
    }

    /// Nobody waits for a call any more. `None` if it has ended.
    pub(crate) fn withdraw(&self, call: u64) -> Option<Withdrawn> {
        let mut state = self.0.state.lock();
        let open = state.open.remove(&call)?;
        open.withdrawn.store(true, Ordering::Relaxed);
        let is_it = |work: &Work| matches!(work, Work::Call(incoming, _) if incoming.call == call);
        if let Some(place) = state.waiting.iter().position(is_it) {
            let left = state.waiting.remove(place);
            drop(state);
            drop(left);
            return Some(Withdrawn::Waiting);
        }
        drop(state);
        if let Some(pending) = open.pending {
            // A thread finds that nobody waits for it, and drops it.
            std::task::Wake::wake(pending);
        }
        Some(Withdrawn::Running)
    }
}

/// The pool has ended: nobody waits for anything, and threads leave as soon as they have nothing to do.
impl Drop for HostThreads {
    fn drop(&mut self) {
        let open: Vec<u64> = self.0.state.lock().open.keys().copied().collect();
        open.into_iter().for_each(|call| _ = self.withdraw(call));
        self.0.state.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Lane {
    /// Puts work into the line, and starts a thread for it if all are busy and there may be one more.
    pub(super) fn add(self: &Arc<Self>, work: Work) {
        let mut state = self.state.lock();
        state.waiting.push_back(work);
        if state.idle >= state.waiting.len() || state.threads >= self.most_threads {
            drop(state);
            self.changed.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        let lane = Arc::clone(self);
        let thread = std::thread::Builder::new().name("isopool-host".to_owned()).spawn(move || lane.serve());
        if let Err(error) = thread {
            // Those that there are come to it; without any, calls wait for as long as they may.
            tracing::error!(%error, "no thread could be started for host functions");
            self.state.lock().threads -= 1;
        }
    }

    fn serve(self: &Arc<Self>) {
        while let Some(work) = self.next() {
            match work {
                Work::Call(incoming, context) => self.begin(*incoming, context),
                Work::Poll(pending) => self.poll(&pending),
            }
        }
    }

    /// The next piece of work; `None` when this thread is to leave.
    fn next(&self) -> Option<Work> {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            if state.closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            self.changed.wait(&mut state);
            state.idle -= 1;
        }
    }

    fn begin(self: &Arc<Self>, incoming: Incoming, context: HostCall) {
        let Incoming { call, given, argument, .. } = incoming;
        let ty = Arc::clone(&given.ty);
        let begun = catch_unwind(AssertUnwindSafe(|| given.function.run(Call { context, ty, argument })));
        match begun {
            Ok(Begun::Ended(returned)) => self.end(call, returned),
            Ok(Begun::Future(future)) => {
                let pending = Pending::new(call, future, self);
                if let Some(open) = self.state.lock().open.get_mut(&call) {
                    open.pending = Some(Arc::clone(&pending));
                }
                self.poll(&pending);
            }
            Err(panic) => self.end(call, Err((HostFaultKind::Panicked, words(&*panic)))),
        }
    }

    fn poll(&self, pending: &Arc<Pending>) {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let returned = if self.is_open(pending.call) { pending.poll() } else { None };
            // Also when it was withdrawn during the poll: nothing may ever wake it again.
            if !self.is_open(pending.call) {
                pending.end();
            }
            returned
        }));
        match polled {
            Ok(Some(returned)) => self.end(pending.call, returned),
            Ok(None) => {}
            Err(panic) => {
                self.end(pending.call, Err((HostFaultKind::Panicked, words(&*panic))));
                // What is left of it may panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| pending.end()));
            }
        }
    }

    fn is_open(&self, call: u64) -> bool {
        self.state.lock().open.contains_key(&call)
    }

    /// Hands the answer over, if somebody waits for it.
    fn end(&self, call: u64, returned: Returned) {
        let Some(Open { function, .. }) = self.state.lock().open.remove(&call) else { return };
        let returned = returned.and_then(|bytes| {
            let (size, limit) = (bytes.len() as u64, self.max_bytes);
            if size <= limit {
                return Ok(bytes);
            }
            let message =
                format!("its result has {size} bytes, the limit is {limit}; raise it with max_host_function_bytes()");
            Err((HostFaultKind::TooLarge, message))
        });
        let result = returned.map_err(|(kind, mut message)| {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            HostFault::new(&function, kind, message)
        });
        (self.answer)(Answered { call, result });
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    panic_text(panic).unwrap_or("without a message").to_owned()
}
