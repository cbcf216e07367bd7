//! What it does: sequences of chunks, with back-pressure, between a task and its caller or two tasks.
//! Takes from: tasks, and programs that use `isopool`. Hands to: the `streams` import, or the caller's own end.
//! Never: waits by itself; keeps a chunk.
//!
//! The caller makes both ends (`isopool::stream()`) and passes one to a task, or each to a task, as an ordinary argument. An end
//! has one owner: passing it on moves it, and it is no `Clone`.
//!
//! ```
//! use isopool_guest::stream::{StreamError, StreamReader, StreamWriter};
//!
//! // With `#[isopool_guest::task]` in front this is a task.
//! pub fn matching(lines: StreamReader<String>, word: String, found: StreamWriter<String>) -> Result<u64, StreamError> {
//!     let mut count = 0;
//!     for line in lines {
//!         let line = line?;
//!         if line.contains(&word) {
//!             found.send(&line)?; // waits while nobody takes; an error when nobody wants more
//!             count += 1;
//!         }
//!     }
//!     found.finish()?;
//!     Ok(count)
//! }
//! # fn main() {}
//! ```
//!
//! # How it ends
//! | what happens | the other end |
//! |---|---|
//! | the writer is finished, or dropped | the reader gets the chunks that are there, and then the end |
//! | [`StreamWriter::abandon`]; the writer is dropped in a panic; the writer's task traps, is killed or cancelled, or leaves it unfinished | the reader gets the chunks that are there, and then [`StreamError::Abandoned`] |
//! | the reader is closed or dropped, or its task has ended in any way | the writer gets [`StreamError::Closed`], also when it waits for room |
//!
//! # Bytes
//! A chunk of bytes is a [`Bytes`](crate::Bytes): it travels in one piece. A `Vec<u8>` would be encoded byte by byte.

mod end;
mod error;
mod reader;
mod writer;

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub use end::Ends;
#[doc(hidden)]
pub use end::{End, StreamEnd, abandoning};
#[cfg(not(target_family = "wasm"))]
pub(crate) use end::{Place, Slot};
pub use error::StreamError;
pub use reader::StreamReader;
pub use writer::StreamWriter;
