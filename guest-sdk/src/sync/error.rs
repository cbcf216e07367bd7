//! Why an operation on a shared object failed.

/// Why an operation on a shared object failed. After each of them the object is as it was before, unless its text says
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The timeout is over, and what was waited for did not come.
    #[error("what was waited for did not come before the timeout")]
    TimedOut,
    /// The queue has no room for the item, and got none before the timeout.
    #[error("the queue is full")]
    Full,
    /// The queue has no item, and got none before the timeout.
    #[error("the queue is empty")]
    Empty,
    /// A lock was released, or a condition used, by one that does not hold the lock.
    #[error("the lock is not held by this thread of this process")]
    NotOwner,
    /// A semaphore would have more permits than it may have.
    #[error("the semaphore was released more often than it was acquired")]
    OverReleased,
    /// An item is larger than the queue takes; both sizes in bytes.
    #[error(
        "an item of {size} bytes is over the queue's limit of {limit}; make the queue with a higher max_item_bytes"
    )]
    ItemTooLarge {
        /// The encoded item.
        size: u64,
        /// The queue's limit.
        limit: u64,
    },
    /// More processes or threads hold permits or wait for a condition than the object has places for.
    #[error("all {places} places of the object are taken by others that hold it or wait for it")]
    TooMany {
        /// How many there are.
        places: u32,
    },
    /// Another process has been in the middle of an operation on the object for too long: it was stopped, or it lies.
    #[error("another process has not finished its operation on the object")]
    Busy,
    /// What stands in the object's memory makes no sense: another process has overwritten it.
    #[error("the object's memory holds what no operation leaves there; another process has overwritten it")]
    Corrupt,
    /// The object was not passed to this task or native function, or its handle came otherwise than among the arguments.
    #[error("the object is not here: a task can use the objects that are among its arguments, and no others")]
    NotShared,
    /// The handle is of another kind than the object, for example a lock's handle of a queue.
    #[error("the object is of another kind than the handle")]
    WrongKind,
    /// An item could not be encoded or decoded. One that does not decode has left the queue.
    #[error("an item cannot be converted: {message}")]
    Codec {
        /// What the codec said.
        message: String,
    },
    /// The operating system refused something; in its words.
    #[error("the operating system refused: {message}")]
    System {
        /// What it said.
        message: String,
    },
}
