//! The workloads W1–W8 with procspawn's pool. A queued call holds descriptors until it has run, so those in flight are
//! bounded: `map` has a window of them, and W7 says where they end.

use bench_native::*;
use procspawn::Pool;
use serde_bytes::ByteBuf;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PEER: &str = "procspawn";
/// How many calls of a map are in flight.
const WINDOW: usize = 64;
const SIZES: [(usize, usize); 4] = [(1 << 10, 1000), (64 << 10, 300), (1 << 20, 60), (64 << 20, 6)];

fn noop(x: u32) -> u32 {
    x
}

fn chunk(items: Vec<u32>) -> Vec<u32> {
    items.into_iter().map(noop).collect()
}

fn echo(bytes: ByteBuf) -> ByteBuf {
    bytes
}

fn primes(k: u32) -> u32 {
    count_primes(k)
}

fn hang(_: u32) -> u32 {
    std::thread::sleep(Duration::from_secs(1000));
    0
}

fn pool(workers: u64) -> Pool {
    Pool::new(workers as usize).expect("the machine has room for a pool")
}

fn call(pool: &Pool, x: u32) {
    assert_eq!(pool.spawn(x, noop).join().expect("returns"), x);
}

fn main() {
    procspawn::init();
    let (workload, numbers) = arguments();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    match workload.as_str() {
        "version" => println!("procspawn 1.0.2"),
        "W1" => round_trip(),
        "W2" | "W8" => many(&workload, number(0, 1000) as u32, &numbers[1..]),
        "W3" => echoes(),
        "W4" => first_result(number(0, 1)),
        "W4life" => {
            let pool = pool(1);
            call(&pool, 1);
            pool.shutdown();
        }
        "W5" => computing(number(0, 270_000) as u32, number(1, 64)),
        "W6" => worker_killed(number(0, 10)),
        "W7" => futures_at_once(number(0, 1000)),
        _ => panic!("{workload} is no workload"),
    }
}

fn round_trip() {
    let pool = pool(1);
    (0..200).for_each(|x| call(&pool, x));
    let cpu = cpu_microseconds();
    let mut samples = round_trips(&pool, 3000, || {});
    line(PEER, "W1", 1, "cpu_us_per_task", (cpu_microseconds() - cpu) / 3000.0, "us cpu");
    spread(PEER, "W1", 1, &mut samples, "us");
    let mut paused = round_trips(&pool, 300, || std::thread::sleep(Duration::from_millis(3)));
    line(PEER, "W1", 1, "p50_after_3ms", quantile(&mut paused, 0.5), "us");
    let look = cpu_microseconds();
    let idle = cpu_microseconds();
    std::thread::sleep(Duration::from_millis(500));
    // What a look costs is no part of it.
    let cpu = (cpu_microseconds() - idle) - (idle - look);
    line(PEER, "W1", 1, "idle_cpu_us_per_s", cpu.max(0.0) * 2.0, "us cpu");
    let ends = AtomicBool::new(false);
    let mut crowded = std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| while !ends.load(Ordering::Relaxed) {});
        }
        let crowded = round_trips(&pool, 1000, || {});
        ends.store(true, Ordering::Relaxed);
        crowded
    });
    line(PEER, "W1", 1, "p50_crowded", quantile(&mut crowded, 0.5), "us");
}

/// How long one takes, so often, with something before each.
fn round_trips(pool: &Pool, times: u32, mut before: impl FnMut()) -> Vec<f64> {
    let one = |x| {
        before();
        let start = Instant::now();
        call(pool, x);
        microseconds(start)
    };
    (0..times).map(one).collect()
}

fn many(workload: &str, n: u32, chunks: &[u64]) {
    let pool = pool(2);
    sum(&pool, 200, 1);
    for &chunk in if chunks.is_empty() { &[1] } else { chunks } {
        let (cpu, start) = (cpu_microseconds(), Instant::now());
        let sum = sum(&pool, n, chunk as u32);
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_microseconds() - cpu);
        assert_eq!(sum, u64::from(n) * u64::from(n - 1) / 2, "every task ran, and once");
        let n = f64::from(n);
        line(PEER, workload, n as u64, &format!("tasks_per_s:chunk{chunk}"), n / seconds, "1/s");
        line(PEER, workload, n as u64, &format!("us_per_task:chunk{chunk}"), seconds * 1e6 / n, "us");
        line(PEER, workload, n as u64, &format!("cpu_us_per_task:chunk{chunk}"), cpu / n, "us cpu");
    }
}

fn sum(pool: &Pool, n: u32, size: u32) -> u64 {
    let (mut sum, mut first) = (0, 0);
    let (mut single, mut lists) = (VecDeque::new(), VecDeque::new());
    loop {
        while first < n && single.len() + lists.len() < WINDOW {
            if size == 1 {
                single.push_back(pool.spawn(first, noop));
            } else {
                lists.push_back(pool.spawn((first..(first + size).min(n)).collect::<Vec<u32>>(), chunk));
            }
            first += size;
        }
        if let Some(handle) = single.pop_front() {
            sum += u64::from(handle.join().expect("returns"));
        } else if let Some(handle) = lists.pop_front() {
            sum += handle.join().expect("returns").into_iter().map(u64::from).sum::<u64>();
        } else {
            return sum;
        }
    }
}

fn echoes() {
    let pool = pool(1);
    call(&pool, 1);
    for (size, times) in SIZES {
        let bytes = ByteBuf::from(vec![7; size]);
        let mut samples = Vec::new();
        for turn in 0..times + 2 {
            let argument = bytes.clone();
            let start = Instant::now();
            let result = pool.spawn(argument, echo).join().expect("returns");
            if turn > 1 {
                samples.push(microseconds(start));
            }
            assert_eq!(result.len(), size);
        }
        spread(PEER, "W3", size as u64, &mut samples, "us");
    }
}

fn first_result(workers: u64) {
    let start = Instant::now();
    let pool = pool(workers);
    call(&pool, 1);
    line(PEER, "W4", workers, "first_result", milliseconds(start), "ms");
    sum(&pool, 100, 1);
    std::thread::sleep(Duration::from_millis(50));
    let pids = children();
    let mean = |key: &str| {
        pids.iter().map(|pid| kib(&format!("/proc/{pid}/smaps_rollup"), key)).sum::<f64>() / pids.len().max(1) as f64
    };
    line(PEER, "W4", workers, "worker_pss", mean("Pss:"), "KiB");
    line(PEER, "W4", workers, "worker_private", mean("Private_Dirty:") + mean("Private_Clean:"), "KiB");
    let start = Instant::now();
    pool.shutdown();
    line(PEER, "W4", workers, "shutdown", milliseconds(start), "ms");
}

fn computing(k: u32, n: u64) {
    let (cpu, start) = (cpu_microseconds(), Instant::now());
    (0..n).for_each(|_| _ = std::hint::black_box(count_primes(std::hint::black_box(k))));
    let (serial, serial_cpu) = (milliseconds(start), cpu_microseconds() - cpu);
    for (workers, metric) in [(1, "overhead_1w"), (2, "overhead_2w_vs_ideal")] {
        let pool = pool(workers);
        let run = |n: u64| {
            let handles: Vec<_> = (0..n).map(|_| pool.spawn(k, primes)).collect();
            handles.into_iter().for_each(|handle| _ = handle.join().expect("returns"));
        };
        run(4);
        let (cpu, start) = (cpu_microseconds(), Instant::now());
        run(n);
        let (total, cpu) = (milliseconds(start), cpu_microseconds() - cpu);
        line(PEER, "W5", n, &format!("cpu_overhead_{workers}w"), (cpu / serial_cpu - 1.0) * 100.0, "% cpu");
        line(PEER, "W5", n, metric, (total * workers as f64 / serial - 1.0) * 100.0, "%");
    }
}

fn worker_killed(times: u64) {
    let pool = pool(1);
    let (mut told, mut again) = (Vec::new(), Vec::new());
    for _ in 0..times {
        call(&pool, 1);
        let hanging = pool.spawn(1, hang);
        std::thread::sleep(Duration::from_millis(30));
        let pid = hanging.pid().expect("it runs");
        let start = Instant::now();
        // SAFETY: a number that is a child's, which nobody has reaped.
        unsafe { libc::kill(pid as i32, libc::SIGKILL) };
        hanging.join().expect_err("its worker is gone");
        told.push(milliseconds(start));
        call(&pool, 1);
        again.push(milliseconds(start));
    }
    for (name, samples) in [("to_error", &mut told), ("to_first_result", &mut again)] {
        line(PEER, "W6", 1, &format!("{name}_min"), quantile(samples, 0.0), "ms");
        line(PEER, "W6", 1, &format!("{name}_p50"), quantile(samples, 0.5), "ms");
    }
}

fn futures_at_once(n: u64) {
    let pool = pool(2);
    sum(&pool, 50, 1);
    // Refused only where the kernel was built without it; then the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, start) = (kib("/proc/self/status", "VmRSS:"), Instant::now());
    std::panic::set_hook(Box::new(|_| {}));
    let mut handles = Vec::new();
    for x in 0..n {
        match catch_unwind(AssertUnwindSafe(|| pool.spawn(x as u32, noop))) {
            Ok(handle) => handles.push(handle),
            Err(_) => {
                text(PEER, "W7", n, "total_s", &format!("stops at {x}"));
                // SAFETY: children that nobody has reaped; then the end of this process, which has no descriptor left.
                unsafe {
                    children().into_iter().for_each(|pid| _ = libc::kill(pid as i32, libc::SIGKILL));
                    libc::_exit(0)
                }
            }
        }
    }
    line(PEER, "W7", n, "submit_s", start.elapsed().as_secs_f64(), "s");
    handles.into_iter().for_each(|handle| _ = handle.join().expect("returns"));
    line(PEER, "W7", n, "total_s", start.elapsed().as_secs_f64(), "s");
    line(PEER, "W7", n, "bytes_per_future", (kib("/proc/self/status", "VmHWM:") - before) * 1024.0 / n as f64, "B");
}
