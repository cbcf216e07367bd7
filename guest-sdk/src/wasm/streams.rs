//! What it does: the operations on ends of streams, as calls of the host. Takes from: `stream`. Hands to: the `streams` import.
//! Never: waits or keeps anything by itself.

use super::bindings::isopool::task::streams as wit;
use super::shared::{Imported, nanoseconds};
use crate::stream::{StreamEnd, StreamError};
use std::time::Duration;

/// `size`: of the chunk that was written, in bytes.
fn told(error: wit::Error, size: usize) -> StreamError {
    match error {
        wit::Error::TimedOut => StreamError::TimedOut,
        wit::Error::Closed => StreamError::Closed,
        wit::Error::Abandoned => StreamError::Abandoned,
        wit::Error::ChunkTooLarge(limit) => StreamError::ChunkTooLarge { size: size as u64, limit },
        wit::Error::Busy => StreamError::Busy,
        wit::Error::Corrupt => StreamError::Corrupt,
        wit::Error::NotShared => StreamError::NotShared,
        wit::Error::WrongKind => StreamError::WrongKind,
        wit::Error::System(message) => StreamError::System { message },
    }
}

impl StreamEnd for Imported {
    fn write(&self, chunk: &[u8], timeout: Option<Duration>) -> Result<(), StreamError> {
        wit::write(self.id(), chunk, nanoseconds(timeout)).map_err(|error| told(error, chunk.len()))
    }

    fn read(&self, timeout: Option<Duration>) -> Result<Option<Vec<u8>>, StreamError> {
        wit::read(self.id(), nanoseconds(timeout)).map_err(|error| told(error, 0))
    }

    fn finish(&self) -> Result<(), StreamError> {
        wit::finish(self.id()).map_err(|error| told(error, 0))
    }

    fn abandon(&self) -> Result<(), StreamError> {
        wit::abandon(self.id()).map_err(|error| told(error, 0))
    }

    fn close(&self) -> Result<(), StreamError> {
        wit::close(self.id()).map_err(|error| told(error, 0))
    }
}
