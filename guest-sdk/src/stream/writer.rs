//! The end that gives.

use super::StreamError;
use super::end::{End, is_abandoning};
use crate::Codec;
use serde::Serialize;
use std::marker::PhantomData;
use std::time::Duration;

/// The end of a stream that gives chunks. Made by `isopool::stream()`; an ordinary argument of one task.
///
/// Each chunk is encoded with [`Codec::Bincode`], whole, in the memory of the stream: nothing is sent later. To drop it
/// [finishes](Self::finish) the stream, as it does with a sender of `std::sync::mpsc`, also when a function returns early with an
/// error; in a panic it is [abandoned](Self::abandon) instead. With several threads a reference to it will do: their chunks come
/// in some order, each whole.
///
/// # Source
/// `std::sync::mpsc::SyncSender`, which is bounded in chunks only, and cannot be abandoned.
pub struct StreamWriter<T> {
    pub(super) end: End,
    chunk: PhantomData<fn(T)>,
}

impl<T> StreamWriter<T> {
    /// For `isopool`.
    #[doc(hidden)]
    #[must_use]
    pub fn from_end(end: End) -> Self {
        Self { end, chunk: PhantomData }
    }

    /// Adds a chunk. Waits while the stream is full, for as long as somebody may read.
    ///
    /// # Errors
    /// [`StreamError::Closed`]: the reader is gone, or its task has ended. [`StreamError::ChunkTooLarge`];
    /// [`StreamError::Codec`]: it cannot be encoded; [`StreamError::NotShared`]: the end was passed to a task;
    /// [`StreamError::Corrupt`], [`StreamError::System`].
    pub fn send(&self, chunk: &T) -> Result<(), StreamError>
    where
        T: Serialize,
    {
        self.write(chunk, None)
    }

    /// As [`send`](Self::send), and waits at most `timeout`; zero: not at all.
    ///
    /// # Errors
    /// Also [`StreamError::TimedOut`], and [`StreamError::Busy`] when the process at the other end is in the middle of an operation
    /// and does not come to its end.
    pub fn send_timeout(&self, chunk: &T, timeout: Duration) -> Result<(), StreamError>
    where
        T: Serialize,
    {
        self.write(chunk, Some(timeout))
    }

    fn write(&self, chunk: &T, timeout: Option<Duration>) -> Result<(), StreamError>
    where
        T: Serialize,
    {
        let bytes = Codec::Bincode.encode(chunk).map_err(|error| StreamError::of_codec::<T>(&error))?;
        self.end.with(|end| end.write(&bytes, timeout))
    }

    /// Says that the sequence is whole. The reader gets what is there, and then the end.
    ///
    /// # Errors
    /// [`StreamError::NotShared`]: the end was passed to a task.
    pub fn finish(mut self) -> Result<(), StreamError> {
        self.end.with_last(|end| end.finish())
    }

    /// Says that the sequence is not whole and that nothing more comes. The reader gets what is there, and then
    /// [`StreamError::Abandoned`].
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn abandon(mut self) -> Result<(), StreamError> {
        self.end.with_last(|end| end.abandon())
    }
}

impl<T> Drop for StreamWriter<T> {
    fn drop(&mut self) {
        // An error: it was passed to a task, finished or abandoned before.
        let _ = self.end.with_last(|end| if is_abandoning() { end.abandon() } else { end.finish() });
    }
}
