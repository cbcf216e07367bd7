//! The `streams` interface of `wit/`: a guest's operations on the ends of streams that its task was passed.
//!
//! One that waits holds the worker's only thread. It ends by its timeout, with the process, or with either end of the stream: so also when
//! the task is to stop, because the caller ends what a task has before it shows the end.

use super::contract::streams as wit;
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
    fn write(&mut self, writer: wit::ObjectId, chunk: Vec<u8>, timeout: Option<u64>) -> Result<(), wit::Error> {
        self.with_end(writer, |end| end.write(&chunk, timeout.map(Duration::from_nanos)))
    }

    fn read(&mut self, reader: wit::ObjectId, timeout: Option<u64>) -> Result<Option<Vec<u8>>, wit::Error> {
        self.with_end(reader, |end| end.read(timeout.map(Duration::from_nanos)))
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
