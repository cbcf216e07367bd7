//! Workloads of a pool that is up: W1, W2, W3, W5, W7, W8.

use crate::measure::{
    FRESH, REUSED, cpu_microseconds, line, memory_of_this, microseconds, milliseconds, quantile, reset_peak,
};
use guest_bench::{count_primes, echo as echo_task, noop, noop_chunk};
use isopool::{Bytes, Executor, ExecutorBuilder, Reuse, Shutdown};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const WARM_UP: u32 = 200;
pub(crate) const ROUND_TRIPS: u32 = 3000;
/// Between two tasks, so that everybody sleeps.
const PAUSE: Duration = Duration::from_millis(3);
/// With nothing to do.
const IDLE: Duration = Duration::from_millis(500);
/// Bytes, and how often each is sent.
const SIZES: [(usize, usize); 4] = [(1 << 10, 1000), (64 << 10, 300), (1 << 20, 60), (64 << 20, 6)];

pub(crate) fn pool(workers: usize) -> Executor {
    built(Executor::builder().max_workers(workers))
}

fn built(builder: ExecutorBuilder) -> Executor {
    builder.build().expect("the machine has room for a pool")
}

/// The two kinds of instances, each with its name.
fn flavours(workers: usize) -> [(&'static str, Executor); 2] {
    let builder = Executor::builder().max_workers(workers);
    [(FRESH, built(builder.clone())), (REUSED, built(builder.reuse(Reuse::Worker)))]
}

/// One task, there and back.
pub(crate) fn call(executor: &Executor, x: u32) -> u32 {
    executor.submit(noop::task(x)).expect("submits").result().expect("returns")
}

/// How long one takes, so often, with something before each.
fn round_trips(executor: &Executor, times: u32, mut before: impl FnMut()) -> Vec<f64> {
    let one = |x| {
        before();
        let start = Instant::now();
        black_box(call(executor, x));
        microseconds(start)
    };
    (0..times).map(one).collect()
}

/// W1: one task at a time.
pub(crate) fn round_trip() {
    for (peer, executor) in flavours(1) {
        (0..WARM_UP).for_each(|x| assert_eq!(call(&executor, x), x));
        let cpu = cpu_microseconds();
        let mut samples = round_trips(&executor, ROUND_TRIPS, || {});
        let cpu = (cpu_microseconds() - cpu) / f64::from(ROUND_TRIPS);
        line(peer, "W1", 1, "cpu_us_per_task", cpu, "us cpu");
        for (metric, part) in [("min", 0.0), ("p50", 0.5), ("p99", 0.99)] {
            line(peer, "W1", 1, metric, quantile(&mut samples, part), "us");
        }
        let mut paused = round_trips(&executor, ROUND_TRIPS / 10, || std::thread::sleep(PAUSE));
        line(peer, "W1", 1, "p50_after_3ms", quantile(&mut paused, 0.5), "us");
        let look = cpu_microseconds();
        let idle = cpu_microseconds();
        std::thread::sleep(IDLE);
        // What a look costs is no part of it.
        let cpu = (cpu_microseconds() - idle) - (idle - look);
        line(peer, "W1", 1, "idle_cpu_us_per_s", cpu.max(0.0) / IDLE.as_secs_f64(), "us cpu");
        let mut crowded = crowded(|| round_trips(&executor, ROUND_TRIPS / 3, || {}));
        line(peer, "W1", 1, "p50_crowded", quantile(&mut crowded, 0.5), "us");
        // The processor time of its workers must not be missing from the next one's.
        executor.shutdown(Shutdown::Finish);
    }
}

/// Does something while as many threads as there are processors do nothing but compute.
fn crowded<T>(something: impl FnOnce() -> T) -> T {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    black_box((0..1000u32).fold(0, u32::wrapping_add));
                }
            });
        }
        let done = something();
        ends.store(true, Ordering::Relaxed);
        done
    })
}

/// W2 and W8: a map of `n` tiny tasks over two workers, for each size of chunk.
pub(crate) fn many(workload: &str, n: u64, chunks: &[u64]) {
    let items = u32::try_from(n).expect("fewer than 2^32 items");
    for (peer, executor) in flavours(2) {
        assert_eq!(sum(&executor, WARM_UP, 1), u64::from(WARM_UP) * u64::from(WARM_UP - 1) / 2);
        for &chunk in if chunks.is_empty() { &[1] } else { chunks } {
            let (cpu, start) = (cpu_microseconds(), Instant::now());
            let sum = sum(&executor, items, usize::try_from(chunk).expect("fits").max(1));
            let seconds = start.elapsed().as_secs_f64();
            let cpu = cpu_microseconds() - cpu;
            assert_eq!(sum, n * (n - 1) / 2, "every task ran, and once");
            let metric = |name: &str| format!("{name}:chunk{chunk}");
            line(peer, workload, n, &metric("tasks_per_s"), n as f64 / seconds, "1/s");
            line(peer, workload, n, &metric("us_per_task"), seconds * 1e6 / n as f64, "us");
            line(peer, workload, n, &metric("cpu_us_per_task"), cpu / n as f64, "us cpu");
        }
        executor.shutdown(Shutdown::Finish);
    }
}

/// Chunks of more than one are lists in one task, which is what a chunk is for the peers: isopool's own `chunk_size`
/// never puts two items into one sandbox.
fn sum(executor: &Executor, items: u32, chunk: usize) -> u64 {
    if chunk == 1 {
        return executor.map(noop::task, 0..items).map(|result| u64::from(result.expect("returns"))).sum();
    }
    let lists = (0..items).step_by(chunk).map(|first| (first..items).take(chunk).collect::<Vec<u32>>());
    let results = executor.map(noop_chunk::task, lists).map(|result| result.expect("returns"));
    results.map(|list| list.into_iter().map(u64::from).sum::<u64>()).sum()
}

/// W3: bytes there and back.
pub(crate) fn echo() {
    let executor = pool(1);
    call(&executor, 1);
    for (size, times) in SIZES {
        let bytes = Bytes::from(vec![7; size]);
        let mut samples = Vec::new();
        for round in 0..times + 2 {
            let argument = bytes.clone();
            let start = Instant::now();
            let result = executor.submit(echo_task::task(argument)).expect("submits").result().expect("returns");
            if round > 1 {
                samples.push(microseconds(start));
            }
            assert_eq!(result.len(), size);
        }
        let p50 = quantile(&mut samples, 0.5);
        line(FRESH, "W3", size as u64, "min", quantile(&mut samples, 0.0), "us");
        line(FRESH, "W3", size as u64, "p50", p50, "us");
        line(FRESH, "W3", size as u64, "GBps", size as f64 / p50 / 1e3, "GB/s");
    }
}

/// W5: computing that has nothing to do with the pool, against the same in this thread.
pub(crate) fn computing(k: u64, n: u64) {
    let k = u32::try_from(k).expect("fewer than 2^32");
    let (cpu, start) = (cpu_microseconds(), Instant::now());
    (0..n).for_each(|_| _ = black_box(count_primes(black_box(k))));
    let (serial, serial_cpu) = (milliseconds(start), cpu_microseconds() - cpu);
    line(FRESH, "W5", n, "serial", serial, "ms");
    let mut total = [0.0; 2];
    for workers in 1..=2 {
        let executor = pool(workers);
        let map =
            |n| executor.map(count_primes::task, (0..n).map(|_| k)).for_each(|result| _ = result.expect("returns"));
        map(4);
        let (cpu, start) = (cpu_microseconds(), Instant::now());
        map(n);
        total[workers - 1] = milliseconds(start);
        let cpu = (cpu_microseconds() - cpu) / serial_cpu;
        line(FRESH, "W5", n, &format!("cpu_overhead_{workers}w"), (cpu - 1.0) * 100.0, "% cpu");
        line(FRESH, "W5", n, &format!("total_{workers}w"), total[workers - 1], "ms");
    }
    line(FRESH, "W5", n, "speedup_2w_vs_1w", total[0] / total[1], "x");
    line(FRESH, "W5", n, "overhead_1w", (total[0] / serial - 1.0) * 100.0, "%");
    line(FRESH, "W5", n, "overhead_2w_vs_ideal", (total[1] * 2.0 / serial - 1.0) * 100.0, "%");
}

/// W7: all tasks first, then all results.
pub(crate) fn futures_at_once(n: u64) {
    let capacity = usize::try_from(n).expect("fits");
    let executor = built(Executor::builder().max_workers(2).queue_capacity(capacity.max(1)));
    (0..50).for_each(|x| _ = call(&executor, x));
    reset_peak();
    let (before, start) = (memory_of_this("VmRSS:"), Instant::now());
    let futures: Vec<_> = (0..n).map(|x| executor.submit(noop::task(x as u32)).expect("submits")).collect();
    let submitted = start.elapsed().as_secs_f64();
    futures.iter().for_each(|future| _ = future.result().expect("returns"));
    let total = start.elapsed().as_secs_f64();
    let grown = memory_of_this("VmHWM:").saturating_sub(before) as f64;
    line(FRESH, "W7", n, "submit_s", submitted, "s");
    line(FRESH, "W7", n, "total_s", total, "s");
    line(FRESH, "W7", n, "parent_peak_delta", grown, "KiB");
    line(FRESH, "W7", n, "bytes_per_future", grown * 1024.0 / n as f64, "B");
}
