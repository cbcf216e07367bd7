//! What a shared object is, as its maker says it: nobody reads it from the object's memory.

use serde::{Deserialize, Serialize};

/// The kind of a shared object, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ObjectSpec {
    Lock,
    RLock,
    /// `max_permits`: free and taken together.
    Semaphore {
        max_permits: u32,
    },
    Condition,
    Event,
    Queue(QueueBounds),
    /// The end of a stream that gives chunks; the other end is an object over the same memory.
    StreamWriter(QueueBounds),
    /// The one that takes them.
    StreamReader(QueueBounds),
}

impl ObjectSpec {
    /// Whether it has one owner, whose end is told at the other end.
    pub(crate) fn is_stream_end(self) -> bool {
        matches!(self, Self::StreamWriter(_) | Self::StreamReader(_))
    }
}

/// How much a queue, or a stream, holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueBounds {
    /// Size of the ring, in bytes: a power of two.
    pub(crate) ring_bytes: u32,
    /// Items at one time.
    pub(crate) max_items: u32,
    /// Largest item, in bytes; it fits into the ring.
    pub(crate) max_item_bytes: u32,
}
