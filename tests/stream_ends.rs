//! Tasks that end in the middle of a stream, in every way: nobody waits for one that is gone.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, kill, only_worker, until};
use crate::support::{begin_waiting, executor, house};
use guest_basic::{streams, value};
use isopool::stream::{StreamError, StreamOptions, StreamReader, StreamWriter, stream_with};
use isopool::sync::event;
use isopool::{ErrorKind, Executor, Interruption, IntoTask, Shutdown, StartMethod, TaskError, TaskFuture, get_context};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const METHODS: [StartMethod; 3] = [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork];

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

fn narrow(max_chunks: u32) -> (StreamWriter<u64>, StreamReader<u64>) {
    stream_with(StreamOptions::default().max_chunks(max_chunks)).expect("made")
}

/// The chunks that come, and how it ends. Only a hang takes longer than a timeout.
fn rest(reader: &StreamReader<u64>) -> (Vec<u64>, Result<(), StreamError>) {
    let mut chunks = Vec::new();
    loop {
        match reader.read_timeout(PATIENCE) {
            Ok(Some(chunk)) => chunks.push(chunk),
            Ok(None) => return (chunks, Ok(())),
            Err(error) => return (chunks, Err(error)),
        }
    }
}

/// How the writer learns that nobody reads.
fn end_of_writing(writer: &StreamWriter<u64>) -> StreamError {
    (0..).find_map(|number| writer.send_timeout(&number, PATIENCE).err()).expect("it ends")
}

/// A task that waits within `send`: its stream is full. What it has sent so far is 0, 0 and nothing more.
fn waits_to_send(executor: &Executor) -> (TaskFuture<()>, StreamReader<u64>) {
    let (writer, reader) = narrow(1);
    let task = submit(executor, streams::give_and_end::task(writer, 0, "wait".into()));
    // The first was taken, so the second is there and the third waits.
    assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(0)));
    sleeps(executor);
    (task, reader)
}

/// A task that waits within `read`: its stream is empty.
fn waits_to_read(executor: &Executor) -> (TaskFuture<u64>, StreamWriter<u64>) {
    let (writer, reader) = narrow(1);
    let task = submit(executor, streams::take_and_end::task(reader, 0, "wait".into()));
    // When there is room for the second, the first was taken.
    (0..3).for_each(|number| writer.send_timeout(&number, PATIENCE).expect("it reads"));
    sleeps(executor);
    (task, writer)
}

/// What the kernel says of the one worker: it is in the middle of a host call.
fn sleeps(executor: &Executor) {
    let pid = only_worker(executor).pid;
    until("it waits within a host call", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    });
}

#[test]
fn how_a_writing_task_ends_is_told_to_its_reader_after_the_chunks_under_every_start_method() {
    let _house = house();
    for method in METHODS {
        let executor = get_context(method).executor().max_workers(1).build().expect("builds");
        for (how, whole) in [
            ("finish", true),
            ("drop", true),
            ("fail", true),
            ("abandon", false),
            ("forget", false),
            ("panic", false),
            ("trap", false),
        ] {
            let (writer, reader) = narrow(100);
            let task = submit(&executor, streams::give_and_end::task(writer, 3, how.into()));
            let ended = end_of(&task);
            assert_eq!(ended.is_ok(), matches!(how, "finish" | "drop" | "abandon" | "forget"), "{how}: {ended:?}");
            // Whoever saw the task end waits for nothing.
            let chunks: Vec<_> = (0..3).map(|_| reader.read_timeout(Duration::ZERO)).collect();
            assert_eq!(chunks, [Ok(Some(0)), Ok(Some(1)), Ok(Some(2))], "{how}");
            let expected = if whole { Ok(None) } else { Err(StreamError::Abandoned) };
            assert_eq!(reader.read_timeout(Duration::ZERO), expected, "{how}");
        }
        assert_eq!(executor.stats().workers_started, 1, "{method}");
    }
}

/// Looks at a stream at the moment in which a future shows the end of its task.
struct Looks(StreamReader<u64>, Mutex<Vec<Result<Option<u64>, StreamError>>>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        self.1.lock().push(self.0.read_timeout(Duration::ZERO));
    }
}

#[test]
fn a_stream_is_ended_before_the_future_shows_the_end_of_its_task() {
    let _house = house();
    let executor = executor(1);
    let (there, on) = (event().expect("made"), event().expect("made"));
    let (writer, reader) = narrow(1);
    let mut task = submit(&executor, streams::hold_writer::task(writer, there.clone(), on.clone()));
    assert_eq!(there.wait(Some(PATIENCE)), Ok(true));
    let looks = Arc::new(Looks(reader, Mutex::default()));
    let waker = Waker::from(Arc::clone(&looks));
    assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    on.set().expect("here");
    assert_eq!(end_of(&task), Ok(()));
    until("it was woken", || !looks.1.lock().is_empty());
    assert_eq!(*looks.1.lock(), [Err(StreamError::Abandoned)]);
}

#[test]
fn an_end_that_comes_with_arguments_that_do_not_decode_has_not_finished() {
    let _house = house();
    let executor = executor(1);
    let module = executor.load("basic", streams::count_up::task(narrow(1).0, 1).module.wasm).expect("loads");
    let count_up = module.function("streams::count_up").expect("it is there");
    let (writer, reader) = narrow(1);
    let task = submit(&executor, count_up.call::<_, ()>((writer,)));
    assert!(matches!(error_of(&task), TaskError::Codec { .. }), "the number is missing");
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
}

#[test]
fn however_a_reading_task_ends_its_writer_is_told_under_every_start_method() {
    let _house = house();
    for method in METHODS {
        let executor = get_context(method).executor().max_workers(1).build().expect("builds");
        for how in ["close", "drop", "forget", "panic"] {
            let (writer, reader) = narrow(1);
            let task = submit(&executor, streams::take_and_end::task(reader, 2, how.into()));
            assert_eq!(end_of_writing(&writer), StreamError::Closed, "{how}");
            assert_eq!(end_of(&task).is_ok(), how != "panic");
            assert_eq!(writer.send(&1), Err(StreamError::Closed));
        }
        assert_eq!(executor.stats().workers_started, 1, "{method}");
    }
}

#[test]
fn a_worker_that_is_killed_leaves_no_wait_at_the_other_end_under_every_start_method() {
    let _house = house();
    for method in METHODS {
        let executor = get_context(method).executor().max_workers(1).build().expect("builds");
        let (task, reader) = waits_to_send(&executor);
        kill(only_worker(&executor).pid);
        assert_eq!(rest(&reader), (vec![0], Err(StreamError::Abandoned)), "{method}");
        assert!(error_of(&task).broken_process_pool().is_some());
        let (task, writer) = waits_to_read(&executor);
        kill(only_worker(&executor).pid);
        assert_eq!(end_of_writing(&writer), StreamError::Closed, "{method}");
        assert!(error_of(&task).broken_process_pool().is_some());
    }
}

#[test]
fn a_task_that_waits_for_a_stream_is_cancelled_or_runs_out_of_time_by_either_interruption() {
    let _house = house();
    for interruption in [Interruption::Kill, Interruption::Epoch] {
        let executor = Executor::builder().max_workers(1).interruption(interruption).build().expect("builds");
        assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
        let worker = only_worker(&executor);
        for _ in 0..2 {
            let (task, reader) = waits_to_send(&executor);
            assert!(task.cancel() && error_of(&task).is_cancelled());
            assert_eq!(rest(&reader), (vec![0], Err(StreamError::Abandoned)));
            let (task, writer) = waits_to_read(&executor);
            assert!(task.cancel() && error_of(&task).is_cancelled());
            assert_eq!(end_of_writing(&writer), StreamError::Closed);

            let short = Duration::from_millis(50);
            let ((writer, reader), (other_writer, other_reader)) = (narrow(1), narrow(1));
            let gives = streams::give_and_end::task(writer, 0, "wait".into()).into_task().time_limit(short);
            let late = submit(&executor, gives);
            assert!(matches!(error_of(&late), TaskError::TimedOut { .. }));
            assert_eq!(rest(&reader).1, Err(StreamError::Abandoned));
            let late = submit(&executor, streams::add_up::task(other_reader).into_task().time_limit(short));
            assert!(matches!(error_of(&late), TaskError::TimedOut { .. }));
            assert_eq!(end_of_writing(&other_writer), StreamError::Closed);
            assert_eq!(end_of(&submit(&executor, value::add::task(1, 1))), Ok(2));
        }
        let stays = only_worker(&executor) == worker;
        assert_eq!(stays, interruption == Interruption::Epoch, "{:?}", executor.stats());
    }
}

#[test]
fn every_shutdown_in_the_middle_of_a_stream_comes_to_its_end() {
    let _house = house();
    let begin = || {
        let executor = executor(1);
        let (task, reader) = waits_to_send(&executor);
        let (writer, pending) = narrow(1);
        let behind = submit(&executor, streams::add_up::task(pending));
        (executor, task, reader, writer, behind)
    };
    let (executor, task, reader, writer, behind) = begin();
    executor.shutdown(Shutdown::Kill);
    assert_eq!(rest(&reader), (vec![0], Err(StreamError::Abandoned)));
    assert_eq!(end_of_writing(&writer), StreamError::Closed);
    assert!(matches!((error_of(&task), error_of(&behind)), (TaskError::Shutdown { .. }, TaskError::Shutdown { .. })));

    let (executor, task, reader, writer, behind) = begin();
    std::thread::scope(|scope| {
        scope.spawn(|| executor.shutdown(Shutdown::CancelPending));
        assert_eq!(end_of_writing(&writer), StreamError::Closed);
        assert!(error_of(&behind).is_cancelled());
        assert_eq!(reader.read_timeout(PATIENCE), Ok(Some(0)), "what has begun goes on");
        drop(reader);
        assert!(error_of(&task).to_string().contains("nobody reads"));
    });

    let (executor, task, reader, writer, behind) = begin();
    drop(executor);
    drop(reader);
    assert!(error_of(&task).to_string().contains("nobody reads"));
    writer.send_timeout(&5, PATIENCE).expect("it is its turn");
    drop(writer);
    assert_eq!(end_of(&behind), Ok((5, None)));
}

#[test]
fn a_task_that_never_runs_has_ended_what_it_had() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).max_argument_bytes(1000).build().expect("builds");
    let first = begin_waiting(&executor);
    // Cancelled while it waits for its turn.
    let (writer, reader) = narrow(1);
    let pending = submit(&executor, streams::count_up::task(writer, 1));
    assert!(pending.cancel());
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    // Arguments that are too large.
    let (writer, reader) = narrow(1);
    let large = submit(&executor, streams::give_and_end::task(writer, 1, "x".repeat(1000)));
    assert!(matches!(error_of(&large), TaskError::ArgumentTooLarge { .. }));
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    // Arguments that do not encode: one end before what fails, and one behind it.
    let module = executor.load("basic", streams::count_up::task(narrow(1).0, 1).module.wasm).expect("loads");
    let ((before, of_before), (behind, of_behind), (_, passed)) = (narrow(1), narrow(1), narrow(1));
    let add_up = module.function("streams::add_up").expect("it is there");
    drop(submit(&executor, add_up.call::<_, (u64, Option<String>)>((&passed,))));
    let failed = submit(&executor, add_up.call::<_, (u64, Option<String>)>((before, passed, behind)));
    assert!(matches!(error_of(&failed), TaskError::Codec { .. }));
    assert_eq!(of_before.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    assert_eq!(of_behind.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    first.cancel();
    // An executor that takes nothing more.
    executor.shutdown(Shutdown::Finish);
    let ((writer, reader), (other_writer, other_reader)) = (narrow(1), narrow(1));
    let refused = executor.submit(streams::double::task(other_reader, writer)).expect_err("it is closed");
    assert_eq!(refused.kind(), ErrorKind::Shutdown);
    assert_eq!(reader.read_timeout(PATIENCE), Err(StreamError::Abandoned));
    assert_eq!(other_writer.send(&1), Err(StreamError::Closed));
}

#[test]
fn a_task_that_is_given_back_is_whole() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).max_argument_bytes(1000).max_pending_bytes(1000);
    let executor = executor.build().expect("builds");
    let (held_writer, held) = narrow(1);
    let (there, on) = (event().expect("made"), event().expect("made"));
    let hold = submit(&executor, streams::hold::task(held, there.clone(), on.clone()));
    assert_eq!(there.wait(Some(PATIENCE)), Ok(true));
    let (writer, reader) = narrow(1);
    // The bytes are counted after the ends were moved.
    let task = streams::give_and_end::task(writer, 1, "finish".to_owned() + &" ".repeat(940));
    let refused = executor.try_submit(task).expect_err("there is no room for so many bytes");
    assert_eq!(refused.error.kind(), ErrorKind::QueueFull);
    assert_eq!(reader.read_timeout(Duration::ZERO), Err(StreamError::TimedOut), "nothing has ended");
    on.set().expect("here");
    assert_eq!(end_of(&hold), Ok(()));
    assert_eq!(held_writer.send(&1), Err(StreamError::Closed));
    let again = submit(&executor, refused.task);
    assert_eq!(rest(&reader), (vec![0], Ok(())));
    assert_eq!(end_of(&again), Ok(()));
}

#[test]
fn a_task_that_had_not_begun_takes_its_ends_along_to_another_worker() {
    let _house = house();
    let executor = executor(1);
    let lost = begin_waiting(&executor);
    let (writer, reader) = narrow(1);
    let sent_ahead = submit(&executor, streams::add_up::task(reader));
    writer.send(&1).expect("somebody will read");
    kill(only_worker(&executor).pid);
    assert!(error_of(&lost).broken_process_pool().is_some());
    (2..5).for_each(|number| writer.send_timeout(&number, PATIENCE).expect("it runs now"));
    writer.finish().expect("here");
    assert_eq!(end_of(&sent_ahead), Ok((10, None)));
}

#[test]
fn a_task_that_is_run_again_goes_on_where_the_stream_stands() {
    let _house = house();
    let executor = executor(1);
    let (writer, reader) = narrow(1);
    let task = submit(&executor, streams::add_up::task(reader).into_task().retries(1));
    // When the third has room the first was taken, and that run is lost with it.
    [100, 10, 10].iter().for_each(|number| writer.send_timeout(number, PATIENCE).expect("it reads"));
    let pid = only_worker(&executor).pid;
    kill(pid);
    until("it is gone", || !is_alive(pid));
    writer.send_timeout(&1, PATIENCE).expect("the next run reads");
    writer.finish().expect("here");
    let (sum, told) = end_of(&task).expect("it is run again");
    assert!(told.is_none() && matches!(sum, 1 | 11 | 21), "{sum}");
}
