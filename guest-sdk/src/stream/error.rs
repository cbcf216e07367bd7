//! Why an operation on a stream failed.

use crate::CodecError;
use crate::sync::SyncError;

/// Why an operation on a stream failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The timeout is over: no chunk came, or there was no room for one. The stream goes on.
    #[error("no chunk came, or there was no room for one, before the timeout")]
    TimedOut,
    /// Nobody reads any more, so there is no use in writing; or the stream was finished before.
    #[error("the stream is closed: its reader is gone, or it was finished before")]
    Closed,
    /// The writer has ended before it had finished: its task trapped, was killed or cancelled, or left it.
    #[error("the stream was abandoned: its writer ended before it had finished")]
    Abandoned,
    /// A chunk is larger than the stream takes; both sizes in bytes.
    #[error(
        "a chunk of {size} bytes is over the stream's limit of {limit}; send smaller chunks, or make the stream with a higher \
         max_chunk_bytes"
    )]
    ChunkTooLarge {
        /// The encoded chunk.
        size: u64,
        /// The stream's limit.
        limit: u64,
    },
    /// The process at the other end has been in the middle of an operation for too long: it was stopped, or it lies.
    #[error("the process at the other end has not finished its operation on the stream")]
    Busy,
    /// What stands in the stream's memory makes no sense: another process has overwritten it.
    #[error("the stream's memory holds what no operation leaves there; another process has overwritten it")]
    Corrupt,
    /// The end is not here: it was passed to a task, or its name came otherwise than among the arguments.
    #[error("the end of the stream is not here: an end is the task's that it was passed to, among its arguments")]
    NotShared,
    /// Writing to the end that reads, reading from the one that writes, or either with another object.
    #[error("the object is no such end of a stream")]
    WrongKind,
    /// A chunk could not be encoded or decoded. One that does not decode has left the stream.
    #[error("a chunk cannot be converted: {message}")]
    Codec {
        /// What the codec said.
        message: String,
    },
    /// The operating system refused something; in its words.
    #[error("the operating system refused: {message}")]
    System {
        /// What it said.
        message: String,
    },
}

impl StreamError {
    pub(super) fn of_codec<T>(error: &CodecError) -> Self {
        Self::Codec { message: format!("{}: {error}", std::any::type_name::<T>()) }
    }
}

/// For `isopool`: what a stream's queue says, in the words of streams.
impl From<SyncError> for StreamError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::TimedOut | SyncError::Full | SyncError::Empty => Self::TimedOut,
            SyncError::ItemTooLarge { size, limit } => Self::ChunkTooLarge { size, limit },
            SyncError::Busy => Self::Busy,
            SyncError::Corrupt => Self::Corrupt,
            SyncError::NotShared => Self::NotShared,
            SyncError::WrongKind => Self::WrongKind,
            other => Self::System { message: other.to_string() },
        }
    }
}
