//! What it does: makes streams: sequences of chunks, with back-pressure, between tasks and their caller.
//! Takes from: the user. Hands to: sync, which operates the ends.
//! Never: operates an end itself; copies a chunk from one task to another.
//!
//! The types are those of [`isopool_guest::stream`], the same in a task and here. [`stream`](fn@stream) makes the two ends; one
//! goes to a task as an ordinary argument and the other one stays, or each goes to a task, and the chunks pass between their
//! workers without coming by here.
//!
//! ```
//! use guest_basic::streams::double; // `fn(numbers: StreamReader<u64>, doubled: StreamWriter<u64>) -> Result<u64, StreamError>`
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let executor = isopool::Executor::builder().max_workers(1).build()?;
//! let (numbers, for_task) = isopool::stream::<u64>()?;
//! let (from_task, doubled) = isopool::stream::<u64>()?;
//! let task = executor.submit(double::task(for_task, from_task))?;
//!
//! for number in 0..3 {
//!     numbers.send(&number)?; // waits while the stream is full
//! }
//! numbers.finish()?;
//! let doubled: Result<Vec<u64>, _> = doubled.collect(); // until the task has finished its stream
//! assert_eq!(doubled?, [0, 2, 4]);
//! assert_eq!(task.result()?, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Who has an end
//! An end has one owner. To submit it moves it to the task, and when the task has ended, in whatever way, the other end is told
//! before the future shows it: also when the task never ran. To pass it a second time is an error. A call of a
//! [`LiveInstance`](crate::LiveInstance) has it for that one call. A task cannot pass an end on, to a task of its own or in its result,
//! and none travels in an item of a queue, to a [`Process`](crate::Process) or to an initializer: each of these is an error in words.
//! A task that is run again ([`Task::retries`](crate::Task::retries)) goes on where its streams stand.
//!
//! Tasks at both ends of a stream run at the same time: a pool needs a worker for each of them.
//!
//! # To end in the middle
//! Drop the reader, and the task's next `send` fails: it can end by itself. Cancel the future, or let its time be over, and the task is
//! stopped, also while it waits for a stream; the one at the other end gets the chunks that are there, and then
//! [`StreamError::Abandoned`] or [`StreamError::Closed`].
//!
//! # In async code
//! [`read`](StreamReader::read) and [`send`](StreamWriter::send) block their thread: what they wait for is a change of memory that
//! another process makes, which no runtime can watch. Call them where your runtime has threads for that (`spawn_blocking` of
//! tokio); there is no thread of ours behind each wait.

mod create;

pub use create::{StreamOptions, stream, stream_with};
pub use isopool_guest::stream::{StreamError, StreamReader, StreamWriter};
