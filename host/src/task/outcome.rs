//! How a task ended, in the words of the worker that ran it.

use super::LimitExceeded;
use crate::limits::{MAX_MESSAGE_BYTES, MAX_TRACE_ENTRIES};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A guest's own error: what its function returned as `Err`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The error, displayed.
    pub message: String,
    /// Its causes and stack frames, outermost first; may be empty. A frame begins with `at `.
    pub trace: Vec<String>,
}

/// A place in a guest's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// The file, as the guest's compiler named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 when it is not known.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// Whose memory was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MemoryBound {
    /// The task's own: [`max_memory_bytes`](crate::ExecutorBuilder::max_memory_bytes).
    Instance,
    /// The worker process's, which is also its other instances', arguments' and results':
    /// [`max_worker_memory_bytes`](crate::ExecutorBuilder::max_worker_memory_bytes).
    Worker,
}

impl MemoryBound {
    /// The option that raises it.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Instance => "max_memory_bytes()",
            Self::Worker => "max_worker_memory_bytes()",
        }
    }
}

/// A guest's panic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// Where it was raised, when the guest knows.
    pub location: Option<Location>,
    /// The guest's stack, innermost first, each frame with its number.
    pub backtrace: Vec<String>,
}

/// Why WebAssembly code could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TrapCode {
    /// `unreachable` was executed: an abort, an assertion, a panic without a hook.
    Unreachable,
    /// A load or store outside of the linear memory. A guest that overruns its own stack ends here too.
    MemoryOutOfBounds,
    /// The native stack of the guest is used up.
    StackOverflow,
    /// A table was read or written outside of its bounds.
    TableOutOfBounds,
    /// An indirect call went to an empty table element.
    IndirectCallToNull,
    /// An indirect call went to a function of another type.
    BadSignature,
    /// An integer overflowed in a division or conversion.
    IntegerOverflow,
    /// An integer was divided by zero.
    IntegerDivisionByZero,
    /// A float was not representable as the integer asked for.
    BadConversionToInteger,
    /// The guest used up its fuel.
    OutOfFuel,
    /// The guest was interrupted.
    Interrupt,
    /// The guest called `exit` with this code: a task returns, it does not exit.
    Exit(i32),
    /// Another trap; its message says which.
    Other,
}

/// A trap: the guest's code could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// The engine's words.
    pub message: String,
    /// The guest's stack, innermost first, each frame with its number; at most [`MAX_TRACE_ENTRIES`](crate::limits::MAX_TRACE_ENTRIES) frames.
    pub backtrace: Vec<String>,
}

/// Which bytes of a task a codec could not handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    /// The arguments, on their way to the guest.
    Argument,
    /// The result, on its way back.
    Result,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Argument => "argument",
            Side::Result => "result",
        })
    }
}

/// Bytes that were not the value expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodecFailure {
    /// Argument or result.
    pub side: Side,
    /// What went wrong, with the name of the type.
    pub message: String,
}

/// How a task ended inside a worker that lived to tell. The result's bytes travel beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The function returned; the payload is its encoded result.
    Returned,
    /// The function returned an error.
    Failed(Failure),
    /// The guest panicked.
    Panicked(Panic),
    /// Bytes did not decode or encode.
    Codec(CodecFailure),
    /// The guest trapped.
    Trapped(Trap),
    /// The guest asked for more memory than its limit, both in bytes. `peak` is what it held before.
    OutOfMemory { bound: MemoryBound, limit: u64, peak: u64 },
    /// The result is larger than the limit, both in bytes. It was not copied: `size` is what it has at least.
    ResultTooLarge { size: u64, limit: u64 },
    /// The worker could not load or start the module.
    ModuleFailed(String),
    /// Something that the task is granted cannot be reached any more.
    GrantFailed(String),
    /// The task went over one of its limits.
    LimitExceeded(LimitExceeded),
    /// The task was stopped, as the caller has asked. Nobody waits for it any more.
    Stopped,
    /// A call of a host function has ended it.
    HostFunction(super::HostFault),
}

impl Outcome {
    /// Whether its texts are as short, and its lists, as a worker makes them.
    pub(crate) fn is_within_limits(&self) -> bool {
        let none = &[][..];
        let (text, list) = match self {
            Outcome::Returned
            | Outcome::OutOfMemory { .. }
            | Outcome::ResultTooLarge { .. }
            | Outcome::LimitExceeded(_)
            | Outcome::Stopped => return true,
            Outcome::Failed(Failure { message, trace }) => (message, &trace[..]),
            Outcome::Panicked(Panic { message, location, backtrace }) => {
                let file = location.as_ref().map_or("", |location| &location.file);
                if file.len() > MAX_MESSAGE_BYTES {
                    return false;
                }
                (message, &backtrace[..])
            }
            Outcome::Codec(CodecFailure { side: _, message }) => (message, none),
            Outcome::Trapped(Trap { code: _, message, backtrace }) => (message, &backtrace[..]),
            Outcome::ModuleFailed(message) | Outcome::GrantFailed(message) => (message, none),
            Outcome::HostFunction(fault) if fault.function.len() > MAX_MESSAGE_BYTES => return false,
            Outcome::HostFunction(fault) => (&fault.message, none),
        };
        list.len() <= MAX_TRACE_ENTRIES && list.iter().chain([text]).all(|text| text.len() <= MAX_MESSAGE_BYTES)
    }
}
