//! The room's own tests within one process: what each kind does.

use super::*;
use crate::error::ErrorKind;
use crate::limits::{DEFAULT_QUEUE_BYTES, MAX_PERMITS, MAX_QUEUE_BYTES};
use isopool_guest::Codec;
use isopool_guest::sync::{Handle, Object};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::channel;
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

// ── Locks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn threads_that_count_under_a_lock_lose_nothing() {
    let (lock, count) = (lock().expect("made"), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let _guard = lock.acquire(PATIENCE).expect("nobody keeps it");
                    let seen = count.load(Ordering::Relaxed);
                    std::hint::spin_loop();
                    count.store(seen + 1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(count.into_inner(), 8000);
}

#[test]
fn a_lock_that_is_held_is_had_by_nobody_else_before_the_timeout() {
    let lock = lock().expect("made");
    let guard = lock.acquire(NOW).expect("free");
    let begun = Instant::now();
    assert_eq!(lock.acquire(SOON).map(drop), Err(SyncError::TimedOut), "not even by its holder");
    assert!(begun.elapsed() >= SOON.expect("a time"));
    thread::scope(|scope| {
        let other = scope.spawn(|| lock.acquire(NOW).map(drop));
        assert_eq!(other.join().expect("no panic"), Err(SyncError::TimedOut));
        let waits = scope.spawn(|| lock.acquire(PATIENCE).map(|guard| guard.was_abandoned()));
        drop(guard);
        assert_eq!(waits.join().expect("no panic"), Ok(false));
    });
}

// behaviour: B51
#[test]
fn a_lock_is_released_by_its_holder_and_nobody_else() {
    for handle in [lock().expect("made").as_handle(), rlock().expect("made").as_handle()] {
        let object = object(handle);
        assert_eq!(object.release(), Err(SyncError::NotOwner), "over-release");
        object.acquire(NOW).expect("free");
        let other = Arc::clone(&object);
        let answer = thread::spawn(move || other.release()).join().expect("no panic");
        assert_eq!(answer, Err(SyncError::NotOwner));
        assert_eq!(object.release(), Ok(()));
        assert_eq!(object.release(), Err(SyncError::NotOwner));
    }
}

#[test]
fn an_rlock_is_free_when_its_last_guard_is_gone() {
    let lock = rlock().expect("made");
    let outer = lock.acquire(NOW).expect("free");
    let inner = lock.acquire(NOW).expect("ours");
    let is_free = || thread::scope(|scope| scope.spawn(|| lock.acquire(NOW).is_ok()).join().expect("no panic"));
    assert!(!is_free());
    drop(outer);
    assert!(!is_free());
    drop(inner);
    assert!(is_free());
}

// ── Semaphores ──────────────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B51
#[test]
fn a_semaphore_gives_as_many_permits_as_it_has() {
    let semaphore = semaphore(2).expect("made");
    let permits = [semaphore.acquire(NOW).expect("two"), semaphore.acquire(NOW).expect("one")];
    assert_eq!(semaphore.acquire(SOON).map(drop), Err(SyncError::TimedOut));
    assert_eq!(semaphore.value(), Ok(0));
    thread::scope(|scope| {
        let waits = scope.spawn(|| semaphore.acquire(PATIENCE).map(drop));
        drop(permits);
        assert_eq!(waits.join().expect("no panic"), Ok(()));
    });
    semaphore.release().expect("a third");
    assert_eq!(semaphore.value(), Ok(3));
    semaphore.acquire(NOW).expect("three").forget().expect("held");
    assert_eq!(semaphore.value(), Ok(2));
}

// behaviour: B51
// limit: MAX_PERMITS
#[test]
fn a_semaphore_that_is_released_too_often_says_so() {
    let bounded = bounded_semaphore(1).expect("made");
    assert_eq!(bounded.release(), Err(SyncError::OverReleased));
    let permit = bounded.acquire(NOW).expect("one");
    assert_eq!(bounded.release(), Err(SyncError::OverReleased), "the permit still comes back");
    permit.forget().expect("held");
    assert_eq!(bounded.release(), Ok(()));
    assert_eq!(bounded.value(), Ok(1));
    let full = semaphore(MAX_PERMITS).expect("made");
    assert_eq!(full.release(), Err(SyncError::OverReleased));
    assert_eq!(semaphore(MAX_PERMITS + 1).map(drop).map_err(|error| error.kind()), Err(ErrorKind::InvalidOption));
    let raw = object(full.as_handle());
    assert_eq!(raw.release(), Err(SyncError::OverReleased), "nobody has a permit");
}

#[test]
fn threads_that_pass_permits_on_lose_none() {
    let (semaphore, inside, most) = (semaphore(3).expect("made"), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let permit = semaphore.acquire(PATIENCE).expect("they come back");
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!(semaphore.value(), Ok(3));
    assert!(most.into_inner() <= 3);
}

// ── Conditions and events ───────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B51
#[test]
fn a_notification_wakes_exactly_as_many_as_it_says_and_the_oldest_first() {
    let condition = condition().expect("made");
    let (woke, order) = channel();
    thread::scope(|scope| {
        for number in 0..5 {
            let (condition, woke) = (&condition, woke.clone());
            let (waits, is_waiting) = channel();
            scope.spawn(move || {
                let guard = condition.acquire(PATIENCE).expect("free");
                waits.send(()).expect("listened to");
                let (_guard, notified) = guard.wait(PATIENCE).expect("the lock comes back");
                woke.send((number, notified)).expect("listened to");
            });
            is_waiting.recv().expect("it waits");
        }
        // Whoever has the lock now finds all five asleep: they gave it up by waiting.
        let guard = condition.acquire(PATIENCE).expect("free");
        assert_eq!(guard.notify(2), Ok(2));
        drop(guard);
        let mut first = [order.recv().expect("woken"), order.recv().expect("woken")];
        first.sort_unstable();
        assert_eq!(first, [(0, true), (1, true)]);
        assert!(order.recv_timeout(Duration::from_millis(150)).is_err(), "the others sleep on");
        let guard = condition.acquire(PATIENCE).expect("free");
        assert_eq!(guard.notify_all(), Ok(3));
    });
    let mut rest: Vec<_> = order.try_iter().collect();
    rest.sort_unstable();
    assert_eq!(rest, [(2, true), (3, true), (4, true)]);
}

#[test]
fn a_wait_for_a_condition_ends_by_its_timeout_with_the_lock_held_as_often_as_before() {
    let condition = condition().expect("made");
    let outer = condition.acquire(NOW).expect("free");
    assert_eq!(outer.notify(1), Ok(0), "nobody waits: it is not kept");
    let inner = condition.acquire(NOW).expect("ours");
    let (inner, notified) = inner.wait(SOON).expect("the lock comes back");
    assert!(!notified);
    let (inner, is_so) = inner.wait_for(SOON, || false).expect("the lock comes back");
    assert!(!is_so);
    let (inner, is_so) = inner.wait_for(NOW, || true).expect("at once");
    assert!(is_so);
    let is_free = || thread::scope(|scope| scope.spawn(|| condition.acquire(NOW).is_ok()).join().expect("no panic"));
    drop(inner);
    assert!(!is_free());
    drop(outer);
    assert!(is_free());
}

#[test]
fn a_condition_without_its_lock_is_refused() {
    let object = object(condition().expect("made").as_handle());
    assert_eq!(object.wait(NOW), Err(SyncError::NotOwner));
    assert_eq!(object.notify(1), Err(SyncError::NotOwner));
}

#[test]
fn one_that_waits_until_something_is_so_is_woken_by_the_one_that_makes_it_so() {
    let (condition, number) = (condition().expect("made"), AtomicU32::new(0));
    thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let guard = condition.acquire(PATIENCE).expect("free");
            guard.wait_for(PATIENCE, || number.load(Ordering::Relaxed) == 3).expect("the lock comes back").1
        });
        for value in 1..=3 {
            let guard = condition.acquire(PATIENCE).expect("free");
            number.store(value, Ordering::Relaxed);
            guard.notify_all().expect("held");
        }
        assert!(waits.join().expect("no panic"));
    });
}

// behaviour: B51
#[test]
fn an_event_wakes_all_who_wait_even_when_it_is_cleared_at_once() {
    let event = event().expect("made");
    assert_eq!((event.is_set(), event.wait(SOON)), (Ok(false), Ok(false)));
    thread::scope(|scope| {
        let waits: Vec<_> = (0..3).map(|_| scope.spawn(|| event.wait(PATIENCE))).collect();
        // Whether they sleep by now or come later, they see a change that does not stay.
        while !waits.iter().all(|wait| wait.is_finished()) {
            event.set().expect("here");
            event.clear().expect("here");
        }
        assert!(waits.into_iter().all(|wait| wait.join().expect("no panic") == Ok(true)));
    });
    event.set().expect("here");
    assert_eq!((event.set(), event.is_set(), event.wait(NOW)), (Ok(()), Ok(true), Ok(true)));
    event.clear().expect("here");
    assert_eq!((event.clear(), event.is_set()), (Ok(()), Ok(false)));
}

// ── Queues ──────────────────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B51
#[test]
fn a_queue_is_bounded_in_items_and_in_bytes() {
    let by_items = queue::<u8>(2).expect("made");
    assert_eq!((by_items.is_empty(), by_items.is_full(), by_items.qsize()), (Ok(true), Ok(false), Ok(0)));
    assert_eq!(by_items.get_nowait(), Err(SyncError::Empty));
    assert_eq!(by_items.get(SOON), Err(SyncError::Empty));
    (0..2).for_each(|item| by_items.put_nowait(&item).expect("room"));
    assert_eq!((by_items.is_empty(), by_items.is_full(), by_items.qsize()), (Ok(false), Ok(true), Ok(2)));
    assert_eq!(by_items.put_nowait(&2), Err(SyncError::Full));
    assert_eq!(by_items.put(&2, SOON), Err(SyncError::Full));
    assert_eq!((by_items.get_nowait(), by_items.get(None)), (Ok(0), Ok(1)));

    let by_bytes = queue_with::<Vec<u8>>(QueueOptions::default().capacity_bytes(64)).expect("made");
    // A quarter of the ring for an item; its length takes one byte.
    by_bytes.put_nowait(&vec![1; 15]).expect("room");
    let expected = SyncError::ItemTooLarge { size: 17, limit: 16 };
    assert_eq!(by_bytes.put(&vec![1; 16], None), Err(expected));
    by_bytes.put_nowait(&vec![2; 15]).expect("room");
    assert_eq!(by_bytes.put_nowait(&vec![3; 15]), Err(SyncError::Full));
    by_bytes.put_nowait(&vec![4; 7]).expect("a smaller one has room");
    assert_eq!(by_bytes.is_full(), Ok(true));
    assert_eq!(by_bytes.get_nowait().map(|item| item.len()), Ok(15));
}

// limit: DEFAULT_QUEUE_BYTES
#[test]
fn a_queue_of_no_options_has_a_mebibyte() {
    let queue = queue::<Vec<u8>>(0).expect("made");
    // With its two lengths, a sixty-fourth of it.
    let item = vec![1; DEFAULT_QUEUE_BYTES / 64 - 6];
    let taken = (0..).find(|_| queue.put_nowait(&item) == Err(SyncError::Full)).expect("it is bounded");
    assert!((63..=64).contains(&taken), "{taken}");
}

// limit: MIN_QUEUE_BYTES, MAX_QUEUE_BYTES
#[test]
fn options_of_a_queue_outside_of_their_range_are_refused() {
    let refused = |options| match queue_with::<u8>(options) {
        Err(error) if error.kind() == ErrorKind::InvalidOption => true,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert!(refused(QueueOptions::default().capacity_bytes(63)));
    assert!(refused(QueueOptions::default().capacity_bytes(MAX_QUEUE_BYTES + 1)));
    assert!(refused(QueueOptions::default().capacity_bytes(64).max_item_bytes(57)));
    let most = QueueOptions::default().capacity_bytes(64).max_item_bytes(56);
    let queue = queue_with::<[u8; 32]>(most).expect("made");
    queue.put_nowait(&[7; 32]).expect("room");
}

#[test]
fn what_is_no_item_leaves_the_queue_and_is_told() {
    let queue = queue::<String>(0).expect("made");
    let raw = object(queue.as_handle());
    raw.put(&[200], NOW).expect("room");
    raw.put(&[], NOW).expect("room");
    let not_utf8 = [2, 0xff, 0xff];
    raw.put(&not_utf8, NOW).expect("room");
    queue.put_nowait(&"fine".into()).expect("room");
    for _ in 0..3 {
        assert!(matches!(queue.get_nowait(), Err(SyncError::Codec { .. })));
    }
    assert_eq!(queue.get_nowait().as_deref(), Ok("fine"));
}

#[test]
fn producers_wait_for_consumers_and_no_item_is_lost_or_comes_twice() {
    let options = QueueOptions::default().capacity_bytes(256).max_items(5);
    let queue = queue_with::<(u32, Vec<u8>)>(options).expect("made");
    const EACH: u32 = 500;
    let sum = AtomicU64::new(0);
    thread::scope(|scope| {
        for producer in 0..3 {
            let queue = &queue;
            scope.spawn(move || {
                for number in 0..EACH {
                    let item = (producer * EACH + number, vec![number as u8; (number % 50) as usize]);
                    queue.put(&item, PATIENCE).expect("room comes");
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let (number, bytes) = queue.get(PATIENCE).expect("items come");
                    let number_of_producer = number % EACH;
                    assert_eq!(bytes, vec![number_of_producer as u8; (number_of_producer % 50) as usize]);
                    sum.fetch_add(u64::from(number), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(queue.is_empty(), Ok(true));
    let all = u64::from(3 * EACH);
    assert_eq!(sum.into_inner(), all * (all - 1) / 2);
}

proptest! {
    #[test]
    fn a_queue_is_first_in_first_out_for_any_sizes_of_items(
        actions in prop::collection::vec(prop::option::weighted(0.6, prop::collection::vec(any::<u8>(), 0..40)), 0..200),
    ) {
        let options = QueueOptions::default().capacity_bytes(128).max_item_bytes(120).max_items(6);
        let queue = object(queue_with::<u8>(options).expect("made").as_handle());
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        for action in actions {
            let taken: usize = model.iter().map(|item| 8 + item.len().next_multiple_of(8)).sum();
            match action {
                Some(item) => {
                    let fits = model.len() < 6 && taken + 8 + item.len().next_multiple_of(8) <= 128;
                    prop_assert_eq!(queue.put(&item, NOW), if fits { Ok(()) } else { Err(SyncError::Full) });
                    if fits {
                        model.push_back(item);
                    }
                }
                None => prop_assert_eq!(queue.get(NOW), model.pop_front().ok_or(SyncError::Empty)),
            }
            prop_assert_eq!(queue.value(), Ok(model.len() as u32));
        }
    }
}

// ── Handles ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_handle_of_another_kind_is_refused() {
    let event = object(event().expect("made").as_handle());
    let queue = object(queue::<u8>(0).expect("made").as_handle());
    let lock = object(lock().expect("made").as_handle());
    assert_eq!(event.acquire(NOW), Err(SyncError::WrongKind));
    assert_eq!(queue.release(), Err(SyncError::WrongKind));
    assert_eq!(queue.wait(NOW), Err(SyncError::WrongKind));
    assert_eq!((lock.set(true), lock.is_set()), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
    assert_eq!((lock.post(), lock.forget()), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
    assert_eq!((lock.value(), lock.notify(1)), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
    assert_eq!((lock.put(b"", NOW), lock.get(NOW)), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
    assert_eq!(lock.is_full(), Err(SyncError::WrongKind));
}

#[test]
fn what_is_serialized_is_the_name_and_the_object_is_collected_once() {
    let (lock, queue) = (lock().expect("made"), queue::<u8>(0).expect("made"));
    let arguments = (lock.clone(), queue.clone(), Some(lock.clone()), 7u8);
    let (bytes, shared) = collect(|| Codec::Bincode.encode(&arguments).expect("encodes"));
    assert_eq!(shared.objects.iter().map(|object| object.id()).collect::<Vec<_>>(), [lock.id(), queue.id()]);
    assert_eq!(Codec::Bincode.encode(&arguments).expect("outside of a scope too"), bytes);
    let (there, _, _, _): (Lock, Queue<u8>, Option<Lock>, u8) = Codec::Bincode.decode(&bytes).expect("decodes");
    assert_eq!(there, lock, "the same name");
    assert_eq!(there.acquire(NOW).map(drop), Err(SyncError::NotShared), "and nothing behind it here");
    let (refused, shared) = collect(|| Codec::Bincode.encode(&there));
    assert!(refused.expect_err("it cannot be passed on").to_string().contains("not here") && shared.objects.is_empty());
}
