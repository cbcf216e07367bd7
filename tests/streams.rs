//! Streams between tasks and their caller: chunks both ways, back-pressure, and who is told what when somebody ends.

use crate::patience::{PATIENCE, end_of, error_of, until};
use crate::support::{executor, house};
use guest_basic::streams;
use isopool::stream::{StreamError, StreamOptions, StreamReader, StreamWriter, stream_with};
use isopool::{Bytes, Executor, IntoTask, LiveInstance, StartMethod, TaskFuture, get_context, stream};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

const METHODS: [StartMethod; 3] = [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork];

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

/// A stream that holds so many chunks.
fn narrow(max_chunks: u32) -> (StreamWriter<u64>, StreamReader<u64>) {
    stream_with(StreamOptions::default().max_chunks(max_chunks)).expect("made")
}

fn next<T: serde::de::DeserializeOwned>(reader: &StreamReader<T>) -> Result<Option<T>, StreamError> {
    let read = reader.read_timeout(PATIENCE);
    assert_ne!(read.as_ref().err(), Some(&StreamError::TimedOut), "nothing comes, and no end");
    read
}

// ── Right ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn far_more_goes_both_ways_than_a_stream_holds_under_every_start_method() {
    let _house = house();
    for method in METHODS {
        let executor = get_context(method).executor().max_workers(1).build().expect("builds");
        let options = StreamOptions::default().capacity_bytes(256);
        let (numbers, for_task) = stream_with(options).expect("made");
        let (from_task, doubled) = stream_with(options).expect("made");
        let task = submit(&executor, streams::double::task(for_task, from_task));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                (0..3000).for_each(|number| numbers.send(&number).expect("the task reads"));
                numbers.finish().expect("it is here");
            });
            (0..3000).for_each(|number| assert_eq!(next(&doubled), Ok(Some(2 * number)), "{method}"));
        });
        assert_eq!(next(&doubled), Ok(None));
        assert_eq!(end_of(&task), Ok(3000));
    }
}

#[test]
fn large_chunks_of_bytes_come_back_as_they_were() {
    let _house = house();
    let executor = executor(1);
    let ((chunks, for_task), (from_task, back)) = (stream().expect("made"), stream().expect("made"));
    let task = submit(&executor, streams::echo::task(for_task, from_task));
    let chunk = |number: usize| Bytes::from(vec![number as u8; 4001 * number]);
    std::thread::scope(|scope| {
        scope.spawn(move || (0..65).for_each(|number| chunks.send(&chunk(number)).expect("the task reads")));
        for number in 0..65 {
            let came = next(&back).expect("whole").expect("as many as went");
            assert!(came == chunk(number), "{number}: {} bytes", came.len());
        }
        assert_eq!(next(&back), Ok(None));
    });
    assert_eq!(end_of(&task), Ok(()));
}

#[test]
fn tasks_in_a_row_pass_chunks_on_without_their_caller() {
    let _house = house();
    for method in METHODS {
        let executor = get_context(method).executor().max_workers(3).build().expect("builds");
        let ((first, to_double), (doubled, to_add)) = (narrow(5), narrow(5));
        // The last comes first: each waits for the one before.
        let sum = submit(&executor, streams::add_up::task(to_add));
        let count = submit(&executor, streams::double::task(to_double, doubled));
        let begin = submit(&executor, streams::count_up::task(first, 2000));
        assert_eq!((end_of(&begin), end_of(&count)), (Ok(()), Ok(2000)));
        assert_eq!(end_of(&sum), Ok((2000 * 1999, None)), "{method}");
    }
}

#[test]
fn a_writer_is_ahead_by_what_the_stream_holds_and_no_more() {
    let _house = house();
    let executor = executor(1);
    for (max_chunks, taken) in [(1, 1), (1, 50), (7, 0), (7, 50)] {
        let (writer, reader) = narrow(max_chunks);
        let task = submit(&executor, streams::count_until_closed::task(writer));
        (0..taken).for_each(|number| assert_eq!(next(&reader), Ok(Some(number))));
        until("it runs", || task.running());
        // Nothing more is wanted: the task ends by itself, and says how many went out.
        drop(reader);
        let (sent, told) = end_of(&task).expect("it is told, and stops");
        assert_eq!(told, StreamError::Closed.to_string());
        assert!((taken..=taken + u64::from(max_chunks)).contains(&sent), "{sent} of {taken} with {max_chunks}");
    }
    assert_eq!(executor.stats().workers_started, 1);
}

#[test]
fn progress_is_told_while_a_stream_is_on_its_way() {
    let _house = house();
    let executor = executor(1);
    let total = 1_000_000;
    let (writer, reader) = narrow(4);
    let task = submit(&executor, streams::count_up::task(writer, total));
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    task.on_progress(move |progress| list.lock().push((progress.done, progress.total)));
    // The task is held back by its reader, so what it says is said in between.
    while told.lock().len() < 3 {
        assert_ne!(next(&reader), Ok(None), "nothing was told on the way");
    }
    assert!(!task.done());
    drop(reader);
    assert!(error_of(&task).to_string().contains(&StreamError::Closed.to_string()));
    let told = told.lock();
    assert!(told.is_sorted() && told.iter().all(|(done, of)| *of == total && *done < total), "{told:?}");
}

#[test]
fn a_call_of_a_live_instance_takes_and_gives_chunks_and_ends_what_it_has() {
    let _house = house();
    let executor = executor(1);
    let module = executor.load("basic", streams::add_all::task(stream().expect("made").1).module.wasm).expect("loads");
    let live: LiveInstance = executor.open(&module).expect("there is room");
    for _ in 0..3 {
        let ((numbers, for_call), (from_call, doubled)) = (narrow(2), narrow(2));
        let call = live.submit(streams::double::task(for_call, from_call)).expect("open");
        numbers.send(&21).expect("it reads");
        assert_eq!(next(&doubled), Ok(Some(42)));
        drop(numbers);
        assert_eq!((next(&doubled), end_of(&call)), (Ok(None), Ok(1)));
    }
    // The instance lives on; the call does not.
    let (writer, reader) = narrow(2);
    let call = live.submit(streams::give_and_end::task(writer, 1, "forget".into())).expect("open");
    assert_eq!((next(&reader), next(&reader)), (Ok(Some(0)), Err(StreamError::Abandoned)));
    assert_eq!(end_of(&call), Ok(()));
    let refused = live.submit(streams::add_all::task(stream().expect("made").1).into_task().env("A", "b"));
    assert!(refused.is_err());
}

// ── Wrong ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn what_cannot_be_done_with_an_end_is_told_in_words() {
    let _house = house();
    let executor = executor(1);
    let options = StreamOptions::default().max_chunks(1).capacity_bytes(64);
    let (writer, reader) = stream_with(options).expect("made");
    let (_words, for_task) = stream::<String>().expect("made");
    let told = end_of(&submit(&executor, streams::misuse::task(writer, for_task))).expect("it answers");
    let expected = [
        StreamError::ChunkTooLarge { size: 101, limit: 16 }.to_string(),
        StreamError::TimedOut.to_string(),
        StreamError::TimedOut.to_string(),
    ];
    assert_eq!(told[..3], expected);
    let passed_on = &told[3];
    assert!(passed_on.contains("a task cannot pass on an end of a stream"), "{passed_on}");
    assert_eq!(told.len(), 4);
    assert_eq!(next(&reader).expect("that was sent").map(Bytes::into_vec), Some(vec![0; 8]));

    let module = executor.load("basic", streams::misuse::task(narrow_bytes(), words()).module.wasm).expect("loads");
    let swapped = module.function("streams::use_swapped").expect("it is there");
    let (writer, reader) = narrow(2);
    let wrong = Some(StreamError::WrongKind.to_string());
    let answer = submit(&executor, swapped.call::<_, (Option<String>, Option<String>)>((&writer, &reader)));
    assert_eq!(end_of(&answer), Ok((wrong.clone(), wrong)));
}

fn narrow_bytes() -> StreamWriter<Bytes> {
    stream().expect("made").0
}

fn words() -> StreamReader<String> {
    stream().expect("made").1
}

#[test]
fn an_end_travels_neither_to_an_initializer_nor_into_a_queue_and_stays_what_it_is() {
    let _house = house();
    let (writer, reader) = narrow(2);
    let queue = isopool::sync::queue::<StreamReader<u64>>(1).expect("made");
    let told = queue.put(&reader, None).expect_err("it is no item").to_string();
    assert!(told.contains("an end of a stream travels among the arguments of a task, and nowhere else"), "{told}");
    writer.send(&1).expect("it is open");
    assert_eq!(next(&reader), Ok(Some(1)));
    let refused = Executor::builder().initializer(streams::let_go::task(reader)).build().expect_err("nor there");
    let told = std::error::Error::source(&refused).expect("the codec says why").to_string();
    assert!(told.contains("and nowhere else"), "{told}");
    assert_eq!(writer.send(&1), Err(StreamError::Closed), "it went with the call");
}

#[test]
fn an_end_goes_to_one_task() {
    let _house = house();
    let executor = executor(2);
    let module = executor.load("basic", streams::misuse::task(narrow_bytes(), words()).module.wasm).expect("loads");
    let add_up = module.function("streams::add_up").expect("it is there");
    let (writer, reader) = narrow(2);
    let first = submit(&executor, add_up.call::<_, (u64, Option<String>)>((&reader,)));
    let second = error_of(&submit(&executor, add_up.call::<_, (u64, Option<String>)>((&reader,)))).to_string();
    let expected = format!("the end {} of a stream was passed to a task before: an end has one owner", reader.id());
    assert!(second.contains(&expected), "{second}");
    assert_eq!(reader.read(), Err(StreamError::NotShared));
    // The first is none the worse for it, nor for the handle that is left.
    drop(reader);
    writer.send(&7).expect("the first reads");
    writer.finish().expect("here");
    assert_eq!(end_of(&first), Ok((7, None)));
    // Twice among the arguments of one is as bad.
    let (writer, reader) = narrow(2);
    let twice = submit(&executor, add_up.call::<_, (u64, Option<String>)>((&reader, &reader)));
    assert!(error_of(&twice).to_string().contains("was passed to a task before"));
    assert_eq!(writer.send(&1), Err(StreamError::Closed), "nobody will read");
    drop(reader);
}

#[test]
fn a_stream_of_no_size_is_refused() {
    let _house = house();
    let told = |options| stream_with::<u64>(options).expect_err("out of its range").to_string();
    assert!(told(StreamOptions::default().capacity_bytes(0)).contains("a stream's capacity_bytes is 64 to"));
    let (writer, _reader) = stream_with::<u64>(StreamOptions::default().max_chunk_bytes(1)).expect("made");
    assert_eq!(writer.send(&300), Err(StreamError::ChunkTooLarge { size: 3, limit: 1 }));
    assert_eq!(writer.send_timeout(&3, Duration::ZERO), Ok(()));
}
