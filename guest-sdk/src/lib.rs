//! Write isopool tasks: ordinary Rust functions that run in a WebAssembly sandbox.
#![doc = include_str!("../README.md")]
//!
//! # What is where
//! [`task`] makes a function a task; [`Call`] is what its stub makes for the caller; [`Codec`] is how arguments and results
//! travel; [`Bytes`] is a byte buffer that travels as a whole; [`context`] says where a task runs.

mod call;
mod codec;
mod context;
mod dispatch;
mod guard;
mod raw;
#[cfg(target_family = "wasm")]
mod wasm;

pub use call::{Call, EmbeddedModule};
pub use codec::{Codec, CodecError};
pub use context::{TaskContext, context};
pub use isopool_macros::task;
pub use serde_bytes::ByteBuf as Bytes;

/// For the code that the macros write. Not part of the public interface: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::dispatch::{
        Cause, Described, Entry, Failure, FailureKind, ViaDeref, ViaDisplay, ViaError, arguments, function_name,
        no_arguments, result, travels,
    };
    #[cfg(target_family = "wasm")]
    pub use inventory;
}
