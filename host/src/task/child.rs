//! How a task of a task ended, for its parent.

use serde::{Deserialize, Serialize};

/// How a child ended. Its result travels beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChildEnd {
    Returned,
    Fault(ChildFault),
}

/// Why a child gave no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildFault {
    pub(crate) kind: ChildFaultKind,
    /// For a person.
    pub(crate) message: String,
}

/// What kind of fault it is: the words of `wit/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChildFaultKind {
    Failed,
    Panicked,
    Codec,
    Trapped,
    Lost,
    OutOfMemory,
    TooLarge,
    Cancelled,
    Shutdown,
    Refused,
    TimedOut,
}

impl ChildFault {
    pub(crate) fn new(kind: ChildFaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
