//! A call of a native function.

use super::descriptors::pack;
use crate::error::Error;
use crate::limits::MAX_CALL_OBJECTS;
use crate::sync::{self, SharedObject};
use isopool_guest::{Codec, CodecError};
use serde::Serialize;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// One call of a native function of this program, which gives an `R`: function and arguments. Nothing runs until it is given
/// to [`ProcessContext::process`](crate::ProcessContext::process) or
/// [`ExecutorBuilder::native_initializer`](crate::ExecutorBuilder::native_initializer).
///
/// Made by the stub that [`native`](crate::native) puts beside a function: `count::call(7)`.
#[must_use = "a call does nothing until a process runs it"]
pub struct NativeCall<R> {
    function: &'static str,
    argument: Result<Vec<u8>, CodecError>,
    descriptors: Vec<Arc<OwnedFd>>,
    objects: Vec<Arc<SharedObject>>,
    result: PhantomData<fn() -> R>,
}

/// What is sent of a call. Two are equal when they call the same function with the same arguments.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) function: &'static str,
    /// The arguments, encoded.
    pub(crate) argument: Result<Vec<u8>, CodecError>,
    /// The descriptors among them.
    pub(crate) descriptors: Vec<Arc<OwnedFd>>,
    /// The shared objects whose handles are among them.
    pub(crate) objects: Vec<Arc<SharedObject>>,
}

impl<R> NativeCall<R> {
    /// For the stubs that [`native`](crate::native) makes.
    #[doc(hidden)]
    pub fn new<A: Serialize>(function: &'static str, arguments: &A) -> Self {
        let ((argument, descriptors), shared) = sync::collect(|| pack(|| Codec::Bincode.encode(arguments)));
        Self { function, argument, descriptors, objects: shared.objects, result: PhantomData }
    }

    /// The name of the function: its path in the program.
    pub fn function(&self) -> &'static str {
        self.function
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Self { function, argument, descriptors, objects, result: _ } = self;
        Parts { function, argument, descriptors, objects }
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        // A place among the arguments says which descriptor, not what it is of.
        let places = (self.descriptors.iter().map(Arc::as_ptr), other.descriptors.iter().map(Arc::as_ptr));
        self.function == other.function
            && self.argument == other.argument
            && self.objects == other.objects
            && places.0.eq(places.1)
    }
}

impl Eq for Parts {}

impl Parts {
    /// The encoded arguments; `what` names the function in the error.
    ///
    /// # Errors
    /// They do not encode, hold an end of a stream, or more shared objects than one call may.
    pub(crate) fn encoded(&self, what: &str) -> Result<&[u8], Error> {
        let function = self.function;
        let count = self.objects.len();
        if count > MAX_CALL_OBJECTS {
            return Err(Error::invalid(format!(
                "the arguments of the {what} `{function}` hold {count} shared objects; a call takes at most \
                 {MAX_CALL_OBJECTS} (limits::MAX_CALL_OBJECTS)"
            )));
        }
        // Nobody watches such a process all its life, and so nobody could tell the other end of its death.
        if self.objects.iter().any(|object| object.spec().is_stream_end()) {
            return Err(Error::invalid(format!(
                "the arguments of the {what} `{function}` hold an end of a stream, which goes to tasks only; use a queue of \
                 isopool::sync"
            )));
        }
        self.argument.as_deref().map_err(|error| {
            let message = format!("the arguments of the {what} `{function}` do not encode: {error}");
            Error::invalid(message).with_source(error.clone())
        })
    }
}

impl<R> Clone for NativeCall<R> {
    fn clone(&self) -> Self {
        let (argument, descriptors) = (self.argument.clone(), self.descriptors.clone());
        Self { function: self.function, argument, descriptors, objects: self.objects.clone(), result: PhantomData }
    }
}

impl<R> fmt::Debug for NativeCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeCall").field("function", &self.function).finish_non_exhaustive()
    }
}
