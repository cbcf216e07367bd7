//! Instances that keep their state from call to call.
//!
//! Each has a pool of its own, of one worker that is never replaced: what ends that worker, or the instance in it, breaks the pool, and
//! so no call ever meets a fresh instance in place of the one whose state it relies on.

use super::handle::Executor;
use super::loaded_module::{Function, Module};
use super::options::{Containment, Reuse};
use super::task::{IntoTask, Task};
use super::{Shutdown, TaskFuture};
use crate::dispatcher::{QuarantineOptions, Recycling};
use crate::error::{BrokenProcessPool, Error, ErrorKind};
use crate::limits::{DEFAULT_LIVE_IDLE_TIMEOUT, MAX_LIVE_INSTANCES};
use crate::task::FunctionKind;
use isopool_guest::stream::abandoning;
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// An instance of a module that keeps its state between calls: what a guest has in its memory, a call finds as the one before left it.
/// Made by [`Executor::open`] or [`Executor::live`]; clones are the same instance.
///
/// It is bound to a worker process of its own, beside the executor's `max_workers`, with the same options: sandbox, limits, grants,
/// host functions. The process starts with the first call. Calls run one after another, in the order of their submission, each
/// with the limits of a task.
///
/// **Its end is an error, and never a fresh instance in its place**: a trap, a panic, a limit, the death of its process, a call that is
/// stopped while it runs (by [`cancel`](TaskFuture::cancel), a time limit or a deadline) and too long a time without calls end it. A
/// call that returns an error of the guest's own does not. Later calls are refused with [`ErrorKind::InstanceEnded`], which
/// says why; unless it was given [`restarts`](LiveBuilder::restarts), of which one is used then: a fresh instance, in another
/// process.
///
/// ```
/// use guest_basic::{crash, state::counter}; // counts its calls in a static
/// use isopool::{ErrorKind, Executor};
///
/// let executor = Executor::builder().max_workers(1).build()?;
/// let instance = executor.open(&executor.module_of(counter::task())?)?;
/// for count in 1..=3 {
///     assert_eq!(instance.submit(counter::task())?.result()?, count);
/// }
/// assert_eq!(executor.submit(counter::task())?.result()?, 1); // tasks of the executor have fresh ones
///
/// assert!(instance.submit(crash::trap_unreachable::task())?.result().is_err());
/// let ended = instance.submit(counter::task()).expect_err("its state is gone");
/// assert_eq!(ended.kind(), ErrorKind::InstanceEnded);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LiveInstance {
    shared: Arc<Shared>,
}

struct Shared {
    parent: Executor,
    module: Module,
    idle_timeout: Duration,
    max_restarts: u32,
    state: Mutex<State>,
    _place: Place,
}

struct State {
    pool: Executor,
    restarts: u32,
}

/// One of the places for live instances that an executor has.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What an executor knows of its live instances.
#[derive(Default)]
pub(super) struct Lives {
    count: Arc<AtomicUsize>,
    open: Mutex<Vec<Weak<Shared>>>,
}

impl Lives {
    fn take_place(&self) -> Result<Place, Error> {
        let more = |count: usize| (count < MAX_LIVE_INSTANCES).then_some(count + 1);
        self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).map_err(|count| {
            Error::new(
                ErrorKind::TooManyInstances,
                format!(
                    "the executor has {count} live instances, and may have no more (limits::MAX_LIVE_INSTANCES); drop some: each has a \
                     process of its own"
                ),
            )
        })?;
        Ok(Place(Arc::clone(&self.count)))
    }

    /// The pools of those that are open.
    pub(super) fn pools(&self) -> Vec<Executor> {
        self.open.lock().iter().filter_map(Weak::upgrade).map(|shared| shared.state.lock().pool.clone()).collect()
    }
}

/// How a live instance is to be; see [`Executor::live`].
#[must_use = "nothing is opened before `open`"]
pub struct LiveBuilder {
    parent: Executor,
    module: Module,
    idle_timeout: Duration,
    max_restarts: u32,
}

impl LiveBuilder {
    /// How long it may be without a call before it is closed, and its process leaves. Default: [`DEFAULT_LIVE_IDLE_TIMEOUT`].
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle_timeout = time;
        self
    }

    /// How often a fresh instance takes the place of one that has ended, when the next call comes. Its state is that of a fresh one:
    /// [`LiveInstance::restarts`] says that it has happened. Default: 0.
    pub fn restarts(mut self, times: u32) -> Self {
        self.max_restarts = times;
        self
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`ErrorKind::TooManyInstances`]: the executor has [`MAX_LIVE_INSTANCES`]. [`ErrorKind::InvalidOption`]: the executor is
    /// [deterministic](crate::ExecutorBuilder::deterministic), where no call may see what another one has left.
    /// [`ErrorKind::Shutdown`], [`ErrorKind::Broken`] and [`ErrorKind::TooManyWorkers`], as for a task or an executor.
    pub fn open(self) -> Result<LiveInstance, Error> {
        let Self { parent, module, idle_timeout, max_restarts } = self;
        parent.check_open()?;
        if parent.inner.options.deterministic.is_some() {
            let message = "deterministic tasks see nothing that others have left, and calls of a live instance do; use an executor that \
                           is not deterministic";
            return Err(Error::invalid(message));
        }
        let place = parent.inner.lives.take_place()?;
        let state = Mutex::new(State { pool: start(&parent, idle_timeout)?, restarts: 0 });
        let shared = Arc::new(Shared { parent, module, idle_timeout, max_restarts, state, _place: place });
        let mut open = shared.parent.inner.lives.open.lock();
        open.retain(|other| other.strong_count() > 0);
        open.push(Arc::downgrade(&shared));
        drop(open);
        let instance = LiveInstance { shared };
        instance.end_with_parent()?;
        Ok(instance)
    }
}

/// A pool of one worker with one life.
fn start(parent: &Executor, idle_timeout: Duration) -> Result<Executor, Error> {
    let inner = &parent.inner;
    let mut pool = inner.recipe.clone();
    pool.state.max_workers = 1;
    pool.state.idle_timeout = Some(idle_timeout);
    pool.state.containment = Containment::Pool;
    pool.state.recycling = Recycling { one_life: true, ..Recycling::default() };
    // The first death is the end.
    pool.state.quarantine = QuarantineOptions { deaths: None, ..pool.state.quarantine };
    pool.worker.reuse = Reuse::Worker;
    // Without crash bundles: what a call does depends on the calls before it.
    Executor::start(1, Arc::clone(&inner.options), None, Arc::clone(&inner.library), pool)
}

impl Executor {
    /// Opens a live instance of a module: one that keeps its state between calls. See [`LiveInstance`].
    ///
    /// # Errors
    /// As [`LiveBuilder::open`].
    pub fn open(&self, module: &Module) -> Result<LiveInstance, Error> {
        self.live(module).open()
    }

    /// A live instance of a module, with options.
    ///
    /// ```
    /// use guest_basic::{crash::trap_unreachable, state::counter};
    /// use std::time::Duration;
    ///
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let module = executor.module_of(counter::task())?;
    /// let instance = executor.live(&module).idle_timeout(Duration::from_secs(60)).restarts(1).open()?;
    /// assert_eq!(instance.submit(counter::task())?.result()?, 1);
    /// assert!(instance.submit(trap_unreachable::task())?.result().is_err());
    /// assert_eq!(instance.submit(counter::task())?.result()?, 1); // a fresh one
    /// assert_eq!(instance.restarts(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn live(&self, module: &Module) -> LiveBuilder {
        let (parent, module) = (self.clone(), module.clone());
        LiveBuilder { parent, module, idle_timeout: DEFAULT_LIVE_IDLE_TIMEOUT, max_restarts: 0 }
    }
}

impl LiveInstance {
    /// Submits a call of one of the module's functions. Does not wait for the calls before it.
    ///
    /// # Errors
    /// [`ErrorKind::InstanceEnded`], with the cause; the source is a [`BrokenProcessPool`]. [`ErrorKind::InvalidOption`]: the call is of
    /// another module, or has something that an instance has all its life: variables, arguments, grants, a tenant of its own.
    /// Others as [`Executor::submit`].
    pub fn submit<T: IntoTask>(&self, task: T) -> Result<TaskFuture<T::Output>, Error> {
        let task = task.into_task();
        match self.pool_for(&task) {
            Ok(pool) => pool.submit(task).map_err(|error| match pool.broken() {
                Some(ended) if error.kind() == ErrorKind::Broken => self.ended_error(ended),
                _ => error,
            }),
            Err(refused) => {
                // As in `Executor::submit`.
                abandoning(|| drop(task));
                Err(refused)
            }
        }
    }

    /// The pool that it has now: a fresh one, if the one before has ended and may be followed.
    fn pool_for<A, R>(&self, task: &Task<A, R>) -> Result<Executor, Error> {
        self.check(task)?;
        let mut state = self.shared.state.lock();
        if let Some(ended) = state.pool.broken() {
            self.shared.parent.check_open()?;
            if state.restarts == self.shared.max_restarts {
                return Err(self.ended_error(ended));
            }
            tracing::info!(module = self.shared.module.name(), %ended, "a live instance is made anew");
            state.pool = start(&self.shared.parent, self.shared.idle_timeout)?;
            state.restarts += 1;
            drop(state);
            self.end_with_parent()?;
            state = self.shared.state.lock();
        }
        // A call does not wait for room with the state in hand: others may close the instance.
        Ok(state.pool.clone())
    }

    /// One of its module's functions, as [`Module::function`] gives it, but that resources of the module's own may be in its types:
    /// constructors (`my:pkg/things#[constructor]thing`), methods (`#[method]thing.name`), statics (`#[static]thing.new`), and
    /// `#[resource-drop]thing`, which drops one. The caller's type for a resource is [`Resource`](crate::Resource).
    ///
    /// # Errors
    /// As [`Module::function`], and [`ErrorKind::NotCallable`] for streams, futures and resources of others.
    pub fn function(&self, name: &str) -> Result<Function, Error> {
        let module = self.shared.module.clone();
        let info = module.prepared.resolve_live(name)?.clone();
        Ok(Function { module, info })
    }

    /// The module that it is an instance of.
    pub fn module(&self) -> &Module {
        &self.shared.module
    }

    /// How often a fresh instance has taken the place of one that had ended.
    pub fn restarts(&self) -> u32 {
        self.shared.state.lock().restarts
    }

    /// Why it has ended; `None` while it has not. One that has restarts left begins anew with the next call.
    pub fn ended(&self) -> Option<BrokenProcessPool> {
        self.shared.state.lock().pool.broken()
    }

    /// Its process, once it has started: for `/proc`, and for tests.
    pub fn pid(&self) -> Option<u32> {
        self.shared.state.lock().pool.stats().workers.first().map(|worker| worker.pid)
    }

    /// Closes it, for all of its handles: calls that were submitted end first, or as `how` says, and later ones are refused with
    /// [`ErrorKind::Shutdown`]. Waits for its process to leave. To drop the last handle lets calls end, too, and does not wait; a
    /// shutdown of its executor closes it in the same way.
    pub fn close(&self, how: Shutdown) {
        let pool = self.shared.state.lock().pool.clone();
        pool.shutdown(how);
    }

    /// A shutdown of the executor closes the instances that it knows of; one that is being made meanwhile closes itself.
    fn end_with_parent(&self) -> Result<(), Error> {
        self.shared.parent.check_open().inspect_err(|_| {
            let pool = self.shared.state.lock().pool.clone();
            pool.begin_shutdown(Shutdown::Kill);
        })
    }

    fn check<A, R>(&self, task: &Task<A, R>) -> Result<(), Error> {
        let hash = self.shared.parent.inner.library.hash_of(&task.source);
        let own = self.shared.module.hash();
        let module = self.shared.module.name();
        if hash != own {
            return Err(Error::invalid(format!(
                "the call of `{}` is of the module {hash:.12}, and the live instance of `{module}` ({own:.12})",
                task.function
            )));
        }
        let own = task.options.as_ref().is_some_and(|own| !own.environment.is_empty() || !own.arguments.is_empty());
        let kind = self.shared.module.info().function(&task.function).map(|info| &info.kind);
        if own || task.asked.is_some() || matches!(kind, Some(FunctionKind::Program)) {
            return Err(Error::invalid(format!(
                "the call of `{}` has variables, arguments, grants or a tenant of its own, or is a program; a live instance has those of \
                 its executor from its beginning",
                task.function
            )));
        }
        Ok(())
    }

    fn ended_error(&self, ended: BrokenProcessPool) -> Error {
        let module = self.shared.module.name();
        let message = format!("the live instance of `{module}` has ended: {}; open another one", ended.cause);
        Error::new(ErrorKind::InstanceEnded, message).with_source(ended)
    }
}

impl fmt::Debug for LiveInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.ended().is_some() { "ended" } else { "open" };
        write!(f, "LiveInstance({:?}, {state})", self.shared.module)
    }
}

impl fmt::Debug for LiveBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveBuilder({:?})", self.module)
    }
}
