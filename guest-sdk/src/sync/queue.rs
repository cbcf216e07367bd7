//! Items that travel between processes and tasks.

use super::{Handle, SyncError};
use crate::{Codec, CodecError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::time::Duration;

/// A queue of items, first in, first out, for any number of processes and tasks at both ends. A clone is another handle of
/// the same queue. Made by `isopool::sync::queue(max_items)`.
///
/// It is bounded twice: in items, if the caller says so, and in bytes, always, so `put` waits for room. An item is encoded
/// with [`Codec::Bincode`], whole, in the memory of the queue: there is no thread that sends it later, and nothing is lost
/// when its sender ends. A process that dies in the middle of a `put` has put nothing; one that dies in the middle of a `get`
/// may have taken the item with it, and no other.
///
/// # Source
/// `multiprocessing.Queue`, which is not bounded in bytes and has a feeder thread.
pub struct Queue<T>(Raw<T>);

/// A [`Queue`] with the fewest questions: bounded in bytes only. Made by `isopool::sync::simple_queue()`.
///
/// # Source
/// `multiprocessing.SimpleQueue`.
pub struct SimpleQueue<T>(Raw<T>);

/// What both are.
struct Raw<T> {
    handle: Handle,
    item: PhantomData<fn(T) -> T>,
}

impl<T> Raw<T> {
    fn put(&self, item: &T, timeout: Option<Duration>) -> Result<(), SyncError>
    where
        T: Serialize,
    {
        let bytes = Codec::Bincode.encode(item).map_err(codec_error::<T>)?;
        self.handle.object()?.put(&bytes, timeout)
    }

    fn get(&self, timeout: Option<Duration>) -> Result<T, SyncError>
    where
        T: DeserializeOwned,
    {
        let bytes = self.handle.object()?.get(timeout)?;
        Codec::Bincode.decode(&bytes).map_err(codec_error::<T>)
    }
}

fn codec_error<T>(error: CodecError) -> SyncError {
    SyncError::Codec { message: format!("{}: {error}", std::any::type_name::<T>()) }
}

macro_rules! queue {
    ($name:ident) => {
        impl<T> $name<T> {
            pub(super) fn wrap(handle: Handle) -> Self {
                Self(Raw { handle, item: PhantomData })
            }

            pub(super) fn handle(&self) -> &Handle {
                &self.0.handle
            }

            /// Adds an item. Waits for room, at most `timeout` (`None`: as long as it takes; zero: does not wait).
            ///
            /// # Errors
            /// [`SyncError::Full`]: there was no room; [`SyncError::ItemTooLarge`]; [`SyncError::Codec`]: it cannot be
            /// encoded; [`SyncError::Corrupt`]; [`SyncError::NotShared`] when the object was not passed to this task.
            pub fn put(&self, item: &T, timeout: Option<Duration>) -> Result<(), SyncError>
            where
                T: Serialize,
            {
                self.0.put(item, timeout)
            }

            /// Takes the oldest item. Waits for one, at most `timeout` (`None`: as long as it takes; zero: does not wait).
            ///
            /// # Errors
            /// [`SyncError::Empty`]: there was none; [`SyncError::Codec`]: what came is no `T`; [`SyncError::Corrupt`];
            /// [`SyncError::NotShared`] when the object was not passed to this task.
            pub fn get(&self, timeout: Option<Duration>) -> Result<T, SyncError>
            where
                T: DeserializeOwned,
            {
                self.0.get(timeout)
            }

            /// Whether it has no item at this moment.
            ///
            /// # Errors
            /// [`SyncError::Corrupt`], [`SyncError::NotShared`].
            pub fn is_empty(&self) -> Result<bool, SyncError> {
                Ok(self.handle().object()?.value()? == 0)
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self::wrap(self.handle().clone())
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(self.handle()).finish()
            }
        }

        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                self.handle() == other.handle()
            }
        }

        impl<T> Eq for $name<T> {}

        impl<T> Hash for $name<T> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.handle().hash(state);
            }
        }

        impl<T> Serialize for $name<T> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.handle().serialize(serializer)
            }
        }

        impl<'de, T> Deserialize<'de> for $name<T> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Handle::deserialize(deserializer).map(Self::wrap)
            }
        }
    };
}

queue!(Queue);
queue!(SimpleQueue);

impl<T> Queue<T> {
    /// [`put`](Self::put) that does not wait.
    ///
    /// # Errors
    /// As `put`.
    pub fn put_nowait(&self, item: &T) -> Result<(), SyncError>
    where
        T: Serialize,
    {
        self.0.put(item, Some(Duration::ZERO))
    }

    /// [`get`](Self::get) that does not wait.
    ///
    /// # Errors
    /// As `get`.
    pub fn get_nowait(&self) -> Result<T, SyncError>
    where
        T: DeserializeOwned,
    {
        self.0.get(Some(Duration::ZERO))
    }

    /// How many items it has at this moment.
    ///
    /// # Errors
    /// [`SyncError::Corrupt`], [`SyncError::NotShared`].
    pub fn qsize(&self) -> Result<u32, SyncError> {
        self.handle().object()?.value()
    }

    /// Whether it has no room at this moment, not even for an item of no bytes.
    ///
    /// # Errors
    /// As [`qsize`](Self::qsize).
    pub fn is_full(&self) -> Result<bool, SyncError> {
        self.handle().object()?.is_full()
    }
}
