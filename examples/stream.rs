//! A filter that is fed line by line: `cargo run --example stream`.
//!
//! The task gets lines as they come, and gives those that it likes, as they come: neither side ever holds more of the log than the
//! stream does. Whoever has seen enough stops reading; the filter learns of it by its next match, and ends.

use isopool::stream::{StreamError, StreamOptions, StreamReader, StreamWriter, stream_with};
use isopool::{Executor, task};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A log that has no end.
fn log() -> impl Iterator<Item = String> {
    const WHAT: [&str; 4] =
        ["GET /index.html 200", "GET /favicon.ico 404", "POST /login 200", "disk 3: error, retrying"];
    (0..).map(|n: usize| format!("{:02}:{:02} {}", n / 60 % 24, n % 60, WHAT[n % 7 % 4]))
}

fn main() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(1).build()?;
    let word = "error".to_owned();
    let filter = task!([word: String] |lines: StreamReader<String>, found: StreamWriter<String>| -> Result<u64, StreamError> {
        let mut seen = 0;
        for line in lines {
            let line = line?;
            seen += 1;
            if line.contains(&word) {
                found.send(&line)?;
            }
        }
        found.finish()?;
        Ok(seen)
    });

    // A log that ends: all matches, then the end, then the task's own result.
    let ((lines, for_task), (from_task, found)) = (isopool::stream()?, isopool::stream()?);
    let task = executor.submit(filter(for_task, from_task))?;
    for line in log().take(50) {
        lines.send(&line)?;
    }
    lines.finish()?;
    let matches = found.collect::<Result<Vec<String>, StreamError>>()?;
    println!("{} of {} lines: {:?} … {:?}", matches.len(), task.result()?, matches[0], matches[matches.len() - 1]);

    // One that does not, and a reader who wants three.
    let options = StreamOptions::default().max_chunks(16);
    let ((lines, for_task), (from_task, found)) = (stream_with(options)?, stream_with(options)?);
    let task = executor.submit(filter(for_task, from_task))?;
    let fed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Held back while the filter is busy; an error when the filter has ended.
            let end =
                log().inspect(|_| _ = fed.fetch_add(1, Ordering::Relaxed)).find_map(|line| lines.send(&line).err());
            println!("the log's side: {}", end.expect("it has no end of its own"));
        });
        for line in found.take(3) {
            println!("found: {}", line?);
        }
        // `take` has dropped its reader: nobody wants more.
        println!("the filter: {}", task.result().expect_err("it cannot go on"));
        anyhow::Ok(())
    })?;
    println!("of a log without an end, {} lines were fed", fed.load(Ordering::Relaxed));
    Ok(())
}
