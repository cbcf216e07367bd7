//! How objects are made.

use super::object::SharedObject;
use super::queue::size_in_ring;
use super::{BoundedSemaphore, Condition, Event, Lock, Queue, RLock, Semaphore, SimpleQueue};
use crate::error::{Error, ErrorKind};
use crate::limits::{DEFAULT_QUEUE_BYTES, MAX_PERMITS, MAX_QUEUE_BYTES, MIN_QUEUE_BYTES};
use crate::task::{ObjectSpec, QueueBounds};
use isopool_guest::sync::Handle;
use std::sync::Arc;

fn create(spec: ObjectSpec, permits: u32) -> Result<Handle, Error> {
    let object = SharedObject::create(spec).map_err(|error| {
        let message = "a shared object could not be made: no descriptor or no memory is left";
        Error::new(ErrorKind::System, message).with_source(error)
    })?;
    object.begin_with(permits);
    Ok(Handle::new(Arc::new(object)))
}

/// A new lock, free.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.Lock()`.
///
/// ```
/// let lock = isopool::sync::lock()?;
/// let guard = lock.acquire(None).expect("nobody has it");
/// assert!(lock.acquire(Some(std::time::Duration::ZERO)).is_err());
/// drop(guard);
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn lock() -> Result<Lock, Error> {
    create(ObjectSpec::Lock, 0).map(Lock::from_handle)
}

/// A new lock, free, that its holder may take again.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.RLock()`.
///
/// ```
/// let lock = isopool::sync::rlock()?;
/// let outer = lock.acquire(None).expect("nobody has it");
/// let inner = lock.acquire(None).expect("it is ours");
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn rlock() -> Result<RLock, Error> {
    create(ObjectSpec::RLock, 0).map(RLock::from_handle)
}

/// A new semaphore with so many permits; it may get more.
///
/// # Errors
/// [`ErrorKind::InvalidOption`]: more than [`MAX_PERMITS`]. [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.Semaphore(value)`.
///
/// ```
/// let semaphore = isopool::sync::semaphore(0)?;
/// semaphore.release().expect("a signal");
/// semaphore.acquire(None).and_then(|permit| permit.forget()).expect("it came");
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn semaphore(permits: u32) -> Result<Semaphore, Error> {
    checked_permits(permits)?;
    create(ObjectSpec::Semaphore { max_permits: MAX_PERMITS }, permits).map(Semaphore::from_handle)
}

/// A new semaphore with so many permits, and never more.
///
/// # Errors
/// As [`semaphore`].
///
/// # Source
/// `multiprocessing.BoundedSemaphore(value)`.
///
/// ```
/// let semaphore = isopool::sync::bounded_semaphore(2)?;
/// let permit = semaphore.acquire(None).expect("there are two");
/// assert_eq!(semaphore.value(), Ok(1));
/// drop(permit);
/// assert!(semaphore.release().is_err());
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn bounded_semaphore(permits: u32) -> Result<BoundedSemaphore, Error> {
    checked_permits(permits)?;
    create(ObjectSpec::Semaphore { max_permits: permits }, permits).map(BoundedSemaphore::from_handle)
}

fn checked_permits(permits: u32) -> Result<(), Error> {
    if permits > MAX_PERMITS {
        return Err(Error::invalid(format!("a semaphore has at most {MAX_PERMITS} permits, not {permits}")));
    }
    Ok(())
}

/// A new condition, with a lock of its own.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.Condition()`.
///
/// ```
/// let condition = isopool::sync::condition()?;
/// let guard = condition.acquire(None).expect("nobody has it");
/// assert_eq!(guard.notify_all(), Ok(0), "nobody waits");
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn condition() -> Result<Condition, Error> {
    create(ObjectSpec::Condition, 0).map(Condition::from_handle)
}

/// A new event, not set.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.Event()`.
///
/// ```
/// let event = isopool::sync::event()?;
/// event.set().expect("it is here");
/// assert_eq!(event.wait(None), Ok(true));
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn event() -> Result<Event, Error> {
    create(ObjectSpec::Event, 0).map(Event::from_handle)
}

/// The bounds of a queue.
///
/// ```
/// use isopool::sync::{QueueOptions, queue_with};
///
/// let queue = queue_with::<Vec<u8>>(QueueOptions::default().capacity_bytes(16 << 20).max_items(100))?;
/// # Ok::<(), isopool::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until a queue is made with them"]
pub struct QueueOptions {
    max_items: u32,
    capacity_bytes: usize,
    max_item_bytes: Option<usize>,
}

/// What the bounds are of.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) whole: &'static str,
    pub(crate) parts: &'static str,
}

const QUEUE: Words = Words { whole: "queue", parts: "items" };

impl Default for QueueOptions {
    fn default() -> Self {
        Self { max_items: 0, capacity_bytes: DEFAULT_QUEUE_BYTES, max_item_bytes: None }
    }
}

impl QueueOptions {
    /// Most items at one time. Default: 0, which means as many as its bytes hold.
    pub fn max_items(self, items: u32) -> Self {
        Self { max_items: items, ..self }
    }

    /// Most bytes at one time, rounded up to a power of two: each item takes its encoded size, rounded up to a multiple of 8,
    /// and 8 bytes. From [`MIN_QUEUE_BYTES`] to [`MAX_QUEUE_BYTES`]. Default: [`DEFAULT_QUEUE_BYTES`].
    pub fn capacity_bytes(self, bytes: usize) -> Self {
        Self { capacity_bytes: bytes, ..self }
    }

    /// Largest encoded item, in bytes; at most what the whole capacity holds. Default: a quarter of the capacity.
    pub fn max_item_bytes(self, bytes: usize) -> Self {
        Self { max_item_bytes: Some(bytes), ..self }
    }

    fn bounds(self) -> Result<QueueBounds, Error> {
        self.bounds_of(QUEUE)
    }

    /// What they come to, told in the words of whatever has them.
    pub(crate) fn bounds_of(self, words: Words) -> Result<QueueBounds, Error> {
        let Words { whole, parts } = words;
        let capacity = self.capacity_bytes;
        if !(MIN_QUEUE_BYTES..=MAX_QUEUE_BYTES).contains(&capacity) {
            let range = format!("{MIN_QUEUE_BYTES} to {MAX_QUEUE_BYTES}");
            return Err(Error::invalid(format!("a {whole}'s capacity_bytes is {range}, not {capacity}")));
        }
        let capacity = capacity.next_power_of_two();
        let max_item = self.max_item_bytes.unwrap_or(capacity / 4);
        let most = capacity - size_in_ring(0) as usize;
        if max_item > most {
            let message = format!("a {whole} of {capacity} bytes holds {parts} of up to {most} bytes, not {max_item}");
            return Err(Error::invalid(format!("{message}; raise capacity_bytes()")));
        }
        let fits = "it is below MAX_QUEUE_BYTES, which is less than 2³²";
        Ok(QueueBounds {
            ring_bytes: u32::try_from(capacity).expect(fits),
            max_items: if self.max_items == 0 { u32::MAX } else { self.max_items },
            max_item_bytes: u32::try_from(max_item).expect(fits),
        })
    }
}

/// A new queue of at most `max_items` items (0: as many as fit) and [`DEFAULT_QUEUE_BYTES`].
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.Queue(maxsize)`.
///
/// ```
/// use isopool::sync::{SyncError, queue};
///
/// let numbers = queue::<u64>(1)?;
/// assert_eq!(numbers.put_nowait(&7), Ok(()));
/// assert_eq!(numbers.put_nowait(&8), Err(SyncError::Full));
/// assert_eq!(numbers.get(None), Ok(7));
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn queue<T>(max_items: u32) -> Result<Queue<T>, Error> {
    queue_with(QueueOptions::default().max_items(max_items))
}

/// A new queue with bounds of one's own.
///
/// # Errors
/// [`ErrorKind::InvalidOption`]: a bound is out of its range. [`ErrorKind::System`]: no descriptor or no memory is left.
pub fn queue_with<T>(options: QueueOptions) -> Result<Queue<T>, Error> {
    create(ObjectSpec::Queue(options.bounds()?), 0).map(Queue::from_handle)
}

/// A new queue with every bound at its default.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// # Source
/// `multiprocessing.SimpleQueue()`.
///
/// ```
/// let words = isopool::sync::simple_queue::<String>()?;
/// words.put(&"word".into(), None).expect("there is room");
/// assert_eq!(words.is_empty(), Ok(false));
/// # Ok::<(), isopool::Error>(())
/// ```
pub fn simple_queue<T>() -> Result<SimpleQueue<T>, Error> {
    create(ObjectSpec::Queue(QueueOptions::default().bounds()?), 0).map(SimpleQueue::from_handle)
}
