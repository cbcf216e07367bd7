//! The part that all handles share: the object's name, and on the caller's side the object.

use super::object::Object;
use super::{BoundedSemaphore, SimpleQueue};
use super::{Condition, Event, Lock, Queue, RLock, Semaphore, SyncError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
#[cfg(not(target_family = "wasm"))]
use std::{cell::RefCell, sync::Arc};

/// The name of a shared object: 128 random bits, so that nobody can guess one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId {
    /// The first half.
    pub high: u64,
    /// The second half.
    pub low: u64,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.high, self.low)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

/// What a handle is made of. It travels as the object's name.
#[doc(hidden)]
#[derive(Clone)]
pub struct Handle {
    id: ObjectId,
    #[cfg(not(target_family = "wasm"))]
    object: Option<Arc<dyn Object>>,
    #[cfg(target_family = "wasm")]
    object: crate::wasm::Imported,
}

#[cfg(not(target_family = "wasm"))]
impl Handle {
    /// A handle of an object of this process.
    pub fn new(object: Arc<dyn Object>) -> Self {
        Self { id: object.id(), object: Some(object) }
    }

    pub(super) fn object(&self) -> Result<&dyn Object, SyncError> {
        self.object.as_deref().ok_or(SyncError::NotShared)
    }
}

#[cfg(target_family = "wasm")]
impl Handle {
    /// The host says whether it is shared.
    pub(super) fn object(&self) -> Result<&dyn Object, SyncError> {
        Ok(&self.object)
    }
}

impl Handle {
    pub(super) fn id(&self) -> ObjectId {
        self.id
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Handle {}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

#[cfg(not(target_family = "wasm"))]
thread_local! {
    /// What was serialized since the innermost `collect` of this thread began; `None` outside of one.
    static COLLECTED: RefCell<Option<Vec<Arc<dyn Object>>>> = const { RefCell::new(None) };
    /// What handles find that are deserialized in the innermost `provide` of this thread.
    static PROVIDED: RefCell<Vec<Arc<dyn Object>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `encode`, and gives the objects whose handles it has serialized, each once.
#[cfg(not(target_family = "wasm"))]
pub fn collect<R>(encode: impl FnOnce() -> R) -> (R, Vec<Arc<dyn Object>>) {
    /// Ends the scope also when `encode` panics.
    struct Outer(Option<Vec<Arc<dyn Object>>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            COLLECTED.set(self.0.take());
        }
    }
    let _outer = Outer(COLLECTED.replace(Some(Vec::new())));
    let result = encode();
    let objects = COLLECTED.take().unwrap_or_default();
    (result, objects)
}

/// Runs `decode`, in which a handle that is deserialized finds its object among these. Outside of such a scope, and when
/// its object is not there, a handle is only a name.
#[cfg(not(target_family = "wasm"))]
pub fn provide<R>(objects: Vec<Arc<dyn Object>>, decode: impl FnOnce() -> R) -> R {
    /// Ends the scope also when `decode` panics.
    struct Outer(Vec<Arc<dyn Object>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            PROVIDED.set(std::mem::take(&mut self.0));
        }
    }
    let _outer = Outer(PROVIDED.replace(objects));
    decode()
}

impl Serialize for Handle {
    /// # Errors
    /// While the arguments of a task or of a native function are encoded: the object is not in this process.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[cfg(not(target_family = "wasm"))]
        COLLECTED.with_borrow_mut(|collected| match (collected, &self.object) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(serde::ser::Error::custom(SyncError::NotShared)),
            (Some(objects), Some(object)) => {
                if !objects.iter().any(|other| other.id() == self.id) {
                    objects.push(Arc::clone(object));
                }
                Ok(())
            }
        })?;
        self.id.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = ObjectId::deserialize(deserializer)?;
        Ok(Self {
            id,
            #[cfg(not(target_family = "wasm"))]
            object: PROVIDED.with_borrow(|objects| objects.iter().find(|object| object.id() == id).map(Arc::clone)),
            #[cfg(target_family = "wasm")]
            object: crate::wasm::Imported(id),
        })
    }
}

/// What all handles have.
macro_rules! handles {
    ($($name:ident $(<$item:ident>)?),* $(,)?) => {$(
        impl $(<$item>)? $name $(<$item>)? {
            /// For `isopool`: a handle of an object of this process.
            #[doc(hidden)]
            #[must_use]
            pub fn from_handle(handle: Handle) -> Self {
                Self::wrap(handle)
            }

            /// For `isopool`: what it is made of.
            #[doc(hidden)]
            #[must_use]
            pub fn as_handle(&self) -> &Handle {
                self.handle()
            }

            /// The object's name: the same for all its handles, in every process.
            #[must_use]
            pub fn id(&self) -> ObjectId {
                self.handle().id()
            }
        }
    )*};
}

handles!(Lock, RLock, Semaphore, BoundedSemaphore, Condition, Event, Queue<T>, SimpleQueue<T>);
