//! The end that takes.

use super::StreamError;
use super::end::End;
use crate::Codec;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;

/// The end of a stream that takes chunks, one after another. Made by `isopool::stream()`; an ordinary argument of one task.
///
/// As an iterator it waits for each chunk, and ends with the stream, or after the first error. To drop it
/// [closes](Self::close) the stream: the writer is told that nobody wants more.
///
/// # Source
/// `std::sync::mpsc::Receiver`; unlike there a writer that died is told from one that has finished.
pub struct StreamReader<T> {
    pub(super) end: End,
    /// The iterator has given its last item.
    ended: bool,
    chunk: PhantomData<fn() -> T>,
}

impl<T> StreamReader<T> {
    /// For `isopool`.
    #[doc(hidden)]
    #[must_use]
    pub fn from_end(end: End) -> Self {
        Self { end, ended: false, chunk: PhantomData }
    }

    /// Takes the next chunk. Waits for one, for as long as somebody may write; `None`: that was all, also when asked again.
    ///
    /// # Errors
    /// [`StreamError::Abandoned`]: the writer, or its task, has ended without finishing. [`StreamError::Codec`]: what came is no
    /// `T`; [`StreamError::NotShared`]: the end was passed to a task; [`StreamError::Corrupt`], [`StreamError::System`].
    pub fn read(&self) -> Result<Option<T>, StreamError>
    where
        T: DeserializeOwned,
    {
        self.take(None)
    }

    /// As [`read`](Self::read), and waits at most `timeout`; zero: not at all.
    ///
    /// # Errors
    /// Also [`StreamError::TimedOut`], and [`StreamError::Busy`] when the process at the other end is in the middle of an operation
    /// and does not come to its end.
    pub fn read_timeout(&self, timeout: Duration) -> Result<Option<T>, StreamError>
    where
        T: DeserializeOwned,
    {
        self.take(Some(timeout))
    }

    fn take(&self, timeout: Option<Duration>) -> Result<Option<T>, StreamError>
    where
        T: DeserializeOwned,
    {
        let Some(bytes) = self.end.with(|end| end.read(timeout))? else { return Ok(None) };
        Codec::Bincode.decode(&bytes).map(Some).map_err(|error| StreamError::of_codec::<T>(&error))
    }

    /// Says that nothing more is wanted. The writer's next chunk is refused with [`StreamError::Closed`], and so is one that waits
    /// for room.
    ///
    /// # Errors
    /// [`StreamError::NotShared`]: the end was passed to a task.
    pub fn close(mut self) -> Result<(), StreamError> {
        self.end.with_last(|end| end.close())
    }
}

impl<T: DeserializeOwned> Iterator for StreamReader<T> {
    type Item = Result<T, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<T: DeserializeOwned> std::iter::FusedIterator for StreamReader<T> {}

impl<T> Drop for StreamReader<T> {
    fn drop(&mut self) {
        // An error: it was passed to a task, or closed before.
        let _ = self.end.with_last(|end| end.close());
    }
}
