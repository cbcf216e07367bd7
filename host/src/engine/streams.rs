//! The `streams` interface of `wit/`: a guest's operations on the ends of streams that its task was passed.
//!
//! One that waits holds the worker's only thread. It ends by its timeout, by the end of the one at the other end, with the process,
//! or when the task is asked to stop: the signal that comes with that ends the sleep, and the claim is looked at.

use super::contract::streams as wit;
use super::ending::Stopped;
use super::guest::Guest;
use super::trap::cut;
use isopool_guest::stream::{StreamEnd, StreamError};
use isopool_guest::sync::ObjectId;
use std::time::Duration;

impl Guest {
    /// Does something with an end that the task was passed.
    fn with_end<R>(
        &self,
        id: wit::ObjectId,
        operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
    ) -> Result<R, wit::Error> {
        let object = self.object(ObjectId { high: id.high, low: id.low }).ok_or(wit::Error::NotShared)?;
        operation(object.stream_end().ok_or(wit::Error::WrongKind)?).map_err(tell)
    }

    /// As [`with_end`](Self::with_end), for operations that wait.
    fn wait_at_end<R>(
        &self,
        id: wit::ObjectId,
        operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
    ) -> wasmtime::Result<Result<R, wit::Error>> {
        match self.with_end(id, operation) {
            Err(wit::Error::TimedOut | wit::Error::Busy) if self.is_to_stop() => Err(Stopped.into()),
            ended => Ok(ended),
        }
    }
}

fn tell(error: StreamError) -> wit::Error {
    match error {
        StreamError::TimedOut => wit::Error::TimedOut,
        StreamError::Closed => wit::Error::Closed,
        StreamError::Abandoned => wit::Error::Abandoned,
        StreamError::ChunkTooLarge { limit, .. } => wit::Error::ChunkTooLarge(limit),
        StreamError::Busy => wit::Error::Busy,
        StreamError::Corrupt => wit::Error::Corrupt,
        StreamError::NotShared => wit::Error::NotShared,
        StreamError::WrongKind => wit::Error::WrongKind,
        other => wit::Error::System(cut(other.to_string())),
    }
}

impl wit::Host for Guest {
    fn write(
        &mut self,
        writer: wit::ObjectId,
        chunk: Vec<u8>,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let timeout = timeout.map(Duration::from_nanos);
        self.wait_at_end(writer, |end| end.write(&chunk, timeout, &|| self.is_to_stop()))
    }

    fn read(
        &mut self,
        reader: wit::ObjectId,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Error>> {
        let timeout = timeout.map(Duration::from_nanos);
        self.wait_at_end(reader, |end| end.read(timeout, &|| self.is_to_stop()))
    }

    fn finish(&mut self, writer: wit::ObjectId) -> Result<(), wit::Error> {
        self.with_end(writer, |end| end.finish())
    }

    fn abandon(&mut self, writer: wit::ObjectId) -> Result<(), wit::Error> {
        self.with_end(writer, |end| end.abandon())
    }

    fn close(&mut self, reader: wit::ObjectId) -> Result<(), wit::Error> {
        self.with_end(reader, |end| end.close())
    }
}
