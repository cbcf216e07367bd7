//! Calls of host functions: what modules import of their caller, and how a call ends.

use super::FunctionType;
use serde::{Deserialize, Serialize};

/// A function that a module imports, and its caller implements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostFunctionInfo {
    /// `my:pkg/host@1.0.0#lookup`; a function that belongs to no interface has its name alone.
    pub name: String,
    /// What it takes and gives.
    pub ty: FunctionType,
}

/// Why a call of a host function gave nothing, and its task has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostFault {
    /// Which function, as the module imports it.
    pub function: String,
    /// What kind of fault it is.
    pub kind: HostFaultKind,
    /// For a person: what happened, with the limit and how to raise it where one was reached.
    pub message: String,
}

/// See [`HostFault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum HostFaultKind {
    /// The closure returned an error, and the import's type has no place for it.
    Failed,
    /// The closure panicked.
    Panicked,
    /// It had not answered in time.
    TimedOut,
    /// The arguments or the result are larger than the limit.
    TooLarge,
    /// The task has made more calls than it may.
    TooMany,
    /// An argument or the result is not of the import's type.
    WrongType,
    /// Only tasks can call host functions, and only while they run.
    Refused,
}

impl HostFault {
    pub(crate) fn new(function: &str, kind: HostFaultKind, message: impl Into<String>) -> Self {
        Self { function: function.to_owned(), kind, message: message.into() }
    }
}

/// How a call ended. What the function returned travels beside it, by its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HostAnswer {
    Returned,
    Fault(HostFault),
}
