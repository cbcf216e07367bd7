//! What it does: tasks that take and give chunks. Never: keeps one for longer than it works on it.

use isopool_guest::stream::{StreamError, StreamReader, StreamWriter};
use isopool_guest::sync::{Event, SyncError};
use isopool_guest::{Bytes, progress, task};
use std::time::Duration;

/// Gives back twice of each number, and how many there were.
///
/// # Errors
/// One of the streams ended before its end.
#[task]
pub fn double(numbers: StreamReader<u64>, doubled: StreamWriter<u64>) -> Result<u64, StreamError> {
    let mut count = 0;
    for number in numbers {
        doubled.send(&(2 * number?))?;
        count += 1;
    }
    doubled.finish()?;
    Ok(count)
}

/// Gives numbers, from 0 on, and says of each how far it is.
///
/// # Errors
/// Nobody reads.
#[task]
pub fn count_up(numbers: StreamWriter<u64>, total: u64) -> Result<(), StreamError> {
    for number in 0..total {
        numbers.send(&number)?;
        progress(number + 1, total, "counting");
    }
    Ok(())
}

/// Gives numbers for as long as anybody reads; how many that were, and the error that has ended it.
#[task]
pub fn count_until_closed(numbers: StreamWriter<u64>) -> (u64, String) {
    (0..).find_map(|number| numbers.send(&number).err().map(|error| (number, error.to_string()))).expect("it ends")
}

/// Gives these numbers, and then ends as it is told.
///
/// # Errors
/// Nobody reads, or the end that was asked for.
#[task]
pub fn give_and_end(numbers: StreamWriter<u64>, count: u64, how: String) -> Result<(), String> {
    for number in 0..count {
        numbers.send(&number).map_err(|error| error.to_string())?;
    }
    match how.trim() {
        "finish" => numbers.finish().map_err(|error| error.to_string()),
        "abandon" => numbers.abandon().map_err(|error| error.to_string()),
        "drop" => Ok(()),
        "forget" => {
            std::mem::forget(numbers);
            Ok(())
        }
        "fail" => Err("in the middle".to_owned()),
        "panic" => panic!("in the middle"),
        "trap" => {
            crate::crash::trap_unreachable();
            Ok(())
        }
        _ => {
            // Until it is stopped: the stream is full, or nobody reads on.
            while numbers.send(&count).is_ok() {}
            Err("nobody reads".to_owned())
        }
    }
}

/// Takes so many numbers, and then ends as it is told. Their sum.
///
/// # Errors
/// The stream ended before its end.
#[task]
pub fn take_and_end(numbers: StreamReader<u64>, count: u64, how: String) -> Result<u64, StreamError> {
    let mut sum = 0;
    for _ in 0..count {
        sum += numbers.read()?.unwrap_or_default();
    }
    match &*how {
        "close" => numbers.close()?,
        "forget" => std::mem::forget(numbers),
        "panic" => panic!("in the middle"),
        "wait" => {
            // Until it is stopped: nobody writes.
            while numbers.read()?.is_some() {}
        }
        _ => {}
    }
    Ok(sum)
}

/// Takes everything; the sum, or how it ended.
#[task]
pub fn add_up(numbers: StreamReader<u64>) -> (u64, Option<String>) {
    let mut sum = 0;
    for number in numbers {
        match number {
            Ok(number) => sum += number,
            Err(error) => return (sum, Some(error.to_string())),
        }
    }
    (sum, None)
}

/// Gives back what comes.
///
/// # Errors
/// One of the streams ended before its end.
#[task]
pub fn echo(chunks: StreamReader<Bytes>, back: StreamWriter<Bytes>) -> Result<(), StreamError> {
    chunks.into_iter().try_for_each(|chunk| back.send(&chunk?))
}

/// Says that it is there and waits, with an end in its hands that it does not use.
///
/// # Errors
/// An event was not passed.
#[task]
pub fn hold(_numbers: StreamReader<u64>, there: Event, on: Event) -> Result<(), SyncError> {
    there.set()?;
    on.wait(None).map(drop)
}

/// As [`hold()`], with an end that it never finishes.
///
/// # Errors
/// An event was not passed.
#[task]
pub fn hold_writer(numbers: StreamWriter<u64>, there: Event, on: Event) -> Result<(), SyncError> {
    std::mem::forget(numbers);
    there.set()?;
    on.wait(None).map(drop)
}

/// Tells what comes of each thing that cannot be done with an end.
///
/// # Errors
/// It came otherwise than told.
#[task]
pub fn misuse(numbers: StreamWriter<Bytes>, words: StreamReader<String>) -> Result<Vec<String>, StreamError> {
    let mut told = Vec::new();
    let mut tell = |answer: Result<(), StreamError>| told.extend(answer.err().map(|error| error.to_string()));
    tell(numbers.send(&Bytes::from(vec![0; 100])));
    numbers.send(&Bytes::from(vec![0; 8]))?;
    tell(numbers.send_timeout(&Bytes::from(vec![0; 8]), Duration::from_millis(20)));
    tell(words.read_timeout(Duration::ZERO).map(drop));
    let passed_on = isopool_guest::submit(add_all::task(words));
    told.extend(passed_on.err().map(|error| error.to_string()));
    Ok(told)
}

/// A task of a task, to be passed what its parent has.
///
/// # Errors
/// The stream ended before its end.
#[task]
pub fn add_all(words: StreamReader<String>) -> Result<usize, StreamError> {
    words.map(|word| word.map(|word| word.len())).sum()
}

/// Takes an end, and lets it go.
#[task]
pub fn let_go(_numbers: StreamReader<u64>) {}

/// Uses ends whose kinds are swapped.
#[task]
pub fn use_swapped(writer: StreamReader<u64>, reader: StreamWriter<u64>) -> (Option<String>, Option<String>) {
    (writer.read().err().map(|error| error.to_string()), reader.send(&1).err().map(|error| error.to_string()))
}
