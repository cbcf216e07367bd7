//! What it does: the operations on shared objects, as calls of the host. Takes from: `sync`. Hands to: the `sync` import.
//! Never: waits or keeps anything by itself.

use super::bindings::isopool::task::sync as wit;
use crate::sync::{Object, ObjectId, SyncError};
use std::time::Duration;

/// An object that the host has, if it was passed to this task.
#[derive(Clone)]
pub(crate) struct Imported(pub(crate) ObjectId);

impl Imported {
    pub(super) fn id(&self) -> wit::ObjectId {
        wit::ObjectId { high: self.0.high, low: self.0.low }
    }
}

/// More than 584 years is as long as it takes.
pub(super) fn nanoseconds(timeout: Option<Duration>) -> Option<u64> {
    timeout.and_then(|timeout| u64::try_from(timeout.as_nanos()).ok())
}

/// `size`: of the item that was put, in bytes.
fn told(error: wit::Error, size: usize) -> SyncError {
    match error {
        wit::Error::TimedOut => SyncError::TimedOut,
        wit::Error::Full => SyncError::Full,
        wit::Error::Empty => SyncError::Empty,
        wit::Error::NotOwner => SyncError::NotOwner,
        wit::Error::OverReleased => SyncError::OverReleased,
        wit::Error::ItemTooLarge(limit) => SyncError::ItemTooLarge { size: size as u64, limit },
        wit::Error::TooMany(places) => SyncError::TooMany { places },
        wit::Error::Busy => SyncError::Busy,
        wit::Error::Corrupt => SyncError::Corrupt,
        wit::Error::NotShared => SyncError::NotShared,
        wit::Error::WrongKind => SyncError::WrongKind,
        wit::Error::System(message) => SyncError::System { message },
    }
}

fn answer<T>(answer: Result<T, wit::Error>) -> Result<T, SyncError> {
    answer.map_err(|error| told(error, 0))
}

impl Object for Imported {
    fn acquire(&self, timeout: Option<Duration>) -> Result<bool, SyncError> {
        answer(wit::acquire(self.id(), nanoseconds(timeout)))
    }

    fn release(&self) -> Result<(), SyncError> {
        answer(wit::release(self.id()))
    }

    fn post(&self) -> Result<(), SyncError> {
        answer(wit::post(self.id()))
    }

    fn forget(&self) -> Result<(), SyncError> {
        answer(wit::forget(self.id()))
    }

    fn value(&self) -> Result<u32, SyncError> {
        answer(wit::value(self.id()))
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, SyncError> {
        answer(wit::wait(self.id(), nanoseconds(timeout)))
    }

    fn notify(&self, count: u32) -> Result<u32, SyncError> {
        answer(wit::notify(self.id(), count))
    }

    fn set(&self, set: bool) -> Result<(), SyncError> {
        answer(wit::set(self.id(), set))
    }

    fn is_set(&self) -> Result<bool, SyncError> {
        answer(wit::is_set(self.id()))
    }

    fn put(&self, item: &[u8], timeout: Option<Duration>) -> Result<(), SyncError> {
        wit::put(self.id(), item, nanoseconds(timeout)).map_err(|error| told(error, item.len()))
    }

    fn get(&self, timeout: Option<Duration>) -> Result<Vec<u8>, SyncError> {
        answer(wit::get(self.id(), nanoseconds(timeout)))
    }

    fn is_full(&self) -> Result<bool, SyncError> {
        answer(wit::is_full(self.id()))
    }
}
