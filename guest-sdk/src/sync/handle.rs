//! The part that all handles share: the object's name, and on the caller's side the object.

use super::object::Object;
use super::{BoundedSemaphore, SimpleQueue};
use super::{Condition, Event, Lock, Queue, RLock, Semaphore, SyncError};
#[cfg(not(target_family = "wasm"))]
use crate::stream::{Ends, Place, Slot};
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
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
    /// What handles find that are deserialized in the innermost `provide` of this thread.
    static PROVIDED: RefCell<Vec<Arc<dyn Object>>> = const { RefCell::new(Vec::new()) };
}

/// What was serialized while arguments were encoded.
#[cfg(not(target_family = "wasm"))]
#[derive(Default)]
pub struct Collected {
    /// Each once.
    pub objects: Vec<Arc<dyn Object>>,
    /// Those of them that are ends of streams: whoever has them now owes something.
    pub ends: Ends,
}

/// Runs `encode`, and gives the objects whose handles it has serialized.
#[cfg(not(target_family = "wasm"))]
pub fn collect<R>(encode: impl FnOnce() -> R) -> (R, Collected) {
    /// Ends the scope also when `encode` panics.
    struct Outer(Option<Collected>);
    impl Drop for Outer {
        fn drop(&mut self) {
            COLLECTED.set(self.0.take());
        }
    }
    let _outer = Outer(COLLECTED.replace(Some(Collected::default())));
    let result = encode();
    let collected = COLLECTED.take().unwrap_or_default();
    (result, collected)
}

/// Passes an end of a stream on, in the innermost `collect` of this thread.
///
/// # Errors
/// In words: there is no such scope, or the end is not here to be passed.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn collect_end(id: ObjectId, slot: &Arc<Slot>) -> Result<(), String> {
    COLLECTED.with_borrow_mut(|collected| {
        let Some(Collected { objects, ends }) = collected else {
            return Err("an end of a stream travels among the arguments of a task, and nowhere else".to_owned());
        };
        match slot.pass() {
            Place::Here(object) => {
                objects.push(Arc::clone(&object));
                ends.add(slot, object);
                Ok(())
            }
            Place::Passed => Err(format!("the end {id} of a stream was passed to a task before: an end has one owner")),
            Place::Elsewhere => Err(crate::stream::StreamError::NotShared.to_string()),
        }
    })
}

/// What a handle finds that is deserialized now.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn provided(id: ObjectId) -> Option<Arc<dyn Object>> {
    PROVIDED.with_borrow(|objects| objects.iter().find(|object| object.id() == id).map(Arc::clone))
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
    // What does not become an argument was nobody's.
    crate::stream::abandoning(decode)
}

impl Serialize for Handle {
    /// # Errors
    /// While the arguments of a task or of a native function are encoded: the object is not in this process.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[cfg(not(target_family = "wasm"))]
        COLLECTED.with_borrow_mut(|collected| match (collected, &self.object) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(serde::ser::Error::custom(SyncError::NotShared)),
            (Some(Collected { objects, .. }), Some(object)) => {
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
            object: provided(id),
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
