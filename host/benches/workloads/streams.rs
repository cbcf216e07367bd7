//! W16: chunks through a stream, as fast as both ends can: from the caller to a task, from a task to the caller, from task to task.

use crate::measure::line;
use guest_bench::{give, noop, take};
use isopool::{Bytes, Executor, TaskFuture, stream};
use std::time::Instant;

const SIZES: [usize; 3] = [8, 4 << 10, 64 << 10];

/// What a way moves, and how its peer is named.
type Way = (&'static str, fn(&Executor, usize, u64));

pub(crate) fn throughput(chunks: u64) {
    let executor = Executor::builder().max_workers(2).build().expect("the machine has room for a pool");
    let ways: [Way; 3] = [("to a task", to_task), ("from a task", from_task), ("from task to task", task_to_task)];
    // Both workers, with the module.
    let warm: Vec<TaskFuture<u32>> = (0..64).map(|n| executor.submit(noop::task(n)).expect("submits")).collect();
    warm.iter().for_each(|task| _ = task.result().expect("returns"));
    for size in SIZES {
        let count = if size > 1 << 10 { chunks / 4 } else { chunks }.max(1);
        for (way, run) in ways {
            run(&executor, size, count / 10);
            let start = Instant::now();
            run(&executor, size, count);
            let seconds = start.elapsed().as_secs_f64();
            line(way, "W16", size as u64, "chunks_per_s", count as f64 / seconds, "1/s");
            line(way, "W16", size as u64, "GBps", (count * size as u64) as f64 / seconds / 1e9, "GB/s");
        }
    }
}

fn to_task(executor: &Executor, size: usize, count: u64) {
    let (writer, reader) = stream().expect("there is memory");
    let task = executor.submit(take::task(reader)).expect("submits");
    let chunk = Bytes::from(vec![7; size]);
    (0..count).for_each(|_| writer.send(&chunk).expect("the task reads"));
    drop(writer);
    task.result().expect("it takes everything");
}

fn from_task(executor: &Executor, size: usize, count: u64) {
    let (writer, reader) = stream().expect("there is memory");
    let task = executor.submit(give::task(writer, size, count)).expect("submits");
    reader.for_each(|chunk| _ = chunk.expect("whole"));
    task.result().expect("everything was taken");
}

fn task_to_task(executor: &Executor, size: usize, count: u64) {
    let (writer, reader) = stream().expect("there is memory");
    let takes = executor.submit(take::task(reader)).expect("submits");
    executor.submit(give::task(writer, size, count)).expect("submits").result().expect("everything was taken");
    takes.result().expect("it takes everything");
}
