//! The room's own tests of streams: ends within one process, and memory that others overwrite.

use super::*;
use crate::limits::SYNC_INNER_GRACE;
use crate::stream::{StreamError, StreamOptions, StreamReader, StreamWriter, stream, stream_with};
use isopool_guest::Codec;
use isopool_guest::stream::{StreamEnd, abandoning};
use isopool_guest::sync::Object;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(50);
/// Only a hang takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const LONG: Option<Duration> = Some(PATIENCE);

/// What a task gets of an end that it is passed.
fn passed<E: serde::Serialize>(end: &E) -> Arc<SharedObject> {
    let (encoded, mut shared) = collect(|| Codec::Bincode.encode(end));
    encoded.expect("two numbers");
    shared.objects.pop().expect("it is of this process")
}

fn small() -> (StreamWriter<u64>, StreamReader<u64>) {
    stream_with(StreamOptions::default().capacity_bytes(64)).expect("made")
}

// ── How it ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn chunks_come_in_their_order_and_then_the_end_again_and_again() {
    let (writer, reader) = small();
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..1000).for_each(|number| writer.send(&number).expect("somebody reads"));
            writer.finish().expect("it is here");
        });
        for number in 0..1000 {
            assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(number)));
        }
        assert_eq!((reader.read_timeout(PATIENCE), reader.read_timeout(PATIENCE)), (Ok(None), Ok(None)));
    });
}

#[test]
fn a_stream_holds_no_more_than_its_bounds() {
    let (writer, reader) = stream_with::<u8>(StreamOptions::default().max_chunks(2)).expect("made");
    (0..2).for_each(|number| writer.send_timeout(&number, NOW).expect("room"));
    assert_eq!(writer.send_timeout(&2, NOW), Err(StreamError::TimedOut));
    assert_eq!(writer.send_timeout(&2, SOON), Err(StreamError::TimedOut));
    assert_eq!(reader.read_timeout(NOW), Ok(Some(0)));
    assert_eq!(writer.send_timeout(&2, NOW), Ok(()));
    let options = StreamOptions::default().capacity_bytes(64).max_chunk_bytes(20);
    let (writer, _reader) = stream_with::<Vec<u8>>(options).expect("made");
    let told = writer.send(&vec![0; 20]).expect_err("with its length it is too large");
    assert_eq!(told, StreamError::ChunkTooLarge { size: 21, limit: 20 });
    assert!(told.to_string().contains("higher max_chunk_bytes"), "{told}");
    writer.send(&vec![0; 19]).expect("that fits");
    let told = stream_with::<u8>(StreamOptions::default().capacity_bytes(63)).expect_err("out of range").to_string();
    assert!(told.contains("a stream's capacity_bytes is 64 to"), "{told}");
    let told = stream_with::<u8>(StreamOptions::default().capacity_bytes(64).max_chunk_bytes(57)).expect_err("as well");
    assert!(told.to_string().contains("a stream of 64 bytes holds chunks of up to 56 bytes"), "{told}");
}

#[test]
fn how_the_writer_ends_is_told_to_the_reader_after_the_chunks() {
    type End = fn(StreamWriter<u64>);
    let ends: [(&str, End, bool); 5] = [
        ("finished", |writer| writer.finish().expect("here"), true),
        ("dropped", drop, true),
        ("abandoned", |writer| writer.abandon().expect("here"), false),
        ("dropped by nobody", |writer| abandoning(|| drop(writer)), false),
        (
            "dropped in a panic",
            |writer| {
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let _writer = writer;
                    std::panic::resume_unwind(Box::new(()));
                }));
                panicked.expect_err("it panics");
            },
            false,
        ),
    ];
    for (how, end, whole) in ends {
        let (writer, mut reader) = small();
        writer.send(&1).expect("room");
        end(writer);
        assert_eq!(reader.next(), Some(Ok(1)), "{how}");
        let expected = if whole { None } else { Some(Err(StreamError::Abandoned)) };
        assert_eq!(reader.next(), expected, "{how}");
        assert_eq!(reader.next(), None, "{how}: an iterator ends after its error");
        assert_eq!(reader.read_timeout(PATIENCE), if whole { Ok(None) } else { Err(StreamError::Abandoned) }, "{how}");
    }
}

#[test]
fn an_end_wakes_whoever_waits_at_the_other() {
    for closes in [true, false] {
        let (writer, reader) = small();
        thread::scope(|scope| {
            let waits = scope.spawn(|| while writer.send(&1).is_ok() {});
            (0..20).for_each(|_| _ = reader.read_timeout(PATIENCE).expect("chunks come"));
            if closes {
                reader.close().expect("here")
            } else {
                drop(reader)
            }
            waits.join().expect("it is told");
        });
        assert_eq!(writer.send_timeout(&1, NOW), Err(StreamError::Closed), "there would be room");
    }
    for finishes in [true, false] {
        let (writer, reader) = small();
        thread::scope(|scope| {
            let waits = scope.spawn(|| reader.read_timeout(PATIENCE));
            let finish = || if finishes { writer.finish() } else { writer.abandon() };
            finish().expect("here");
            let expected = if finishes { Ok(None) } else { Err(StreamError::Abandoned) };
            assert_eq!(waits.join().expect("no panic"), expected);
        });
    }
}

#[test]
fn a_chunk_that_does_not_decode_is_told_and_the_next_comes() {
    let (writer, reader) = stream::<String>().expect("made");
    let raw = passed(&writer);
    let end = |bytes: &[u8]| raw.write(bytes, Some(NOW)).expect("room");
    end(&[2, 0xff, 0xff]);
    end(&[1, b'a']);
    assert!(matches!(reader.read_timeout(PATIENCE), Err(StreamError::Codec { message }) if message.contains("String")));
    assert_eq!(reader.read_timeout(PATIENCE).expect("it decodes").as_deref(), Some("a"));
}

// ── Who has an end ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn an_end_that_was_passed_is_whoever_s_it_was_passed_to() {
    let (writer, reader) = small();
    let given = passed(&writer);
    assert_eq!(writer.send(&1), Err(StreamError::NotShared));
    let (again, shared) = collect(|| Codec::Bincode.encode(&(1, &writer)));
    let told = again.expect_err("it has an owner").to_string();
    assert!(told.contains(&format!("the end {} of a stream was passed to a task before", writer.id())), "{told}");
    assert!(shared.objects.is_empty());
    // Nothing of this is an end of it.
    drop(writer);
    given.write(&[1], Some(NOW)).expect("room");
    assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(1)));
    drop(given);
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned), "its last owner is gone");

    let (writer, reader) = small();
    let given = passed(&reader);
    drop(reader);
    writer.send(&1).expect("somebody may read");
    drop(given);
    assert_eq!(writer.send(&1), Err(StreamError::Closed));
}

#[test]
fn an_end_that_is_given_back_is_as_it_was() {
    let (writer, reader) = small();
    let (encoded, shared) = collect(|| Codec::Bincode.encode(&(&writer, &reader)));
    encoded.expect("four numbers");
    shared.ends.give_back();
    drop(shared.objects);
    writer.send(&1).expect("it is here");
    assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(1)));
    let given = passed(&writer);
    drop(given);
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
}

#[test]
fn an_end_travels_among_arguments_only() {
    let (writer, reader) = small();
    let told = Codec::Bincode.encode(&writer).expect_err("nowhere else").to_string();
    assert!(told.contains("travels among the arguments of a task, and nowhere else"), "{told}");
    writer.send(&1).expect("it is still here");
    let name = Codec::Bincode.encode(&reader.id()).expect("two numbers");
    let named: StreamReader<u64> = Codec::Bincode.decode(&name).expect("a name");
    assert_eq!(named.read_timeout(PATIENCE), Err(StreamError::NotShared));
    let (again, _) = collect(|| Codec::Bincode.encode(&named));
    assert!(again.expect_err("it is only a name").to_string().contains("is not here"));
    drop(named);
    assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(1)), "a name closes nothing");
}

#[test]
fn what_decodes_with_something_that_does_not_was_nobody_s() {
    let (writer, reader) = small();
    let (encoded, shared) = collect(|| Codec::Bincode.encode(&(&writer, 1u8)));
    let encoded = encoded.expect("encodes");
    type Others = (StreamWriter<u64>, u8, String);
    let decoded = provide(shared.objects, || Codec::Bincode.decode::<Others>(&encoded));
    assert!(decoded.is_err());
    drop(shared.ends);
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
}

#[test]
fn no_end_does_what_is_another_s() {
    let (writer, reader) = small();
    let (writer, reader) = (passed(&writer), passed(&reader));
    let wrong = Err(StreamError::WrongKind);
    assert_eq!(writer.read(Some(NOW)), Err(StreamError::WrongKind));
    assert_eq!((writer.close(), reader.write(b"", Some(NOW))), (wrong.clone(), wrong.clone()));
    assert_eq!((reader.finish(), reader.abandon()), (wrong.clone(), wrong));
    for end in [&writer, &reader] {
        assert_eq!(end.get(Some(NOW)), Err(SyncError::WrongKind));
        assert_eq!(end.put(b"", Some(NOW)), Err(SyncError::WrongKind));
        assert_eq!((end.value(), end.is_full()), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
        assert_eq!((end.acquire(Some(NOW)), end.release()), (Err(SyncError::WrongKind), Err(SyncError::WrongKind)));
    }
    // Nothing of that has ended anything.
    writer.write(b"x", Some(NOW)).expect("room");
    assert_eq!(reader.read(Some(NOW)), Ok(Some(b"x".to_vec())));
}

#[test]
fn what_was_said_first_of_an_end_counts() {
    let (writer, reader) = small();
    let (writer, reader) = (passed(&writer), passed(&reader));
    writer.abandon().expect("a writer");
    writer.finish().expect("a writer");
    assert_eq!(reader.read(Some(NOW)), Err(StreamError::Abandoned));
    assert_eq!(writer.write(b"", Some(NOW)), Err(StreamError::Closed));
    reader.close().expect("a reader");
    assert_eq!(reader.read(Some(NOW)), Err(StreamError::Closed));
}

#[test]
fn a_wait_ends_with_the_owner_of_its_own_end_too() {
    for side in [true, false] {
        let (writer, reader) = small();
        let (writer, reader) = (passed(&writer), passed(&reader));
        while writer.write(b"12345678", Some(NOW)).is_ok() {}
        if side {
            while reader.read(Some(NOW)).is_ok() {}
        }
        thread::scope(|scope| {
            // In a worker, whose task is to stop.
            let waits =
                scope.spawn(|| if side { reader.read(LONG).map(drop) } else { writer.write(b"12345678", LONG) });
            if side {
                reader.owner_has_ended()
            } else {
                writer.owner_has_ended()
            }
            assert_eq!(waits.join().expect("no panic"), Err(StreamError::Closed));
        });
    }
}

// ── Hostile memory ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Where the word stands that says how the ends have ended: behind everything else.
fn word(raw: &SharedObject) -> usize {
    raw.memory().bytes() - 8
}

#[test]
fn what_the_caller_has_said_of_an_end_cannot_be_taken_back() {
    let (writer, reader) = small();
    let task = passed(&writer);
    task.write(&[7], Some(NOW)).expect("room");
    task.owner_has_ended();
    // The worker that had it says that nothing has happened, or that all is well, and writes on.
    for lie in [0, 1] {
        task.memory().scribble(word(&task), lie);
        if lie == 0 {
            assert_eq!(task.write(&[8], Some(NOW)), Err(StreamError::Closed));
            let worker = SharedObject::open(task.id(), task.spec(), file_of(&task)).expect("it maps");
            worker.write(&[8], Some(NOW)).expect("it does not know better");
            assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(7)), "that was there");
        }
        assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    }
    let (writer, reader) = small();
    let task = passed(&reader);
    task.owner_has_ended();
    task.memory().scribble(word(&task), 0);
    assert_eq!(writer.send_timeout(&1, PATIENCE), Err(StreamError::Closed));
    // One that has finished stays finished.
    let (writer, reader) = small();
    let task = passed(&writer);
    task.finish().expect("here");
    task.owner_has_ended();
    task.memory().scribble(word(&task), 2);
    assert_eq!(reader.read_timeout(PATIENCE), Ok(None));
}

fn file_of(object: &SharedObject) -> std::os::fd::BorrowedFd<'_> {
    use std::os::fd::AsFd;
    object.descriptor().expect("made here").as_fd()
}

#[test]
fn a_liar_who_holds_the_lock_for_ever_keeps_nobody_whose_other_end_has_ended() {
    for side in [true, false] {
        let (writer, reader) = small();
        let task = if side { passed(&writer) } else { passed(&reader) };
        // A holder that lives and will never give it back: this process, by a thread that does not exist.
        task.memory().scribble(0, ProcessMark::current().word() | 0xfff << 50);
        let begun = Instant::now();
        let busy = if side { reader.read_timeout(SOON).map(drop) } else { writer.send_timeout(&1, SOON) };
        assert_eq!(busy, Err(StreamError::Busy));
        assert!(begun.elapsed() < SOON + SYNC_INNER_GRACE + Duration::from_secs(1));
        thread::scope(|scope| {
            // Which a hang only would exceed.
            let waits = scope.spawn(|| {
                if side { reader.read_timeout(PATIENCE).map(drop) } else { writer.send_timeout(&1, PATIENCE) }
            });
            task.owner_has_ended();
            let expected = if side { StreamError::Abandoned } else { StreamError::Closed };
            assert_eq!(waits.join().expect("no panic"), Err(expected));
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// A panic, an access outside of the memory, a large allocation or an endless wait would fail this.
    #[test]
    fn whatever_is_written_into_the_memory_of_a_stream_harms_nothing_but_the_stream(
        words in prop::collection::vec((prop_oneof![0usize..8, Just(22usize)], prop_oneof![any::<u64>(), 0u64..200]), 1..40),
    ) {
        let options = StreamOptions::default().capacity_bytes(128);
        let (writer, reader) = stream_with::<u64>(options).expect("made");
        let (writer, reader) = (passed(&writer), passed(&reader));
        prop_assert_eq!(word(&writer), 22 * 8);
        let (stop, begun) = (AtomicBool::new(false), Instant::now());
        thread::scope(|scope| {
            scope.spawn(|| {
                // Each stands for a moment only: some name a holder that lives, and could be waited for.
                for (word, value) in words.iter().flat_map(|(word, value)| [(word, *value), (word, 0)]).cycle() {
                    writer.memory().scribble(word * 8, value);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    thread::yield_now();
                }
            });
            for round in 0..12u64 {
                let time = Some(Duration::from_millis(round % 3));
                let _ = writer.write(&vec![round as u8; (round % 40) as usize], time);
                let chunk = reader.read(time);
                assert!(chunk.is_err() || chunk.is_ok_and(|chunk| chunk.is_none_or(|chunk| chunk.len() <= 32)));
                writer.take_from(ProcessMark::of(1));
            }
            writer.owner_has_ended();
            reader.owner_has_ended();
            stop.store(true, Ordering::Relaxed);
        });
        // Both have ended, whatever stands there.
        prop_assert_eq!(writer.write(b"", Some(PATIENCE)), Err(StreamError::Closed));
        prop_assert_eq!(reader.read(Some(PATIENCE)), Err(StreamError::Closed));
        prop_assert!(begun.elapsed() < PATIENCE);
    }

    #[test]
    fn a_stream_is_first_in_first_out_for_any_sizes_of_chunks(
        actions in prop::collection::vec(prop::option::weighted(0.6, prop::collection::vec(any::<u8>(), 0..40)), 0..200),
    ) {
        let options = StreamOptions::default().capacity_bytes(128).max_chunk_bytes(120).max_chunks(6);
        let (writer, reader) = stream_with::<u8>(options).expect("made");
        let (writer, reader) = (passed(&writer), passed(&reader));
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        for action in actions {
            let taken: usize = model.iter().map(|chunk| 8 + chunk.len().next_multiple_of(8)).sum();
            match action {
                Some(chunk) if model.len() < 6 && taken + 8 + chunk.len().next_multiple_of(8) <= 128 => {
                    prop_assert_eq!(writer.write(&chunk, Some(NOW)), Ok(()));
                    model.push_back(chunk);
                }
                Some(chunk) => prop_assert_eq!(writer.write(&chunk, Some(NOW)), Err(StreamError::TimedOut)),
                None => {
                    let expected = model.pop_front().map(Some).ok_or(StreamError::TimedOut);
                    prop_assert_eq!(reader.read(Some(NOW)), expected);
                }
            }
        }
        writer.finish().expect("here");
        for chunk in model {
            prop_assert_eq!(reader.read(Some(PATIENCE)), Ok(Some(chunk)));
        }
        prop_assert_eq!(reader.read(Some(PATIENCE)), Ok(None));
    }
}

#[test]
fn threads_that_write_by_reference_lose_no_chunk() {
    let (writer, reader) = small();
    let sum = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| reader.for_each(|number| _ = sum.fetch_add(number.expect("whole"), Ordering::Relaxed)));
        thread::scope(|writers| {
            for first in 0..3u64 {
                let writer = &writer;
                writers.spawn(move || (0..300).for_each(|n| writer.send(&(first * 300 + n)).expect("somebody reads")));
            }
        });
        writer.finish().expect("here");
    });
    assert_eq!(sum.into_inner(), 900 * 899 / 2);
}
