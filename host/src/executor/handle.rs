//! The executor.

use super::builder::{ExecutorBuilder, Options, checked_max_workers};
use super::future::TaskFuture;
use super::latch::Latch;
use super::live::Lives;
use super::map::{Map, MapUnordered};
use super::options::Shutdown;
use super::submission::OnFull;
use super::task::{IntoTask, Task};
use super::total_workers::WorkerShare;
use super::try_submit::{TrySubmitError, TrySubmitted};
use crate::bundle::BundleWriter;
use crate::dispatcher::{self, Message, PoolHandle, PoolOptions, ShutdownMode, Stats};
use crate::error::{BrokenProcessPool, Error, ErrorKind};
use crate::ipc::WorkerConfig;
use crate::module::Library;
use crate::process::Program;
use crate::task::Class;
use isopool_guest::stream::abandoning;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A pool of worker processes that run tasks in WebAssembly sandboxes. A clone is another handle to the same pool.
///
/// Workers start when tasks need them, up to `max_workers`. Dropping the last handle lets everything that was submitted
/// finish, and then the workers leave; it does not wait. When the program ends, work that is still pending is abandoned
/// and the workers die with the program: call [`shutdown`](Self::shutdown) to wait for it.
///
/// A task can submit tasks of its own (`isopool_guest::submit`): they run on the same workers, count in [`stats`](Self::stats), and end
/// with their parent at the latest. They may be nested [`DEFAULT_MAX_DEPTH`](crate::limits::DEFAULT_MAX_DEPTH) deep, or as
/// deep as the environment variable `ISOPOOL_MAX_DEPTH` of this program says when the executor is built.
///
/// # Source
/// `concurrent.futures.Executor`, whose names it keeps.
///
/// ```
/// use guest_basic::value::add; // a package of tasks
/// use isopool::{Executor, Shutdown};
///
/// let executor = Executor::builder().max_workers(2).build()?;
/// let future = executor.submit(add::task(2, 3))?;
/// executor.shutdown(Shutdown::Finish);
/// assert_eq!(future.result()?, 5); // it was submitted before the end
/// assert!(executor.submit(add::task(2, 3)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Executor {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    id: u64,
    pub(super) options: Arc<Options>,
    /// Of tasks that do not say otherwise.
    pub(super) class: Arc<Class>,
    max_workers: AtomicUsize,
    share: Arc<WorkerShare>,
    pub(super) pool: PoolHandle,
    pub(super) library: Arc<Library>,
    /// How its pool was started, for probes and for the pools of live instances.
    pub(super) recipe: PoolOptions,
    pub(super) lives: Lives,
    closed: AtomicBool,
    ended: Arc<Latch>,
    pub(super) bundles: Option<Arc<BundleWriter>>,
}

impl Executor {
    /// An executor with every option at its default.
    ///
    /// # Errors
    /// As [`ExecutorBuilder::build`].
    ///
    /// ```
    /// let executor = isopool::Executor::new()?;
    /// assert_eq!(executor.max_workers(), isopool::cpu_count()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// The options of a new executor.
    ///
    /// ```
    /// let executor = isopool::Executor::builder().max_workers(2).queue_capacity(1000).build()?;
    /// assert_eq!(executor.max_workers(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> ExecutorBuilder {
        ExecutorBuilder::default()
    }

    pub(super) fn start(
        max_workers: usize,
        options: Arc<Options>,
        bundles: Option<Arc<BundleWriter>>,
        library: Arc<Library>,
        pool: PoolOptions,
    ) -> Result<Self, Error> {
        static NEXT_EXECUTOR: AtomicU64 = AtomicU64::new(0);
        let id = NEXT_EXECUTOR.fetch_add(1, Ordering::Relaxed);
        let ended = Arc::new(Latch::default());
        let share = Arc::new(WorkerShare::take(max_workers)?);
        let (latch, taken) = (Arc::clone(&ended), Arc::clone(&share));
        let when_ended = move || {
            taken.give_back();
            latch.set();
        };
        let recipe = pool.clone();
        let class = Arc::clone(&pool.class);
        let pool = dispatcher::start(pool, options.queue_capacity(), options.pending_bytes(), when_ended).map_err(
            |error| {
                let message = "the dispatcher could not be started: no descriptor or no thread is left";
                Error::new(ErrorKind::System, message).with_source(error)
            },
        )?;
        let closed = AtomicBool::new(false);
        let max_workers = AtomicUsize::new(max_workers);
        Ok(Self {
            inner: Arc::new(Inner {
                id,
                options,
                class,
                max_workers,
                share,
                pool,
                library,
                recipe,
                lives: Lives::default(),
                closed,
                ended,
                bundles,
            }),
        })
    }

    pub(super) fn probed(&self) -> (&Program, &WorkerConfig) {
        (&self.inner.recipe.program, &self.inner.recipe.worker)
    }

    /// The executor's number: grows with each one that the program makes.
    pub fn id(&self) -> u64 {
        self.inner.id
    }

    /// Most worker processes at a time.
    pub fn max_workers(&self) -> usize {
        self.inner.max_workers.load(Ordering::Relaxed)
    }

    /// Submits a task. Waits while the queue is full, or the arguments of unfinished tasks take all their
    /// [room](ExecutorBuilder::max_pending_bytes); the first task of a module also waits for its compilation.
    ///
    /// # Errors
    /// [`ErrorKind::Module`], [`ErrorKind::UnknownFunction`], [`ErrorKind::SignatureMismatch`] and
    /// [`ErrorKind::UnsupportedCodec`]: there is no such call, and nothing is sent. [`ErrorKind::Broken`] and
    /// [`ErrorKind::Shutdown`]: the executor takes no tasks any more. Arguments that cannot be encoded, or are too large, are
    /// the future's error.
    ///
    /// ```
    /// # use guest_basic::value::add;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(add::task(2, 3))?; // does not wait for the task
    /// assert_eq!(future.result()?, 5); // does
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit<T: IntoTask>(&self, task: T) -> Result<TaskFuture<T::Output>, Error> {
        let task = task.into_task();
        let submitted = self.submit_whole(&task);
        // A writer of a stream that was refused with its task has not finished.
        abandoning(|| drop(task));
        submitted
    }

    fn submit_whole<A: Serialize, R>(&self, task: &Task<A, R>) -> Result<TaskFuture<R>, Error> {
        self.check_open()?;
        let ready = self.prepare(task)?;
        self.take_place()?;
        self.send(task, ready, OnFull::Wait)
    }

    /// Submits a task if there is room for it; else gives it back.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), and [`ErrorKind::QueueFull`]; the task is in the error.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # use isopool::{ErrorKind, Executor};
    /// let executor = Executor::builder().max_workers(1).queue_capacity(1).build()?;
    /// let first = executor.submit(sleep_ms::task(60_000))?;
    /// let refused = executor.try_submit(add::task(2, 3)).expect_err("the one place is taken");
    /// assert_eq!(refused.error.kind(), ErrorKind::QueueFull);
    ///
    /// first.cancel();
    /// let second = executor.submit(refused.task)?; // the same task, whole
    /// assert_eq!(second.result()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[allow(clippy::result_large_err)] // the task comes back whole, not in a box
    pub fn try_submit<T: IntoTask>(&self, task: T) -> TrySubmitted<T> {
        let task = task.into_task();
        let ready = match self.check_open().and_then(|()| self.prepare(&task)) {
            Ok(ready) => ready,
            Err(error) => return Err(TrySubmitError { task, error }),
        };
        if !self.inner.pool.room.try_take() {
            let capacity = self.inner.pool.room.capacity();
            let message = format!(
                "the queue is full: {capacity} tasks are unfinished; wait for some, submit() to wait for room, or \
                 raise queue_capacity()"
            );
            return Err(TrySubmitError { task, error: Error::new(ErrorKind::QueueFull, message) });
        }
        self.send(&task, ready, OnFull::Refuse).map_err(|error| TrySubmitError { task, error })
    }

    /// Calls `task` for each item, and gives the results in the order of the items. Lazy: items are taken, and tasks
    /// submitted, as the results are asked for, never more than [`Map::buffer_size`] ahead. An item that fails is that item's
    /// error, and the next one comes all the same.
    ///
    /// # Source
    /// `concurrent.futures.Executor.map`, which ends at the first error.
    ///
    /// ```
    /// # use guest_basic::failure::fails_with_source as parse; // a task: `fn(text: String) -> Result<u32, SettingsError>`
    /// # let executor = isopool::Executor::builder().max_workers(2).build()?;
    /// let results = executor.map(|text: &str| parse::task(text.into()), ["1", "two", "3"]);
    /// let numbers: Vec<Option<u32>> = results.map(Result::ok).collect();
    /// assert_eq!(numbers, [Some(1), None, Some(3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, F, T>(&self, task: F, items: I) -> Map<I::IntoIter, F, T::Output>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> T,
        T: IntoTask,
    {
        Map::new(self.clone(), task, items.into_iter())
    }

    /// As [`map`](Self::map), with the results in the order in which they come, each with the number of its item, from 0.
    ///
    /// ```
    /// # use guest_basic::value::add;
    /// # let executor = isopool::Executor::builder().max_workers(2).build()?;
    /// let mut sums = [0; 4];
    /// for (number, sum) in executor.map_unordered(|n| add::task(n, 10), 0..4) {
    ///     sums[number] = sum?;
    /// }
    /// assert_eq!(sums, [10, 11, 12, 13]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_unordered<I, F, T>(&self, task: F, items: I) -> MapUnordered<I::IntoIter, F, T::Output>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> T,
        T: IntoTask,
    {
        MapUnordered::new(self.clone(), task, items.into_iter())
    }

    /// Changes the number of workers. More start as tasks need them; of too many, those with nothing to do leave first,
    /// and the others when they have finished what they run. Does not wait.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for 0 or more than [`limits::MAX_WORKERS`](crate::limits::MAX_WORKERS);
    /// [`ErrorKind::TooManyWorkers`] when the executors of this program would have more than
    /// [`limits::MAX_TOTAL_WORKERS`](crate::limits::MAX_TOTAL_WORKERS) together;
    /// [`ErrorKind::Shutdown`] when the executor has ended. Nothing is changed then.
    ///
    /// ```
    /// let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// executor.resize(4)?;
    /// assert_eq!(executor.max_workers(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&self, max_workers: usize) -> Result<(), Error> {
        let max_workers = checked_max_workers(Some(max_workers))?;
        self.inner.share.change(max_workers, || {
            self.inner.pool.mailbox.send(Message::Resize { max_workers }).map_err(|_| Error::shutdown())?;
            self.inner.max_workers.store(max_workers, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Ends the executor and waits until every worker process is gone. Can be called again, from anywhere; a later call
    /// can make the end harsher, never milder. With [`Shutdown::Finish`] and [`Shutdown::CancelPending`] that is as long as the
    /// tasks take; a worker that does not leave when it is told to is killed after
    /// [`STOP_GRACE`](crate::limits::STOP_GRACE).
    ///
    /// # Source
    /// `concurrent.futures.Executor.shutdown(wait=True)`; the modes are those of loky and Python 3.14.
    ///
    /// ```
    /// # use guest_basic::resources::sleep_ms;
    /// use isopool::{Executor, Shutdown};
    ///
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let endless = executor.submit(sleep_ms::task(3_600_000))?;
    /// executor.shutdown(Shutdown::Kill);
    /// assert!(endless.done() && executor.stats().workers.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self, how: Shutdown) {
        let ended = &self.inner.ended;
        self.begin_shutdown(how);
        if let Shutdown::FinishWithin(time) = how
            && !ended.wait(Instant::now().checked_add(time))
        {
            self.inner.ask_to_end(ShutdownMode::Kill);
        }
        ended.wait(None);
        self.inner.lives.pools().iter().for_each(|live| live.shutdown(how));
        self.inner.bundles.iter().for_each(|bundles| bundles.wait());
    }

    /// Ends the executor without waiting. `FinishWithin` needs someone who waits: here it means `Finish`.
    ///
    /// ```
    /// # use guest_basic::value::add;
    /// use isopool::{Executor, Shutdown};
    ///
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(add::task(2, 3))?;
    /// executor.begin_shutdown(Shutdown::Finish);
    /// assert!(executor.is_shut_down());
    /// assert_eq!(future.result()?, 5);
    /// assert!(executor.wait_for_shutdown(std::time::Duration::from_secs(10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_shutdown(&self, how: Shutdown) {
        self.inner.ask_to_end(match how {
            Shutdown::Finish | Shutdown::FinishWithin(_) => ShutdownMode::Finish,
            Shutdown::CancelPending => ShutdownMode::CancelPending,
            Shutdown::Kill => ShutdownMode::Kill,
        });
        self.inner.lives.pools().iter().for_each(|live| live.begin_shutdown(how));
    }

    /// Waits until a shutdown is complete and every worker process is gone, at most `timeout`; whether it is. Does not ask for
    /// a shutdown itself: see [`begin_shutdown`](Self::begin_shutdown).
    pub fn wait_for_shutdown(&self, timeout: Duration) -> bool {
        self.inner.ended.wait(Instant::now().checked_add(timeout))
    }

    /// Whether the executor was shut down.
    pub fn is_shut_down(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
    }

    /// Why the executor is broken; `None` while it is not. A broken executor stays broken: [`get_reusable_executor`] makes a new
    /// one.
    ///
    /// [`get_reusable_executor`]: crate::get_reusable_executor
    ///
    /// ```
    /// # use guest_basic::crash::trap_unreachable;
    /// use isopool::{Containment, Executor};
    ///
    /// let executor = Executor::builder().max_workers(1).containment(Containment::Pool).build()?;
    /// assert!(executor.broken().is_none());
    /// let _ = executor.submit(trap_unreachable::task())?.result();
    /// let broken = executor.broken().expect("a trap breaks a pool with this containment");
    /// assert_eq!(broken.culprit.expect("a task did it").function(), "crash::trap_unreachable");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn broken(&self) -> Option<BrokenProcessPool> {
        self.inner.pool.status.broken.lock().clone()
    }

    /// Numbers about the pool.
    ///
    /// ```
    /// # use guest_basic::value::add;
    /// # let executor = isopool::Executor::builder().max_workers(2).build()?;
    /// executor.submit(add::task(2, 3))?.result()?;
    /// let stats = executor.stats();
    /// assert_eq!((stats.submitted, stats.finished, stats.workers_started), (1, 1, 1));
    /// println!("worker {} is process {}", stats.workers[0].index, stats.workers[0].pid);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.inner.pool.status.stats()
    }

    pub(super) fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.is_shut_down() {
            return Err(Error::shutdown());
        }
        match self.broken() {
            Some(cause) => Err(Error::broken(cause)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.broken().is_some() {
            "broken"
        } else if self.is_shut_down() {
            "shut down"
        } else {
            "open"
        };
        f.debug_struct("Executor")
            .field("id", &self.inner.id)
            .field("max_workers", &self.max_workers())
            .field("state", &state)
            .finish()
    }
}

impl Inner {
    fn ask_to_end(&self, mode: ShutdownMode) {
        self.closed.store(true, Ordering::Release);
        self.pool.room.wake_all();
        // Refused only when it has ended.
        let _ = self.pool.mailbox.send(Message::Shutdown { mode });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.ask_to_end(ShutdownMode::Finish);
    }
}
