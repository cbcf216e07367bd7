//! One end of a stream: its name, and who has it.

use super::{StreamError, StreamReader, StreamWriter};
use crate::sync::ObjectId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::Cell;
use std::fmt;
use std::time::Duration;

#[cfg(not(target_family = "wasm"))]
pub use native::Ends;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Place, Slot};

/// The operations of the `streams` interface of `wit/`, one to one. For `isopool` itself: users have [`StreamWriter`](super::StreamWriter) and
/// [`StreamReader`](super::StreamReader).
#[doc(hidden)]
pub trait StreamEnd {
    /// Writer: adds a chunk.
    fn write(&self, chunk: &[u8], timeout: Option<Duration>) -> Result<(), StreamError>;
    /// Reader: takes the next chunk; `None`: that was all.
    fn read(&self, timeout: Option<Duration>) -> Result<Option<Vec<u8>>, StreamError>;
    /// Writer: that was all.
    fn finish(&self) -> Result<(), StreamError>;
    /// Writer: that was not all, but nothing more comes.
    fn abandon(&self) -> Result<(), StreamError>;
    /// Reader: nothing more is wanted.
    fn close(&self) -> Result<(), StreamError>;
}

thread_local! {
    static ABANDONING: Cell<bool> = const { Cell::new(false) };
}

/// Runs something in which a writer that is dropped is abandoned, not finished: nobody has had it.
pub fn abandoning<R>(body: impl FnOnce() -> R) -> R {
    /// Ends the scope also when `body` panics.
    struct Outer(bool);
    impl Drop for Outer {
        fn drop(&mut self) {
            ABANDONING.set(self.0);
        }
    }
    let _outer = Outer(ABANDONING.replace(true));
    body()
}

/// Whether a writer that is dropped now is not to be taken for one that has finished.
pub(super) fn is_abandoning() -> bool {
    ABANDONING.get() || std::thread::panicking()
}

/// What both ends are made of. It travels as the end's name, and only among the arguments of a task.
#[doc(hidden)]
pub struct End {
    id: ObjectId,
    #[cfg(not(target_family = "wasm"))]
    slot: std::sync::Arc<Slot>,
    #[cfg(target_family = "wasm")]
    object: Option<crate::wasm::Imported>,
}

impl End {
    pub(super) fn id(&self) -> ObjectId {
        self.id
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

#[cfg(target_family = "wasm")]
impl End {
    /// Does something with it. The host says whether it is there.
    pub(super) fn with<R>(
        &self,
        operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
    ) -> Result<R, StreamError> {
        operation(self.object.as_ref().ok_or(StreamError::NotShared)?)
    }

    /// Does the last thing with it.
    pub(super) fn with_last<R>(
        &mut self,
        operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
    ) -> Result<R, StreamError> {
        operation(&self.object.take().ok_or(StreamError::NotShared)?)
    }
}

#[cfg(target_family = "wasm")]
impl Serialize for End {
    /// # Errors
    /// Always: a task cannot pass on what it was passed.
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a task cannot pass on an end of a stream: its caller passes each end to a task"))
    }
}

#[cfg(target_family = "wasm")]
impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = ObjectId::deserialize(deserializer)?;
        Ok(Self { id, object: Some(crate::wasm::Imported(id)) })
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    //! Outside of a sandbox an end is an object of the process, or was passed on.

    use super::{Deserialize, Deserializer, End, Serialize, Serializer, StreamEnd, StreamError};
    use crate::sync::{Object, ObjectId, collect_end, provided};
    use std::sync::{Arc, Mutex, PoisonError};

    /// Where the object of an end is.
    pub(crate) enum Place {
        Here(Arc<dyn Object>),
        /// With the task that it was passed to.
        Passed,
        /// It never was here: the end is only a name.
        Elsewhere,
    }

    /// The place, which others may change: a task that is refused gives its ends back.
    pub(crate) struct Slot(Mutex<Place>);

    impl Slot {
        fn new(place: Place) -> Arc<Self> {
            Arc::new(Self(Mutex::new(place)))
        }

        fn object(&self) -> Option<Arc<dyn Object>> {
            match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
                Place::Here(object) => Some(Arc::clone(object)),
                Place::Passed | Place::Elsewhere => None,
            }
        }

        /// Takes the object out, if it is here.
        pub(crate) fn pass(&self) -> Place {
            let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let after = if matches!(*place, Place::Elsewhere) { Place::Elsewhere } else { Place::Passed };
            std::mem::replace(&mut *place, after)
        }

        fn put_back(&self, object: Arc<dyn Object>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Place::Here(object);
        }
    }

    /// Ends that were passed on, as long as they can be given back.
    #[derive(Default)]
    pub struct Ends(Vec<(Arc<Slot>, Arc<dyn Object>)>);

    impl Ends {
        pub(crate) fn add(&mut self, slot: &Arc<Slot>, object: Arc<dyn Object>) {
            self.0.push((Arc::clone(slot), object));
        }

        /// Gives each back to whoever had it.
        pub fn give_back(self) {
            self.0.into_iter().for_each(|(slot, object)| slot.put_back(object));
        }
    }

    impl End {
        /// An end of this process.
        pub fn new(object: Arc<dyn Object>) -> Self {
            Self { id: object.id(), slot: Slot::new(Place::Here(object)) }
        }

        /// Does something with it.
        pub(in crate::stream) fn with<R>(
            &self,
            operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
        ) -> Result<R, StreamError> {
            let object = self.slot.object().ok_or(StreamError::NotShared)?;
            operation(object.stream_end().ok_or(StreamError::WrongKind)?)
        }

        /// Does the last thing with it.
        pub(in crate::stream) fn with_last<R>(
            &mut self,
            operation: impl FnOnce(&dyn StreamEnd) -> Result<R, StreamError>,
        ) -> Result<R, StreamError> {
            let Place::Here(object) = self.slot.pass() else { return Err(StreamError::NotShared) };
            operation(object.stream_end().ok_or(StreamError::WrongKind)?)
        }
    }

    impl Serialize for End {
        /// # Errors
        /// Anywhere but among the arguments of a task or of a native function, and when it was passed to one before.
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            collect_end(self.id, &self.slot).map_err(serde::ser::Error::custom)?;
            self.id.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for End {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let id = ObjectId::deserialize(deserializer)?;
            Ok(Self { id, slot: Slot::new(provided(id).map_or(Place::Elsewhere, Place::Here)) })
        }
    }
}

/// What both ends are to their users.
macro_rules! ends {
    ($($name:ident),*) => {$(
        impl<T> $name<T> {
            /// The end's name; that of the other one is another.
            #[must_use]
            pub fn id(&self) -> ObjectId {
                self.end.id()
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.end).finish()
            }
        }

        impl<T> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.end.serialize(serializer)
            }
        }

        impl<'de, T> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                End::deserialize(deserializer).map(Self::from_end)
            }
        }
    )*};
}

ends!(StreamReader, StreamWriter);
