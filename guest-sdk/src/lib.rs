//! Write isopool tasks: ordinary Rust functions that run in a WebAssembly sandbox.
//!
//! [`task`] makes a function a task; [`Call`] is what its stub makes for the caller; [`Codec`] is how arguments and results
//! travel; [`Bytes`] is a byte buffer that travels in one piece; [`context`] says where a task runs, and
//! [`progress()`] tells the caller how far it is; [`sync`] has what tasks share with each other and with their caller, and [`stream`]
//! sequences of chunks between them.
//!
//! ```
//! use isopool_guest::{Codec, EmbeddedModule, task};
//! # // A documentation test has no build script to compile a module.
//! # static MODULE: EmbeddedModule = EmbeddedModule { name: "tasks", wasm: b"" };
//!
//! /// Counts the words of a text.
//! #[task(module = MODULE)] // in a package with the build script, just `#[task]`
//! pub fn word_count(text: String) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! # fn main() {
//! // Still a function …
//! assert_eq!(word_count("to be".into()), 2);
//! // … and the description of a call, for an executor.
//! let call = word_count::task("to be".into());
//! assert_eq!(call.signature, "fn(text: String) -> usize");
//! assert_eq!(Codec::Json.encode(&call.arguments).unwrap(), br#"["to be"]"#);
//! # }
//! ```
//!
//! The build script of such a package is one line, `isopool_build::guest();`. The README of this crate has the whole set-up
//! and the rules.

mod call;
mod codec;
mod context;
mod dispatch;
mod guard;
mod nested;
mod progress;
mod raw;
pub mod stream;
pub mod sync;
#[cfg(target_family = "wasm")]
mod wasm;

pub use call::{Call, EmbeddedModule};
pub use codec::{Codec, CodecError};
pub use context::{TaskContext, context};
/// Makes an ordinary function a task.
///
/// In the sandbox the function registers itself under its path in the crate. For the host it stays an ordinary function, and
/// a stub of the same name stands beside it: `name::task(arguments)` makes a [`Call`] that an executor can run. `use
/// tasks::word_count` imports both.
///
/// # Options
/// `#[task(module = PATH)]` takes the module from a static [`EmbeddedModule`] instead of the build script's output.
/// `#[task(crate = PATH)]` is for crates that know `isopool-guest` by another name.
///
/// # Errors
/// A function that returns a type written `Result` fails its task when it returns `Err`:
/// ```
/// # use isopool_guest::{Call, EmbeddedModule, task};
/// # static MODULE: EmbeddedModule = EmbeddedModule { name: "tasks", wasm: b"" };
/// #[task(module = MODULE)]
/// fn parse(text: String) -> Result<u32, std::num::ParseIntError> {
///     text.trim().parse()
/// }
/// # fn main() {
/// let call: Call<(String,), u32> = parse::task("7".into());
/// # }
/// ```
///
/// A reference cannot cross a sandbox:
/// ```compile_fail
/// #[isopool_guest::task]
/// fn length(text: &str) -> usize { // error: … use `String`
///     text.len()
/// }
/// # fn main() {}
/// ```
pub use isopool_macros::task;
pub use nested::{Map, TaskError, TaskErrorKind, TaskFuture, map, submit};
pub use progress::progress;
/// A byte buffer that travels in one piece, however large: a `Vec<u8>` of serde costs a call for each byte.
///
/// It dereferences to `Vec<u8>`, and converts from and into it. `#[task]` gives a `Vec<u8>` that is an argument or the result the
/// same treatment; inside of other types it must be written.
///
/// ```
/// use isopool_guest::{Bytes, Codec};
///
/// let image = Bytes::from(vec![0xff, 0xd8]);
/// assert_eq!(Codec::Raw.encode(&image)?, [0xff, 0xd8]);
/// assert_eq!(image.into_vec(), [0xff, 0xd8]);
/// # Ok::<(), isopool_guest::CodecError>(())
/// ```
pub use serde_bytes::ByteBuf as Bytes;

/// For the code that the macros write. Not part of the public interface: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::dispatch::{
        Cause, Described, Entry, Failure, FailureKind, ViaDeref, ViaDisplay, ViaError, arguments, function_name,
        no_arguments, result, travels,
    };
    #[cfg(not(target_family = "wasm"))]
    pub use crate::sync::{Collected, collect, provide};
    #[cfg(target_family = "wasm")]
    pub use inventory;
}
