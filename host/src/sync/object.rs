//! One object: its memory, and which of its operations its kind has.

use super::condition::{self, Condition};
use super::deadline::Deadline;
use super::event::{self, Event};
use super::holder::ProcessMark;
use super::mutex::{Mutex, Taken};
use super::queue::{self, Queue};
use super::rlock::{self, RLock};
use super::semaphore::{self, Semaphore};
use super::stream::{self, Known, Side, Stream};
use crate::sys::SharedMemory;
use crate::task::{ObjectSpec, QueueBounds};
use isopool_guest::stream::{Ends, StreamEnd, StreamError};
use isopool_guest::sync::{Object, ObjectId, SyncError};
use std::any::Any;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// A shared object, mapped into this process.
#[derive(Debug)]
pub(crate) struct SharedObject {
    id: ObjectId,
    spec: ObjectSpec,
    memory: SharedMemory,
    /// What to send to a process that is to share the object; `None` in one that shares it with nobody.
    file: Option<Arc<OwnedFd>>,
    /// Of an end of a stream that was made in this process: what nobody else can overwrite.
    known: Option<Arc<Known>>,
}

/// The object as its kind.
enum View<'m> {
    Lock(Mutex<'m>),
    RLock(RLock<'m>),
    Semaphore(Semaphore<'m>),
    Condition(Condition<'m>),
    Event(Event<'m>),
    Queue(Queue<'m>),
    Stream(Stream<'m>),
}

fn bytes(spec: &ObjectSpec) -> usize {
    match spec {
        ObjectSpec::Lock => Mutex::BYTES,
        ObjectSpec::RLock => rlock::BYTES,
        ObjectSpec::Semaphore { .. } => semaphore::BYTES,
        ObjectSpec::Condition => condition::BYTES,
        ObjectSpec::Event => event::BYTES,
        ObjectSpec::Queue(bounds) => queue::bytes(bounds),
        ObjectSpec::StreamWriter(bounds) | ObjectSpec::StreamReader(bounds) => stream::bytes(bounds),
    }
}

fn new_id() -> io::Result<ObjectId> {
    let bits = crate::sys::random_bits()?;
    Ok(ObjectId { high: (bits >> 64) as u64, low: bits as u64 })
}

/// The shared objects among the arguments of a call.
#[derive(Default)]
pub(crate) struct Collected {
    /// Each once.
    pub(crate) objects: Vec<Arc<SharedObject>>,
    /// By which the ends of streams among them can be given back to their handles.
    pub(crate) ends: Ends,
}

/// Runs `encode`, and gives the objects whose handles it has serialized.
pub(crate) fn collect<R>(encode: impl FnOnce() -> R) -> (R, Collected) {
    let (result, collected) = isopool_guest::__private::collect(encode);
    let ours = "only this room makes objects, outside of a sandbox";
    let objects = collected.objects.into_iter().map(|object| object.into_any().downcast().expect(ours)).collect();
    (result, Collected { objects, ends: collected.ends })
}

/// Runs `decode`, in which a handle that is deserialized finds its object among these.
pub(crate) fn provide<R>(objects: Vec<Arc<SharedObject>>, decode: impl FnOnce() -> R) -> R {
    isopool_guest::__private::provide(objects.into_iter().map(|object| object as Arc<dyn Object>).collect(), decode)
}

/// Two are equal when they are the same object.
impl PartialEq for SharedObject {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SharedObject {}

impl SharedObject {
    /// A new object; a semaphore has no permits yet.
    pub(super) fn create(spec: ObjectSpec) -> io::Result<Self> {
        let (memory, file) = SharedMemory::create("isopool-object", bytes(&spec))?;
        Ok(Self { id: new_id()?, spec, memory, file: Some(Arc::new(file)), known: None })
    }

    /// A new stream: the end that gives, and the one that takes.
    pub(crate) fn create_stream(bounds: QueueBounds) -> io::Result<(Self, Self)> {
        let known = Arc::new(Known::default());
        let (memory, file) = SharedMemory::create("isopool-object", stream::bytes(&bounds))?;
        let (other, file) = (SharedMemory::open(file.as_fd(), stream::bytes(&bounds))?, Arc::new(file));
        let end = |id, spec, memory, file, known| Self { id, spec, memory, file: Some(file), known: Some(known) };
        let writer = end(new_id()?, ObjectSpec::StreamWriter(bounds), memory, Arc::clone(&file), Arc::clone(&known));
        Ok((writer, end(new_id()?, ObjectSpec::StreamReader(bounds), other, file, known)))
    }

    /// The object behind a descriptor that this process got with its name and kind. It shares it with nobody, and need not
    /// keep the descriptor.
    pub(crate) fn open(id: ObjectId, spec: ObjectSpec, file: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { id, spec, memory: SharedMemory::open(file, bytes(&spec))?, file: None, known: None })
    }

    /// As [`open`](Self::open), in a process that may share the object in its turn.
    pub(crate) fn open_to_share(id: ObjectId, spec: ObjectSpec, file: OwnedFd) -> io::Result<Self> {
        let memory = SharedMemory::open(file.as_fd(), bytes(&spec))?;
        Ok(Self { id, spec, memory, file: Some(Arc::new(file)), known: None })
    }

    pub(crate) fn spec(&self) -> ObjectSpec {
        self.spec
    }

    /// What to send to a process that is to share the object, if this process can share it.
    pub(crate) fn descriptor(&self) -> Option<&Arc<OwnedFd>> {
        self.file.as_ref()
    }

    /// Gives back what a process holds that has ended, or whose task has. Never waits.
    pub(crate) fn take_from(&self, process: ProcessMark) {
        match self.view() {
            View::Lock(lock) => lock.take_from(process),
            View::RLock(lock) => lock.mutex.take_from(process),
            View::Semaphore(semaphore) => semaphore.take_from(process),
            View::Condition(condition) => condition.take_from(process),
            View::Event(_) => {}
            View::Queue(queue) => queue.take_from(process),
            View::Stream(stream) => stream.take_from(process),
        }
    }

    /// The task or process that had it has ended: of a stream, the other end is told, unless it was told something before.
    /// Never waits.
    pub(crate) fn owner_has_ended(&self) {
        if let View::Stream(stream) = self.view() {
            stream.owner_has_ended();
        }
    }

    fn view(&self) -> View<'_> {
        let memory = &self.memory;
        match self.spec {
            ObjectSpec::Lock => View::Lock(Mutex::new(memory, 0)),
            ObjectSpec::RLock => View::RLock(RLock::new(memory)),
            ObjectSpec::Semaphore { max_permits } => View::Semaphore(Semaphore::new(memory, max_permits)),
            ObjectSpec::Condition => View::Condition(Condition::new(memory)),
            ObjectSpec::Event => View::Event(Event::new(memory)),
            ObjectSpec::Queue(bounds) => View::Queue(Queue::new(memory, bounds)),
            ObjectSpec::StreamWriter(bounds) => View::Stream(self.stream(bounds, Side::Writer)),
            ObjectSpec::StreamReader(bounds) => View::Stream(self.stream(bounds, Side::Reader)),
        }
    }

    fn stream(&self, bounds: QueueBounds, side: Side) -> Stream<'_> {
        Stream::new(&self.memory, bounds, side, self.known.as_deref())
    }

    fn as_stream(&self) -> Result<Stream<'_>, StreamError> {
        let View::Stream(stream) = self.view() else { return Err(StreamError::WrongKind) };
        Ok(stream)
    }

    pub(super) fn begin_with(&self, permits: u32) {
        if let View::Semaphore(semaphore) = self.view() {
            semaphore.begin(permits);
        }
    }

    #[cfg(debug_assertions)]
    pub(super) fn memory(&self) -> &SharedMemory {
        &self.memory
    }
}

impl Object for SharedObject {
    fn id(&self) -> ObjectId {
        self.id
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn stream_end(&self) -> Option<&dyn StreamEnd> {
        self.spec.is_stream_end().then_some(self as &dyn StreamEnd)
    }

    fn acquire(&self, timeout: Option<Duration>) -> Result<bool, SyncError> {
        let until = Deadline::after(timeout);
        match self.view() {
            View::Lock(lock) => lock.lock(until).map(|taken| taken == Taken::Abandoned),
            View::RLock(lock) => lock.acquire(until),
            View::Condition(condition) => condition.lock.acquire(until),
            View::Semaphore(semaphore) => semaphore.acquire(until).map(|()| false),
            View::Event(_) | View::Queue(_) | View::Stream(_) => Err(SyncError::WrongKind),
        }
    }

    fn release(&self) -> Result<(), SyncError> {
        match self.view() {
            View::Lock(lock) => lock.unlock(),
            View::RLock(lock) => lock.release(),
            View::Condition(condition) => condition.lock.release(),
            View::Semaphore(semaphore) => semaphore.release(),
            View::Event(_) | View::Queue(_) | View::Stream(_) => Err(SyncError::WrongKind),
        }
    }

    fn post(&self) -> Result<(), SyncError> {
        let View::Semaphore(semaphore) = self.view() else { return Err(SyncError::WrongKind) };
        semaphore.post()
    }

    fn forget(&self) -> Result<(), SyncError> {
        let View::Semaphore(semaphore) = self.view() else { return Err(SyncError::WrongKind) };
        semaphore.forget()
    }

    fn value(&self) -> Result<u32, SyncError> {
        match self.view() {
            View::Semaphore(semaphore) => semaphore.value(),
            View::Queue(queue) => queue.len(),
            _ => Err(SyncError::WrongKind),
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, SyncError> {
        let until = Deadline::after(timeout);
        match self.view() {
            View::Event(event) => event.wait(until),
            View::Condition(condition) => condition.wait(until),
            _ => Err(SyncError::WrongKind),
        }
    }

    fn notify(&self, count: u32) -> Result<u32, SyncError> {
        let View::Condition(condition) = self.view() else { return Err(SyncError::WrongKind) };
        condition.notify(count)
    }

    fn set(&self, set: bool) -> Result<(), SyncError> {
        let View::Event(event) = self.view() else { return Err(SyncError::WrongKind) };
        event.set(set);
        Ok(())
    }

    fn is_set(&self) -> Result<bool, SyncError> {
        let View::Event(event) = self.view() else { return Err(SyncError::WrongKind) };
        Ok(event.is_set())
    }

    fn put(&self, item: &[u8], timeout: Option<Duration>) -> Result<(), SyncError> {
        let View::Queue(queue) = self.view() else { return Err(SyncError::WrongKind) };
        queue.put(item, Deadline::after(timeout))
    }

    fn get(&self, timeout: Option<Duration>) -> Result<Vec<u8>, SyncError> {
        let View::Queue(queue) = self.view() else { return Err(SyncError::WrongKind) };
        queue.get(Deadline::after(timeout))
    }

    fn is_full(&self) -> Result<bool, SyncError> {
        let View::Queue(queue) = self.view() else { return Err(SyncError::WrongKind) };
        queue.is_full()
    }
}

/// The last of whoever had an end of a stream is gone. In a worker that says nothing: the caller knows better how a task has ended.
impl Drop for SharedObject {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.owner_has_ended();
        }
    }
}

impl StreamEnd for SharedObject {
    fn write(&self, chunk: &[u8], timeout: Option<Duration>) -> Result<(), StreamError> {
        self.as_stream()?.write(chunk, Deadline::after(timeout))
    }

    fn read(&self, timeout: Option<Duration>) -> Result<Option<Vec<u8>>, StreamError> {
        self.as_stream()?.read(Deadline::after(timeout))
    }

    fn finish(&self) -> Result<(), StreamError> {
        self.as_stream()?.finish()
    }

    fn abandon(&self) -> Result<(), StreamError> {
        self.as_stream()?.abandon()
    }

    fn close(&self) -> Result<(), StreamError> {
        self.as_stream()?.close()
    }
}
