//! What it does: tasks that take what is shared and keep it. Never: gives it back.

use crate::only_in_a_sandbox;
use isopool_guest::sync::{Event, Lock, Queue, Semaphore, SyncError};
use isopool_guest::{Bytes, task};

/// Takes a lock, and ends with it in its hands.
///
/// # Errors
/// It was not passed.
#[task]
pub fn lock(lock: Lock) -> Result<(), SyncError> {
    only_in_a_sandbox();
    std::mem::forget(lock.acquire(None)?);
    Ok(())
}

/// Takes a lock, and computes for ever.
///
/// # Errors
/// It was not passed.
#[task]
pub fn lock_and_spin(lock: Lock) -> Result<(), SyncError> {
    only_in_a_sandbox();
    let _held = lock.acquire(None)?;
    loop {
        std::hint::black_box(());
    }
}

/// Takes every permit.
///
/// # Errors
/// It was not passed.
#[task]
pub fn permits(semaphore: Semaphore) -> Result<(), SyncError> {
    only_in_a_sandbox();
    loop {
        std::mem::forget(semaphore.acquire(None)?);
    }
}

/// Waits for what never happens.
///
/// # Errors
/// It was not passed.
#[task]
pub fn event(event: Event) -> Result<(), SyncError> {
    only_in_a_sandbox();
    event.wait(None).map(drop)
}

/// Fills a queue, and goes on.
///
/// # Errors
/// It was not passed.
#[task]
pub fn queue(queue: Queue<Bytes>) -> Result<(), SyncError> {
    only_in_a_sandbox();
    loop {
        queue.put(&Bytes::from(vec![1; 1000]), None)?;
    }
}
