//! The native functions of this program, by name.
//!
//! The linker puts them side by side (crate `linkme`). A registry that constructors fill would not do: a worker is taken over
//! by a constructor, which may run before those of the program's other crates.

use super::descriptors::unpack;
use crate::error::panic_text;
use crate::ipc::NativeEnd;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::sync::{self, SharedObject};
use isopool_guest::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Arc;

/// A function that a process of this program can run. See [`native`](crate::native).
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct NativeFunction {
    /// Its path in the program.
    pub name: &'static str,
    /// Takes encoded arguments, and gives the encoded result.
    pub run: fn(&[u8]) -> Result<Vec<u8>, NativeFailure>,
}

/// Why a native function gave nothing.
#[doc(hidden)]
#[derive(Debug)]
pub enum NativeFailure {
    /// It returned an error, in its own words.
    Failed(String),
    /// Its arguments or its result do not go through the codec.
    Codec(String),
}

/// All of them.
#[doc(hidden)]
#[linkme::distributed_slice]
pub static FUNCTIONS: [NativeFunction];

/// Runs one with encoded arguments: what the expansion of [`native`](crate::native) calls.
#[doc(hidden)]
pub fn invoke<A: DeserializeOwned, R: Serialize>(
    argument: &[u8],
    function: impl FnOnce(A) -> Result<R, String>,
) -> Result<Vec<u8>, NativeFailure> {
    let codec = |side: &str, error: isopool_guest::CodecError| NativeFailure::Codec(format!("{side}: {error}"));
    // Handles in anything else that the function decodes are names, as they are in a task.
    let argument = sync::provide(OBJECTS.take(), || Codec::Bincode.decode(argument));
    let argument = argument.map_err(|error| codec("the arguments do not decode", error))?;
    let result = function(argument).map_err(NativeFailure::Failed)?;
    Codec::Bincode.encode(&result).map_err(|error| codec("the result does not encode", error))
}

/// Calls a function by its name, in this process; gives what it returned with how it ended. Descriptors and objects are
/// those among its arguments.
pub(crate) fn run(
    function: &str,
    argument: &[u8],
    descriptors: Vec<OwnedFd>,
    objects: Vec<Arc<SharedObject>>,
) -> (NativeEnd, Vec<u8>) {
    let Some(found) = FUNCTIONS.iter().find(|known| known.name == function) else {
        let mut registered: Vec<String> = FUNCTIONS.iter().map(|known| known.name.to_owned()).collect();
        registered.sort_unstable();
        return (NativeEnd::Unknown { registered }, Vec::new());
    };
    let place = RefCell::new(String::new());
    OBJECTS.set(objects);
    let ran = watched(|| unpack(descriptors, || (found.run)(argument)), &place);
    let end = match ran {
        Ok(Ok(result)) => return (NativeEnd::Returned, result),
        Ok(Err(NativeFailure::Failed(message))) => NativeEnd::Failed { message: cut(message) },
        Ok(Err(NativeFailure::Codec(message))) => NativeEnd::Codec { message: cut(message) },
        Err(panic) => NativeEnd::Panicked { message: cut(words(&*panic)), place: cut(place.take()) },
    };
    (end, Vec::new())
}

thread_local! {
    /// The shared objects among the arguments of the function that is called next in this thread.
    static OBJECTS: RefCell<Vec<Arc<SharedObject>>> = const { RefCell::new(Vec::new()) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs it, catches its panic, and finds out where that was.
fn watched<T>(function: impl FnOnce() -> T, place: &RefCell<String>) -> Result<T, Box<dyn Any + Send>> {
    let before = Arc::new(std::panic::take_hook());
    let (this, others) = (std::thread::current().id(), Arc::clone(&before));
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        // The panic of a thread that the function has started is no end of the function.
        if std::thread::current().id() == this {
            PLACE.set(info.location().map(ToString::to_string).unwrap_or_default());
        } else {
            others(info);
        }
    }));
    let ran = catch_unwind(AssertUnwindSafe(function));
    std::panic::set_hook(Box::new(move |info| before(info)));
    *place.borrow_mut() = PLACE.take();
    ran
}

fn words(panic: &(dyn Any + Send)) -> String {
    panic_text(panic).unwrap_or("a value that is no text").to_owned()
}

fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    message
}

impl NativeEnd {
    /// In words, for a call that did not return.
    pub(crate) fn describe(&self, function: &str) -> String {
        match self {
            Self::Returned => format!("the native function `{function}` returned"),
            Self::Failed { message } => format!("the native function `{function}` failed: {message}"),
            Self::Panicked { message, place } if place.is_empty() => {
                format!("the native function `{function}` panicked: {message}")
            }
            Self::Panicked { message, place } => {
                format!("the native function `{function}` panicked at {place}: {message}")
            }
            Self::Codec { message } => format!("the native function `{function}`: {message}"),
            Self::Unknown { registered } if registered.is_empty() => {
                format!("the program has no native function `{function}`, nor any other")
            }
            Self::Unknown { registered } => {
                format!("the program has no native function `{function}`; it has {}", registered.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_that_nobody_registered_is_told_with_those_that_are() {
        let (end, _) = run("nowhere::nothing", &[], Vec::new(), Vec::new());
        assert_eq!(end, NativeEnd::Unknown { registered: Vec::new() });
        assert_eq!(end.describe("a"), "the program has no native function `a`, nor any other");
        let end = NativeEnd::Unknown { registered: vec!["b".into(), "c".into()] };
        assert_eq!(end.describe("a"), "the program has no native function `a`; it has b, c");
    }

    #[test]
    fn words_of_any_length_are_cut() {
        let cut = cut("ä".repeat(MAX_MESSAGE_BYTES));
        assert!(cut.len() <= MAX_MESSAGE_BYTES && cut.chars().all(|c| c == 'ä'));
    }
}
