//! What it does: tasks that use what they share with other tasks and their caller. Never: uses what it was not passed.

use isopool_guest::sync::{BoundedSemaphore, Condition, Event, Lock, Queue, RLock, Semaphore, SimpleQueue, SyncError};
use isopool_guest::{Bytes, Codec, task};
use std::time::Duration;

fn milliseconds(time: Option<u64>) -> Option<Duration> {
    time.map(Duration::from_millis)
}

/// Adds to the number in a queue, in as many steps as it takes to lose some without the lock.
///
/// # Errors
/// One of them was not passed, or is not what it should be.
#[task]
pub fn count(lock: Lock, number: Queue<u64>, times: u32) -> Result<(), SyncError> {
    for _ in 0..times {
        let _alone = lock.acquire(None)?;
        let seen = number.get(None)?;
        number.put(&seen, None)?;
        number.get(None)?;
        number.put(&(seen + 1), None)?;
    }
    Ok(())
}

/// Takes a lock, says so, and keeps it until the end of its process.
///
/// # Errors
/// One of them was not passed.
#[task]
pub fn hold(lock: Lock, held: Event, never: Event) -> Result<(), SyncError> {
    let _guard = lock.acquire(None)?;
    held.set()?;
    never.wait(None).map(drop)
}

/// Takes a lock, and how it was found; gives it back.
///
/// # Errors
/// It was not passed, or not free in time.
#[task]
pub fn was_abandoned(lock: Lock, time_ms: Option<u64>) -> Result<bool, SyncError> {
    lock.acquire(milliseconds(time_ms)).map(|guard| guard.was_abandoned())
}

/// Holds a lock while a task of this one asks for the same; gives what that was told.
///
/// # Errors
/// The lock was not passed, or the other task not run.
#[task]
pub fn pass_on(lock: Lock) -> Result<String, String> {
    let held = lock.acquire(None).map_err(|error| error.to_string())?;
    let child = isopool_guest::submit(was_abandoned::task(lock.clone(), Some(0))).map_err(|error| error.to_string())?;
    let told = child.result().map_or_else(|error| error.to_string(), |found| format!("it was free: {found}"));
    drop(held);
    Ok(told)
}

/// Takes everything that can be taken, and ends without giving it back: with a trap, or with a value.
///
/// # Errors
/// One of them was not passed.
#[task]
pub fn keep(lock: Lock, rlock: RLock, semaphore: BoundedSemaphore, traps: bool) -> Result<(), SyncError> {
    std::mem::forget(lock.acquire(None)?);
    std::mem::forget((rlock.acquire(None)?, rlock.acquire(None)?));
    std::mem::forget(semaphore.acquire(None)?);
    assert!(!traps, "with everything in its hands");
    Ok(())
}

/// Uses a lock whose name it knows, and whatever stands behind it.
///
/// # Errors
/// The bytes are no handle.
#[task]
pub fn use_by_name(name: Bytes) -> Result<Result<bool, String>, String> {
    let lock: Lock = Codec::Bincode.decode(&name).map_err(|error| error.to_string())?;
    Ok(lock.acquire(Some(Duration::ZERO)).map(|guard| guard.was_abandoned()).map_err(|error| error.to_string()))
}

/// How many locks were passed that can be had.
#[task]
pub fn count_locks(locks: Vec<Lock>) -> usize {
    locks.iter().filter(|lock| lock.acquire(None).is_ok()).count()
}

/// Gives back what comes, in capitals, until nothing comes.
///
/// # Errors
/// One of them was not passed.
#[task]
pub fn shout(calls: Queue<String>, echoes: SimpleQueue<String>) -> Result<u32, SyncError> {
    for count in 0.. {
        let call = calls.get(None)?;
        if call.is_empty() {
            return Ok(count);
        }
        echoes.put(&call.to_uppercase(), None)?;
    }
    unreachable!("there are not so many numbers")
}

/// Waits for an event.
///
/// # Errors
/// It was not passed.
#[task]
pub fn wait_for_event(event: Event, time_ms: Option<u64>) -> Result<bool, SyncError> {
    event.wait(milliseconds(time_ms))
}

/// Waits for a notification, and says before that it does.
///
/// # Errors
/// One of them was not passed.
#[task]
pub fn wait_for_notification(condition: Condition, waits: Semaphore) -> Result<bool, SyncError> {
    let guard = condition.acquire(None)?;
    waits.release()?;
    guard.wait(None).map(|(_, notified)| notified)
}

/// Tells what goes wrong when each bound is passed.
///
/// # Errors
/// One of them was not passed.
#[task]
pub fn pass_bounds(queue: Queue<Bytes>, semaphore: BoundedSemaphore) -> Result<Vec<String>, SyncError> {
    let mut told = Vec::new();
    let mut tell = |answer: Result<(), SyncError>| told.extend(answer.err().map(|error| error.to_string()));
    tell(queue.get_nowait().map(drop));
    tell(queue.put(&Bytes::from(vec![0; 100]), None));
    queue.put(&Bytes::from(vec![0; 5]), None)?;
    tell(queue.put(&Bytes::from(vec![0; 5]), Some(Duration::from_millis(20))));
    tell(semaphore.release());
    tell(semaphore.acquire(Some(Duration::ZERO)).map(drop));
    semaphore.acquire(Some(Duration::ZERO)).and_then(|permit| permit.forget())?;
    tell(semaphore.acquire(Some(Duration::from_millis(20))).map(drop));
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_handle_are_told() {
        assert!(use_by_name(Bytes::new()).is_err());
        let name = Codec::Bincode.encode(&(1u64, 2u64)).expect("encodes");
        assert!(use_by_name(Bytes::from(name)).expect("a name").is_err());
    }
}
