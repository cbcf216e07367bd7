//! A call of a native function.

use super::descriptors::pack;
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
    result: PhantomData<fn() -> R>,
}

/// What is sent of a call.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) function: &'static str,
    /// The arguments, encoded.
    pub(crate) argument: Result<Vec<u8>, CodecError>,
    /// The descriptors among them.
    pub(crate) descriptors: Vec<Arc<OwnedFd>>,
}

impl<R> NativeCall<R> {
    /// For the stubs that [`native`](crate::native) makes.
    #[doc(hidden)]
    pub fn new<A: Serialize>(function: &'static str, arguments: &A) -> Self {
        let (argument, descriptors) = pack(|| Codec::Bincode.encode(arguments));
        Self { function, argument, descriptors, result: PhantomData }
    }

    /// The name of the function: its path in the program.
    pub fn function(&self) -> &'static str {
        self.function
    }

    pub(crate) fn into_parts(self) -> Parts {
        Parts { function: self.function, argument: self.argument, descriptors: self.descriptors }
    }
}

impl<R> Clone for NativeCall<R> {
    fn clone(&self) -> Self {
        let (argument, descriptors) = (self.argument.clone(), self.descriptors.clone());
        Self { function: self.function, argument, descriptors, result: PhantomData }
    }
}

impl<R> fmt::Debug for NativeCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeCall").field("function", &self.function).finish_non_exhaustive()
    }
}
