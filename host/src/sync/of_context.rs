//! Objects from a context, as `multiprocessing` has them. The start method makes no difference to them.

use super::{BoundedSemaphore, Condition, Event, Lock, Queue, RLock, Semaphore, SimpleQueue};
use crate::context::ProcessContext;
use crate::error::Error;

/// Objects that this program shares with its tasks and processes: those of [`sync`](crate::sync), under every start method.
impl ProcessContext {
    /// A new lock, free.
    ///
    /// # Errors
    /// Those of [`sync::lock`](super::lock).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use isopool::sync::{Lock, Queue, SyncError};
    ///
    /// #[isopool::native]
    /// fn tell(lock: Lock, lines: Queue<String>) -> Result<(), SyncError> {
    ///     let _alone = lock.acquire(None)?;
    ///     lines.put(&"from the process".to_owned(), None)
    /// }
    ///
    /// let context = isopool::get_context(None);
    /// let (lock, lines) = (context.lock()?, context.queue(10)?);
    /// let process = context.process(tell::call(lock.clone(), lines.clone()));
    /// process.start()?;
    /// assert_eq!(lines.get(None)?, "from the process");
    /// process.result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self) -> Result<Lock, Error> {
        super::lock()
    }

    /// A new lock, free, that its holder may take again.
    ///
    /// # Errors
    /// Those of [`sync::rlock`](super::rlock).
    pub fn rlock(&self) -> Result<RLock, Error> {
        super::rlock()
    }

    /// A new semaphore with so many permits; it may get more.
    ///
    /// # Errors
    /// Those of [`sync::semaphore`](super::semaphore).
    pub fn semaphore(&self, permits: u32) -> Result<Semaphore, Error> {
        super::semaphore(permits)
    }

    /// A new semaphore with so many permits, and never more.
    ///
    /// # Errors
    /// Those of [`sync::bounded_semaphore`](super::bounded_semaphore).
    pub fn bounded_semaphore(&self, permits: u32) -> Result<BoundedSemaphore, Error> {
        super::bounded_semaphore(permits)
    }

    /// A new condition, with a lock of its own.
    ///
    /// # Errors
    /// Those of [`sync::condition`](super::condition).
    pub fn condition(&self) -> Result<Condition, Error> {
        super::condition()
    }

    /// A new event, not set.
    ///
    /// # Errors
    /// Those of [`sync::event`](super::event).
    pub fn event(&self) -> Result<Event, Error> {
        super::event()
    }

    /// A new queue of at most `max_items` items; 0: as many as its bytes hold.
    ///
    /// # Errors
    /// Those of [`sync::queue`](super::queue).
    pub fn queue<T>(&self, max_items: u32) -> Result<Queue<T>, Error> {
        super::queue(max_items)
    }

    /// A new queue with every bound at its default.
    ///
    /// # Errors
    /// Those of [`sync::simple_queue`](super::simple_queue).
    pub fn simple_queue<T>(&self) -> Result<SimpleQueue<T>, Error> {
        super::simple_queue()
    }
}
