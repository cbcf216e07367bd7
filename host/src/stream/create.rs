//! How streams are made.

use super::{StreamReader, StreamWriter};
use crate::error::{Error, ErrorKind};
#[cfg(doc)]
use crate::limits::{DEFAULT_QUEUE_BYTES, MAX_QUEUE_BYTES, MIN_QUEUE_BYTES};
use crate::sync::{QueueOptions, SharedObject, Words};
use isopool_guest::stream::End;
use std::sync::Arc;

const STREAM: Words = Words { whole: "stream", parts: "chunks" };

/// The bounds of a stream: how far its writer may be ahead of its reader.
///
/// ```
/// use isopool::stream::{StreamError, StreamOptions, stream_with};
/// use std::time::Duration;
///
/// let (writer, reader) = stream_with::<String>(StreamOptions::default().max_chunks(1))?;
/// writer.send(&"first".into())?;
/// assert_eq!(writer.send_timeout(&"second".into(), Duration::ZERO), Err(StreamError::TimedOut));
/// assert_eq!(reader.read()?.as_deref(), Some("first"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing until a stream is made with them"]
pub struct StreamOptions(QueueOptions);

impl StreamOptions {
    /// Most chunks that are written and not read. Default: 0, which means as many as its bytes hold.
    pub fn max_chunks(self, chunks: u32) -> Self {
        Self(self.0.max_items(chunks))
    }

    /// Most bytes that are written and not read, rounded up to a power of two: each chunk takes its encoded size, rounded up to a
    /// multiple of 8, and 8 bytes. From [`MIN_QUEUE_BYTES`] to [`MAX_QUEUE_BYTES`]. Default: [`DEFAULT_QUEUE_BYTES`].
    pub fn capacity_bytes(self, bytes: usize) -> Self {
        Self(self.0.capacity_bytes(bytes))
    }

    /// Largest encoded chunk, in bytes; at most what the whole capacity holds. Default: a quarter of the capacity.
    pub fn max_chunk_bytes(self, bytes: usize) -> Self {
        Self(self.0.max_item_bytes(bytes))
    }
}

/// A new stream, with every bound at its default: a mebibyte, and chunks of up to a quarter of that.
///
/// # Errors
/// [`ErrorKind::System`]: no descriptor or no memory is left.
///
/// ```
/// let (writer, reader) = isopool::stream::<u64>()?;
/// writer.send(&7)?;
/// drop(writer);
/// assert_eq!(reader.collect::<Result<Vec<_>, _>>()?, [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stream<T>() -> Result<(StreamWriter<T>, StreamReader<T>), Error> {
    stream_with(StreamOptions::default())
}

/// A new stream with bounds of one's own.
///
/// # Errors
/// [`ErrorKind::InvalidOption`]: a bound is out of its range. [`ErrorKind::System`]: no descriptor or no memory is left.
pub fn stream_with<T>(options: StreamOptions) -> Result<(StreamWriter<T>, StreamReader<T>), Error> {
    let bounds = options.0.bounds_of(STREAM)?;
    let (writer, reader) = SharedObject::create_stream(bounds).map_err(|error| {
        let message = "a stream could not be made: no descriptor or no memory is left";
        Error::new(ErrorKind::System, message).with_source(error)
    })?;
    let end = |object| End::new(Arc::new(object));
    Ok((StreamWriter::from_end(end(writer)), StreamReader::from_end(end(reader))))
}
