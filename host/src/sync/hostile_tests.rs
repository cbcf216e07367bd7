//! The room's own tests of hostile memory: whatever another process writes there harms nothing but the object.

use super::*;
use crate::limits::{SYNC_FINISH, SYNC_INNER_GRACE, SYNC_PLACES, SYNC_REACQUIRE};
use isopool_guest::Codec;
use isopool_guest::sync::{Handle, Object};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NOW: Option<Duration> = Some(Duration::ZERO);
const SOON: Option<Duration> = Some(Duration::from_millis(50));
/// Only a hang takes longer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

fn object(handle: &Handle) -> Arc<SharedObject> {
    let (_, mut shared) = collect(|| Codec::Bincode.encode(handle).expect("two numbers"));
    shared.objects.pop().expect("it is of this process")
}

/// Every operation once, each with a short time. What they answer means nothing here.
fn use_everything(object: &SharedObject, round: u64) {
    let time = Some(Duration::from_millis(round % 3));
    if object.acquire(time).is_ok() {
        let _ = object.wait(time);
        let _ = object.notify(2);
        let _ = object.release();
    }
    if round.is_multiple_of(2) {
        let _ = object.post();
    } else if object.acquire(time).is_ok() {
        let _ = object.forget();
    }
    let _ = object.value();
    let _ = object.set(round.is_multiple_of(2));
    let _ = object.is_set();
    let _ = object.wait(time);
    let _ = object.put(&vec![round as u8; (round % 70) as usize], time);
    let _ = object.get(time);
    let _ = object.is_full();
    object.take_from(ProcessMark::of(1));
}

fn one_of_each() -> Vec<Arc<SharedObject>> {
    let queue = queue_with::<u8>(QueueOptions::default().capacity_bytes(128)).expect("made");
    vec![
        object(lock().expect("made").as_handle()),
        object(rlock().expect("made").as_handle()),
        object(semaphore(2).expect("made").as_handle()),
        object(condition().expect("made").as_handle()),
        object(event().expect("made").as_handle()),
        object(queue.as_handle()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// A panic, an access outside of the memory, a large allocation or an endless wait would fail this.
    #[test]
    fn whatever_is_written_into_the_memory_harms_nothing_but_the_object(
        seed in any::<u64>(),
        words in prop::collection::vec((0usize..24, prop_oneof![any::<u64>(), 0u64..200]), 1..40),
    ) {
        for object in one_of_each() {
            let (stop, begun) = (AtomicBool::new(false), Instant::now());
            thread::scope(|scope| {
                scope.spawn(|| {
                    // The first words are those of the locks, ends and counts.
                    // Each stands for a moment only: some name a holder that lives, and could be waited for.
                    for (word, value) in words.iter().flat_map(|(word, value)| [(word, *value), (word, 0)]).cycle() {
                        object.memory().scribble(word * 8, value);
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        thread::yield_now();
                    }
                });
                (0..6).for_each(|round| use_everything(&object, seed.wrapping_add(round)));
                stop.store(true, Ordering::Relaxed);
            });
            // Several operations may wait for a holder that does not exist, each until it looks for it.
            prop_assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", object.spec());
        }
    }
}

/// The word of a holder that lives and will never give anything back: this process, by a thread that does not exist.
fn hold_for_ever(object: &SharedObject, word: usize) {
    object.memory().scribble(word, ProcessMark::current().word() | 0xfff << 50);
}

// limit: SYNC_INNER_GRACE, SYNC_FINISH
#[test]
fn operations_on_what_a_liar_holds_for_ever_end_in_their_time() {
    let takes = |operation: &dyn Fn()| {
        let begun = Instant::now();
        operation();
        begun.elapsed()
    };
    // Beyond the timeouts: the machine may be busy.
    let soon = Duration::from_secs(1);
    let queue = object(queue::<u8>(0).expect("made").as_handle());
    let semaphore = object(semaphore(1).expect("made").as_handle());
    let lock = object(lock().expect("made").as_handle());
    [&queue, &semaphore, &lock].into_iter().for_each(|object| hold_for_ever(object, 0));
    assert!(takes(&|| assert_eq!(lock.acquire(SOON), Err(SyncError::TimedOut))) < soon);
    assert!(takes(&|| assert_eq!(queue.put(b"", NOW), Err(SyncError::Busy))) < soon + SYNC_INNER_GRACE);
    assert!(takes(&|| assert_eq!(queue.get(NOW), Err(SyncError::Busy))) < soon + SYNC_INNER_GRACE);
    assert!(takes(&|| assert_eq!(semaphore.acquire(NOW), Err(SyncError::Busy))) < soon + SYNC_INNER_GRACE);
    for operation in [|object: &SharedObject| object.post(), |object: &SharedObject| object.value().map(drop)] {
        assert!(takes(&|| assert_eq!(operation(&semaphore), Err(SyncError::Busy))) < soon + SYNC_FINISH);
    }
    assert!(takes(&|| assert_eq!(queue.is_full(), Err(SyncError::Busy))) < soon + SYNC_FINISH);
}

// limit: SYNC_REACQUIRE
#[test]
fn a_wait_for_a_condition_whose_lock_does_not_come_back_ends_without_it() {
    let condition = object(condition().expect("made").as_handle());
    condition.acquire(NOW).expect("free");
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Takes it while the other waits, and never gives it back.
            condition.acquire(PATIENCE).expect("it is given up");
        });
        assert_eq!(condition.wait(SOON), Err(SyncError::TimedOut));
    });
    assert!((SYNC_REACQUIRE..SYNC_REACQUIRE * 3).contains(&begun.elapsed()));
    assert_eq!(condition.release(), Err(SyncError::NotOwner));
}

#[test]
fn a_queue_that_was_overwritten_is_corrupt_and_stays_so() {
    let queue = queue::<u8>(0).expect("made");
    queue.put_nowait(&1).expect("room");
    let raw = object(queue.as_handle());
    // The length of the item.
    raw.memory().scribble(48, u64::MAX);
    assert_eq!(queue.get_nowait(), Err(SyncError::Corrupt));
    // The end, far beyond the ring.
    raw.memory().scribble(24, u64::MAX);
    assert_eq!(queue.put_nowait(&1), Err(SyncError::Corrupt));
    assert_eq!((queue.qsize(), queue.is_full()), (Err(SyncError::Corrupt), Err(SyncError::Corrupt)));
}

// limit: SYNC_PLACES
#[test]
fn a_condition_has_no_more_places_than_it_says() {
    let condition = condition().expect("made");
    let raw = object(condition.as_handle());
    // Every place is taken, by this process, as far as anyone can see.
    (0..SYNC_PLACES as usize)
        .for_each(|slot| raw.memory().scribble(32 + slot * 16, 1 << 60 | u64::from(std::process::id())));
    let guard = condition.acquire(NOW).expect("free");
    assert_eq!(guard.wait(NOW).map(drop), Err(SyncError::TooMany { places: SYNC_PLACES }));
    condition.acquire(NOW).map(drop).expect("the lock was given up");
}
