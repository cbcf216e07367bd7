//! The caller's end of a task.

use crate::dispatcher::{Ended, Message, Observer, Promise, Stage, run_callback};
use crate::error::{TaskError, TaskRef};
use crate::task::{CodecFailure, Progress, Side, TaskReport};
use crate::values::NoValue;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A task that was submitted: blocking ([`result`](Self::result)) and async (`.await`, on any runtime) at once.
///
/// A clone is another handle to the same task. Dropping all of them lets the task go on;
/// [`cancel_on_drop`](Self::cancel_on_drop) makes a handle that does not. States, as in concurrent.futures: pending → running → finished,
/// or pending or running → cancelled.
///
/// # Source
/// `concurrent.futures.Future`, whose names it keeps. Better here: `running` means that the task runs, a running task
/// can be cancelled, and callbacks never hold up the pool.
///
/// ```
/// # use guest_basic::value::add;
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// let future: isopool::TaskFuture<u64> = executor.submit(add::task(2, 3))?;
/// assert_eq!(future.result()?, 5);
/// assert!(future.done() && !future.running() && !future.cancelled());
/// assert_eq!(future.result()?, 5); // as often as you like
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In async code, on any runtime:
/// ```
/// # use guest_basic::value::add;
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// async fn sum(executor: &isopool::Executor) -> Result<u64, Box<dyn std::error::Error>> {
///     Ok(executor.submit(add::task(2, 3))?.await?)
/// }
/// # let executor = isopool::Executor::builder().max_workers(1).build()?;
/// # let (mut sum, mut context) = (pin!(sum(&executor)), Context::from_waker(Waker::noop()));
/// # let answer = loop {
/// #     if let Poll::Ready(answer) = sum.as_mut().poll(&mut context) { break answer? }
/// #     std::thread::yield_now();
/// # };
/// # assert_eq!(answer, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskFuture<T> {
    pub(crate) promise: Arc<Promise>,
    result: PhantomData<fn() -> T>,
}

impl<T> TaskFuture<T> {
    pub(crate) fn new(promise: Arc<Promise>) -> Self {
        Self { promise, result: PhantomData }
    }

    /// Which task it is: its number, module and function.
    pub fn task(&self) -> &TaskRef {
        &self.promise.task
    }

    /// Whether it has ended: with a value, with an error, or cancelled.
    pub fn done(&self) -> bool {
        self.promise.ended().is_some()
    }

    /// Whether a worker runs it now. A task that was only sent to a worker does not run yet.
    pub fn running(&self) -> bool {
        self.promise.stage() == Stage::Running
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.promise.stage() == Stage::Cancelled
    }

    /// Cancels the task: one that has not begun never begins, one that runs is stopped, by default by killing its worker, which is
    /// replaced; no other task is touched. True: the task has ended as cancelled. False: it had ended before. Waits for the
    /// pool's answer, never for the task or its worker.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    ///
    /// let future = executor.submit(sleep_ms::task(3_600_000))?;
    /// assert!(future.cancel()); // whether it runs by now or not
    /// assert!(future.result().is_err_and(|error| error.is_cancelled()));
    /// assert_eq!(executor.submit(add::task(2, 3))?.result()?, 5); // the pool goes on
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let message = Message::Cancel { task: self.promise.task.id(), even_running: true, answer: Some(answer) };
        // Without a dispatcher nobody answers, and every task has ended.
        let asked = !self.done() && self.promise.mailbox.send(message).is_ok();
        (asked && answered.recv().unwrap_or(false)) || self.cancelled()
    }

    /// What it cost; `None` until it has ended, and for a task that never came to an answer of its worker.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    ///
    /// let future = executor.submit(sleep_ms::task(5))?;
    /// future.result()?;
    /// let report = future.report().expect("its worker answered");
    /// assert!(report.run_time.as_millis() >= 5);
    /// println!("{:?} in the queue, {} bytes at most", report.queue_time, report.peak_memory_bytes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn report(&self) -> Option<&TaskReport> {
        self.promise.ended()?.report.as_ref()
    }

    /// Calls `callback` with what the guest says of its progress (`isopool_guest::progress`): the latest word, at most once
    /// in [`PROGRESS_INTERVAL`](crate::limits::PROGRESS_INTERVAL), and the last one before the callbacks for the task's
    /// end. Words that a slow callback has not come to see are replaced by later ones. It runs on the thread for
    /// callbacks, so it may block; a word that came before anybody watched is told at once, on this thread. A panic in it
    /// is logged and stops nothing. Nothing is told of a task that says nothing.
    ///
    /// ```
    /// use guest_basic::progress::count_to; // calls `isopool_guest::progress(done, total, "counting")` for each number
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(count_to::task(1000))?;
    /// future.on_progress(|progress| println!("{} of {}", progress.done, progress.total));
    /// future.result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_progress(&self, callback: impl FnMut(&Progress) + Send + 'static) {
        self.promise.watch_progress(Arc::new(Mutex::new(callback)));
    }

    /// A handle that cancels the task when it is dropped, as [`cancel`](Self::cancel) does, without waiting for the answer:
    /// what async code expects of a future that loses a race.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    ///
    /// let future = executor.submit(sleep_ms::task(3_600_000))?;
    /// let watched = future.clone();
    /// drop(future.cancel_on_drop());
    /// assert!(watched.result().is_err_and(|error| error.is_cancelled()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop { future: self }
    }
}

impl<T: DeserializeOwned> TaskFuture<T> {
    /// Waits for the task to end, and gives its value. Can be called again; each call decodes the value anew.
    ///
    /// # Errors
    /// How the task ended without a value. See [`TaskError`].
    ///
    /// ```
    /// # use guest_basic::failure::fails;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let future = executor.submit(fails::task())?; // returns `Err("this task always fails")`
    /// let error = future.result().expect_err("it does");
    /// assert!(error.to_string().ends_with("failed: this task always fails"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn result(&self) -> Result<T, TaskError> {
        self.wait_until(None)
    }

    /// As [`result`](Self::result), and waits no longer than `timeout`; zero asks without waiting.
    ///
    /// # Errors
    /// Also [`TaskError::WaitTimedOut`]: the task goes on, and the wait can be repeated.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    ///
    /// # use std::time::Duration;
    /// let future = executor.submit(sleep_ms::task(3_600_000))?;
    /// let error = future.result_timeout(Duration::from_millis(10)).expect_err("it takes longer");
    /// assert!(error.is_wait_timeout() && !future.done());
    /// # future.cancel();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn result_timeout(&self, timeout: Duration) -> Result<T, TaskError> {
        match Instant::now().checked_add(timeout) {
            None => self.result(),
            Some(deadline) => self.wait_until(Some(deadline)).map_err(|error| match error {
                TaskError::WaitTimedOut { task, .. } => TaskError::WaitTimedOut { task, timeout },
                error => error,
            }),
        }
    }

    /// Waits for the task to end, and gives the error that it ended with, if any.
    ///
    /// # Source
    /// `concurrent.futures.Future.exception`.
    pub fn exception(&self) -> Option<TaskError> {
        self.result().err()
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<T, TaskError> {
        match self.promise.wait(deadline) {
            Some(ended) => self.decode(ended),
            None => Err(TaskError::WaitTimedOut { task: self.promise.task.clone(), timeout: Duration::ZERO }),
        }
    }

    fn decode(&self, ended: &Ended) -> Result<T, TaskError> {
        let bytes = ended.result.as_ref().map_err(TaskError::clone)?;
        let task = || self.promise.task.clone();
        self.promise.encoding.decode(bytes).map_err(|error| match error {
            NoValue::Failed(failure) => TaskError::Failed { task: task(), failure },
            NoValue::Unreadable(error) => TaskError::Codec {
                task: task(),
                failure: CodecFailure { side: Side::Result, message: error.to_string() },
            },
        })
    }
}

impl<T: 'static> TaskFuture<T> {
    /// Calls `callback` with this future when the task has ended: in the order of registration, once, and at once if it
    /// has ended already. It runs on a thread of its own (or on this one, if at once), so it may block, submit and wait;
    /// a panic in it is logged and stops nothing.
    ///
    /// ```
    /// # use guest_basic::{resources::sleep_ms, value::add};
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let future = executor.submit(add::task(2, 3))?;
    /// future.add_done_callback(move |future| _ = sender.send(future.result()));
    /// assert_eq!(receiver.recv()??, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&TaskFuture<T>) + Send + 'static) {
        let callback = Box::new(move |promise: &Arc<Promise>| callback(&TaskFuture::new(Arc::clone(promise))));
        if let Err(Observer::Callback(callback)) = self.promise.observe(Observer::Callback(callback)) {
            run_callback(callback, &self.promise);
        }
    }
}

impl<T: DeserializeOwned> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.promise.ended().is_none() && self.promise.observe(Observer::Waker(context.waker().clone())).is_ok() {
            return Poll::Pending;
        }
        match self.promise.ended() {
            Some(ended) => Poll::Ready(self.decode(ended)),
            None => Poll::Pending,
        }
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.promise))
    }
}

/// `TaskFuture(task 7 (word_count in texts@0123456789ab), pending)`
impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.promise.stage() {
            Stage::Pending => "pending",
            Stage::Running => "running",
            Stage::Finished => "finished",
            Stage::Cancelled => "cancelled",
        };
        write!(f, "TaskFuture({}, {stage})", self.promise.task)
    }
}

/// A future whose task is cancelled when it is dropped. See [`TaskFuture::cancel_on_drop`].
#[derive(Debug)]
pub struct CancelOnDrop<T> {
    future: TaskFuture<T>,
}

impl<T> std::ops::Deref for CancelOnDrop<T> {
    type Target = TaskFuture<T>;
    fn deref(&self) -> &TaskFuture<T> {
        &self.future
    }
}

impl<T: DeserializeOwned> Future for CancelOnDrop<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.future).poll(context)
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        cancel_unwatched(&self.future.promise, true);
    }
}

/// Cancels without waiting for the answer.
pub(super) fn cancel_unwatched(promise: &Promise, even_running: bool) {
    if promise.ended().is_none() {
        // Refused only when the dispatcher has ended, and the task with it.
        let _ = promise.mailbox.send(Message::Cancel { task: promise.task.id(), even_running, answer: None });
    }
}
