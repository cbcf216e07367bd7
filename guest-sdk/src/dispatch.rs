//! What it does: the glue between a task's function and its bytes: decode the arguments, encode the result, tell a failure.
//! Takes from: the code that `#[task]` and `task!` write. Hands to: the runner in `wasm/`.
//! Never: names a WIT type, so that it can be tested outside a sandbox.

use crate::{Codec, CodecError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::fmt::Display;
use std::ops::Deref;

/// The longest chain of causes that is told; a longer one is cut.
const CAUSES_MAX: usize = 32;

/// One function of a module, as it registers itself.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name in the module: its path in the crate.
    pub name: &'static str,
    /// The package that it is written in.
    pub package: &'static str,
    /// Whether that package is the one that the module is made from, not a dependency of it.
    pub root: bool,
    /// Its signature, as the stubs write it.
    pub signature: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// Whether it takes and gives byte buffers only, so that the `raw` codec works.
    pub raw: bool,
    /// Decodes the arguments, calls it, encodes the result. Takes the bytes, so that their memory serves again for the
    /// result: pages that a fresh instance touches for the first time cost more than the copy.
    pub run: fn(Codec, Vec<u8>) -> Result<Vec<u8>, Failure>,
}

/// Why a run gave no value; the meaning of each is in `wit/isopool.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The function returned an error.
    Failed,
    /// The argument bytes are not what the function takes.
    ArgumentCodec,
    /// The result could not be encoded.
    ResultCodec,
    /// No function has this name.
    UnknownFunction,
    /// The function does not speak this codec.
    UnknownCodec,
}

/// A failed task: an answer, not a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// For a person.
    pub message: String,
    /// The causes, outermost first.
    pub trace: Vec<String>,
}

impl Failure {
    /// A failure without causes.
    pub fn new(kind: FailureKind, message: String) -> Self {
        Self { kind, message, trace: Vec::new() }
    }

    /// What a function's own error becomes.
    pub fn failed((message, trace): Described) -> Self {
        Self { kind: FailureKind::Failed, message, trace }
    }
}

/// The function's name in its module: the path without the crate, which is all that differs between two builds of it.
///
/// # Panics
/// Never for what `module_path!` gives; otherwise at compile time, because only constants use it.
pub const fn function_name(path: &'static str) -> &'static str {
    let bytes = path.as_bytes();
    let mut at = 0;
    while at + 2 < bytes.len() {
        if bytes[at] == b':' && bytes[at + 1] == b':' {
            return path.split_at(at + 2).1;
        }
        at += 1;
    }
    panic!("a function's path begins with its crate")
}

/// Fails to compile, at the type's place, for a type that cannot cross the sandbox.
pub const fn travels<T: Serialize + DeserializeOwned>() {}

/// Decodes the tuple of arguments.
///
/// # Errors
/// [`FailureKind::ArgumentCodec`], naming the signature.
#[allow(clippy::needless_pass_by_value)] // dropped here: see `Entry::run`
pub fn arguments<T: DeserializeOwned>(codec: Codec, bytes: Vec<u8>, signature: &str) -> Result<T, Failure> {
    // An end of a stream that came with something that does not decode was nobody's.
    let arguments = crate::stream::abandoning(|| codec.decode(&bytes));
    arguments.map_err(|error| argument_failure(codec, signature, &error))
}

/// Checks that there are no arguments: nothing at all, or what the codec writes for an empty tuple, list or nothing.
///
/// # Errors
/// [`FailureKind::ArgumentCodec`], naming the signature.
pub fn no_arguments(codec: Codec, bytes: Vec<u8>, signature: &str) -> Result<(), Failure> {
    #[cfg(feature = "json")]
    if codec == Codec::Json && matches!(bytes.trim_ascii(), b"[]" | b"") {
        return Ok(());
    }
    arguments(codec, bytes, signature)
}

/// Encodes the result.
///
/// # Errors
/// [`FailureKind::ResultCodec`], naming the signature.
pub fn result<T: Serialize>(codec: Codec, value: &T, signature: &str) -> Result<Vec<u8>, Failure> {
    codec.encode(value).map_err(|error| {
        let message = format!("the result of `{signature}` cannot be encoded as {}: {error}", codec.name());
        Failure::new(FailureKind::ResultCodec, message)
    })
}

fn argument_failure(codec: Codec, signature: &str, error: &CodecError) -> Failure {
    let message = format!("the {} bytes given are not the arguments of `{signature}`: {error}", codec.name());
    Failure::new(FailureKind::ArgumentCodec, message)
}

/// An error's message and its causes.
pub type Described = (String, Vec<String>);

/// An error to describe. Method look-up picks the first of [`ViaError`], [`ViaDeref`], [`ViaDisplay`] that the error's
/// type allows (autoref specialisation), so that any type that can be displayed will do, and causes are kept if there are
/// any: `(&&&Cause(&error)).describe()`.
pub struct Cause<'a, E>(pub &'a E);

/// For types that are `std::error::Error`.
pub trait ViaError {
    /// Message and causes.
    fn describe(&self) -> Described;
}

impl<E: Error> ViaError for &&Cause<'_, E> {
    fn describe(&self) -> Described {
        (self.0.to_string(), causes(self.0.source()))
    }
}

/// For boxes of errors: `Box<dyn Error>`, `anyhow::Error`.
pub trait ViaDeref {
    /// Message and causes.
    fn describe(&self) -> Described;
}

impl<E: Display + Deref<Target: Error>> ViaDeref for &Cause<'_, E> {
    fn describe(&self) -> Described {
        (self.0.to_string(), causes(self.0.deref().source()))
    }
}

/// For types that can only be displayed.
pub trait ViaDisplay {
    /// The message.
    fn describe(&self) -> Described;
}

impl<E: Display> ViaDisplay for Cause<'_, E> {
    fn describe(&self) -> Described {
        (self.0.to_string(), Vec::new())
    }
}

fn causes(first: Option<&(dyn Error + 'static)>) -> Vec<String> {
    std::iter::successors(first, |cause| (*cause).source()).take(CAUSES_MAX).map(ToString::to_string).collect()
}

#[cfg(test)]
#[allow(clippy::needless_borrow)] // which borrow is needless is what the specialisation is about
mod tests {
    use super::*;

    fn describe_parse_error() -> Described {
        let error = "x".parse::<u32>().expect_err("x is not a number");
        (&&&Cause(&error)).describe()
    }

    #[test]
    fn causes_are_told_where_the_type_has_them() {
        let outer = std::io::Error::other(std::fmt::Error);
        let boxed: Box<dyn Error + Send + Sync> = Box::new(CodecError::new("inner"));
        assert_eq!(describe_parse_error(), ("invalid digit found in string".into(), vec![]));
        assert_eq!((&&&Cause(&outer)).describe().0, outer.to_string());
        assert_eq!((&&&Cause(&boxed)).describe(), ("inner".into(), vec![]));
        assert_eq!((&&&Cause(&"only text")).describe(), ("only text".into(), vec![]));
    }

    #[test]
    fn an_error_with_a_cause_tells_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] CodecError);
        let described = (&&&Cause(&Outer(CodecError::new("inner")))).describe();
        assert_eq!(described, ("outer".into(), vec!["inner".into()]));
        let boxed: Box<dyn Error> = Box::new(Outer(CodecError::new("inner")));
        assert_eq!((&&&Cause(&boxed)).describe(), ("outer".into(), vec!["inner".into()]));
    }

    #[test]
    fn the_crate_is_not_part_of_a_function_s_name() {
        assert_eq!(function_name("tasks::count"), "count");
        assert_eq!(function_name("tasks::text::count"), "text::count");
    }

    #[test]
    fn no_arguments_may_be_written_in_several_ways() {
        for codec in [Codec::Bincode, Codec::Raw] {
            assert_eq!(no_arguments(codec, Vec::new(), "fn()"), Ok(()));
            assert!(no_arguments(codec, b"1".to_vec(), "fn()").is_err(), "{codec:?}");
        }
        #[cfg(feature = "json")]
        for bytes in [&b""[..], b"[]", b" [] ", b"null"] {
            assert_eq!(no_arguments(Codec::Json, bytes.to_vec(), "fn()"), Ok(()));
        }
        #[cfg(feature = "json")]
        assert!(no_arguments(Codec::Json, b"[1]".to_vec(), "fn()").is_err());
    }
}
