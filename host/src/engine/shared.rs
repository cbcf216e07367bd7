//! The `sync` interface of `wit/`: a guest's operations on the objects that its task was passed.
//!
//! An operation that waits holds the worker's only thread, and ends with it: by its timeout, or with the process.

use super::contract::sync as wit;
use super::guest::Guest;
use super::trap::cut;
use isopool_guest::sync::{Object, ObjectId, SyncError};
use std::time::Duration;

impl Guest {
    /// Does something with an object that the task was passed.
    fn with<R>(
        &self,
        id: wit::ObjectId,
        operation: impl FnOnce(&dyn Object) -> Result<R, SyncError>,
    ) -> Result<R, wit::Error> {
        let object = self.object(ObjectId { high: id.high, low: id.low }).ok_or(wit::Error::NotShared)?;
        operation(&**object).map_err(tell)
    }
}

fn time(nanoseconds: Option<u64>) -> Option<Duration> {
    nanoseconds.map(Duration::from_nanos)
}

fn tell(error: SyncError) -> wit::Error {
    match error {
        SyncError::TimedOut => wit::Error::TimedOut,
        SyncError::Full => wit::Error::Full,
        SyncError::Empty => wit::Error::Empty,
        SyncError::NotOwner => wit::Error::NotOwner,
        SyncError::OverReleased => wit::Error::OverReleased,
        SyncError::ItemTooLarge { limit, .. } => wit::Error::ItemTooLarge(limit),
        SyncError::TooMany { places } => wit::Error::TooMany(places),
        SyncError::Busy => wit::Error::Busy,
        SyncError::Corrupt => wit::Error::Corrupt,
        SyncError::NotShared => wit::Error::NotShared,
        SyncError::WrongKind => wit::Error::WrongKind,
        other => wit::Error::System(cut(other.to_string())),
    }
}

impl wit::Host for Guest {
    fn acquire(&mut self, object: wit::ObjectId, timeout: Option<u64>) -> Result<bool, wit::Error> {
        self.with(object, |object| object.acquire(time(timeout)))
    }

    fn release(&mut self, object: wit::ObjectId) -> Result<(), wit::Error> {
        self.with(object, Object::release)
    }

    fn post(&mut self, object: wit::ObjectId) -> Result<(), wit::Error> {
        self.with(object, Object::post)
    }

    fn forget(&mut self, object: wit::ObjectId) -> Result<(), wit::Error> {
        self.with(object, Object::forget)
    }

    fn value(&mut self, object: wit::ObjectId) -> Result<u32, wit::Error> {
        self.with(object, Object::value)
    }

    fn wait(&mut self, object: wit::ObjectId, timeout: Option<u64>) -> Result<bool, wit::Error> {
        self.with(object, |object| object.wait(time(timeout)))
    }

    fn notify(&mut self, object: wit::ObjectId, count: u32) -> Result<u32, wit::Error> {
        self.with(object, |object| object.notify(count))
    }

    fn set(&mut self, object: wit::ObjectId, value: bool) -> Result<(), wit::Error> {
        self.with(object, |object| object.set(value))
    }

    fn is_set(&mut self, object: wit::ObjectId) -> Result<bool, wit::Error> {
        self.with(object, Object::is_set)
    }

    fn put(&mut self, object: wit::ObjectId, item: Vec<u8>, timeout: Option<u64>) -> Result<(), wit::Error> {
        self.with(object, |object| object.put(&item, time(timeout)))
    }

    fn get(&mut self, object: wit::ObjectId, timeout: Option<u64>) -> Result<Vec<u8>, wit::Error> {
        self.with(object, |object| object.get(time(timeout)))
    }

    fn is_full(&mut self, object: wit::ObjectId) -> Result<bool, wit::Error> {
        self.with(object, Object::is_full)
    }
}
