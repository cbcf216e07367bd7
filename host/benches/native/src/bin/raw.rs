//! The limits of the machine on the workloads W1–W7: what a pool could come to that did nothing but what is unavoidable. None
//! of these has futures, cancellation or a sandbox: they are bounds, not products.

use bench_native::shared::{Copy, futex_set, futex_wait, read, shared, stay_on, write};
use bench_native::*;
use std::hint::{black_box, spin_loop};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Instant;

const ROUND_TRIPS: u32 = 3000;
const SIZES: [(usize, usize); 4] = [(1 << 10, 1000), (64 << 10, 300), (1 << 20, 60), (64 << 20, 6)];
/// Messages of one write.
const BATCH: u32 = 64;

fn main() {
    let (workload, numbers) = arguments();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    match workload.as_str() {
        "version" => {
            println!("Linux {}", std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim())
        }
        "hello" => print!("."),
        "W1" => round_trips(),
        "W2" | "W8" => many(&workload, number(0, 100_000) as u32),
        "W3" => copies(),
        "W4" => first_byte(number(0, 1)),
        "W5" => computing(number(0, 270_000) as u32, number(1, 64)),
        "W6" => killed(number(0, 10)),
        "W7" => channel(number(0, 100_000)),
        _ => panic!("{workload} is no workload"),
    }
}

fn pair() -> (OwnedFd, OwnedFd) {
    let (a, b) = UnixStream::pair().expect("the machine has room for a socket");
    (a.into(), b.into())
}

fn timed(peer: &str, mut call: impl FnMut(u32)) {
    (1..200).for_each(&mut call);
    let samples = (200..200 + ROUND_TRIPS).map(|x| {
        let start = Instant::now();
        call(x);
        microseconds(start)
    });
    spread(peer, "W1", 1, &mut samples.collect::<Vec<_>>(), "us");
}

/// W1: there and back, on two CPUs by each means, and by a socket on one.
fn round_trips() {
    let cells = shared(64);
    // On cache lines of their own.
    let (there, back) = (&cells[0], &cells[32]);
    stay_on(0);
    {
        let _other = Copy::that(|| {
            stay_on(1);
            for x in 1.. {
                while there.load(Ordering::Acquire) != x {
                    spin_loop();
                }
                back.store(x, Ordering::Release);
            }
        });
        timed("raw: ring, both spin", |x| {
            there.store(x, Ordering::Release);
            while back.load(Ordering::Acquire) != x {
                spin_loop();
            }
        });
    }
    for cell in [there, back] {
        cell.store(0, Ordering::Release);
    }
    {
        let _other = Copy::that(|| {
            stay_on(1);
            for x in 1.. {
                futex_wait(there, x - 1);
                futex_set(back, x);
            }
        });
        timed("raw: futex, two CPUs", |x| {
            futex_set(there, x);
            futex_wait(back, x - 1);
        });
    }
    for (peer, cpu) in [("raw: socket, one CPU", 0), ("raw: socket, two CPUs", 1)] {
        let (ours, theirs) = pair();
        let _other = Copy::that(|| {
            stay_on(cpu);
            let mut byte = [0];
            while read(&theirs, &mut byte) > 0 {
                write(&theirs, &byte);
            }
        });
        timed(peer, |_| {
            write(&ours, &[1]);
            assert_eq!(read(&ours, &mut [0]), 1);
        });
    }
}

/// W2: numbers there, and their sum back.
fn many(workload: &str, n: u32) {
    let n = n.max(100_000);
    stay_on(0);
    let expected = (0..n).fold(0_u32, |sum, x| sum.wrapping_add(x));
    const SLOTS: u32 = 1024;
    let cells = shared(SLOTS as usize + 96);
    let (head, tail, sum, slots) = (&cells[0], &cells[32], &cells[64], &cells[96..]);
    let start = Instant::now();
    {
        let _other = Copy::that(|| {
            stay_on(1);
            let mut total = 0_u32;
            for x in 0..n {
                while head.load(Ordering::Acquire) <= x {
                    spin_loop();
                }
                total = total.wrapping_add(slots[(x % SLOTS) as usize].load(Ordering::Relaxed));
                tail.store(x + 1, Ordering::Release);
            }
            futex_set(sum, total);
        });
        for x in 0..n {
            while x - tail.load(Ordering::Acquire) >= SLOTS {
                spin_loop();
            }
            slots[(x % SLOTS) as usize].store(x, Ordering::Relaxed);
            head.store(x + 1, Ordering::Release);
        }
        futex_wait(sum, 0);
    }
    report("raw: ring, both spin", workload, n, start);
    assert_eq!(sum.load(Ordering::Acquire), expected, "every number came, and once");
    for (peer, batch) in [("raw: socket, 64 a write", BATCH), ("raw: socket, one a write", 1)] {
        let (ours, theirs) = pair();
        let start = Instant::now();
        let other = Copy::that(|| {
            stay_on(1);
            let (mut bytes, mut left) = (vec![0; 4 * BATCH as usize], 4 * n as usize);
            while left > 0 {
                left -= read(&theirs, &mut bytes);
            }
            write(&theirs, &[1]);
        });
        for first in (0..n).step_by(batch as usize) {
            let numbers: Vec<u8> = (first..(first + batch).min(n)).flat_map(u32::to_le_bytes).collect();
            write(&ours, &numbers);
        }
        assert_eq!(read(&ours, &mut [0]), 1);
        report(peer, workload, n, start);
        drop(other);
    }
}

fn report(peer: &str, workload: &str, n: u32, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    // Under the workload's own size: a limit does not depend on it.
    let named = if workload == "W2" { 100_000 } else { u64::from(n) };
    line(peer, workload, named, "tasks_per_s:chunk1", f64::from(n) / seconds, "1/s");
    line(peer, workload, named, "us_per_task:chunk1", seconds * 1e6 / f64::from(n), "us");
}

/// W3: four copies through memory that is warm: caller, arena, guest, arena, caller.
fn copies() {
    for (size, times) in SIZES {
        let mut buffers = [vec![7_u8; size], vec![0; size]];
        let mut samples = Vec::new();
        for _ in 0..times + 2 {
            let start = Instant::now();
            for copy in 0..4 {
                let [a, b] = &mut buffers;
                let (from, to) = if copy % 2 == 0 { (a, b) } else { (b, a) };
                to.copy_from_slice(black_box(from));
            }
            samples.push(microseconds(start));
        }
        spread("raw: 4 warm copies", "W3", size as u64, &mut samples[2..], "us");
    }
}

/// W4: a process is started and says one byte.
fn first_byte(workers: u64) {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    let mut samples: Vec<f64> = (0..30)
        .map(|_| {
            let start = Instant::now();
            let mut children: Vec<_> = (0..workers)
                .map(|_| Command::new(&program).arg("hello").stdout(Stdio::piped()).spawn().expect("starts"))
                .collect();
            let output = children[0].stdout.as_mut().expect("it is piped");
            output.read_exact(&mut [0]).expect("says a byte");
            let time = milliseconds(start);
            children.iter_mut().for_each(|child| _ = child.wait());
            time
        })
        .collect();
    line("raw: spawn, first byte", "W4", workers, "first_result", quantile(&mut samples, 0.5), "ms");
}

/// W5: the same computing on two threads.
fn computing(k: u32, n: u64) {
    let run = |n: u64| (0..n).for_each(|_| _ = black_box(count_primes(black_box(k))));
    let start = Instant::now();
    run(n);
    let serial = milliseconds(start);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| run(n / 2));
        run(n - n / 2);
    });
    line("raw: two threads", "W5", n, "overhead_2w_vs_ideal", (2.0 * milliseconds(start) / serial - 1.0) * 100.0, "%");
}

/// W6: a process is killed, and its socket says so; a new one is started and says a byte.
fn killed(times: u64) {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    let (mut told, mut again) = (Vec::new(), Vec::new());
    for _ in 0..times.max(1) {
        let (ours, theirs) = pair();
        let other = Copy::that(|| {
            write(&theirs, &[1]);
            loop {
                spin_loop();
            }
        });
        drop(theirs);
        read(&ours, &mut [0]);
        let start = Instant::now();
        other.kill();
        assert_eq!(read(&ours, &mut [0]), 0);
        told.push(milliseconds(start));
        let mut child = Command::new(&program).arg("hello").stdout(Stdio::piped()).spawn().expect("starts");
        child.stdout.as_mut().expect("it is piped").read_exact(&mut [0]).expect("says a byte");
        again.push(milliseconds(start));
        child.wait().expect("is ours");
    }
    line("raw: kill, hang-up, spawn", "W6", 1, "to_error_p50", quantile(&mut told, 0.5), "ms");
    line("raw: kill, hang-up, spawn", "W6", 1, "to_first_result_p50", quantile(&mut again, 0.5), "ms");
}

/// W7: a channel for each of `n` answers, which a second thread gives.
fn channel(n: u64) {
    // As the other programs: the peak of a run that begins now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, start) = (kib("/proc/self/status", "VmRSS:"), Instant::now());
    let (jobs, todo) = mpsc::channel::<(u64, mpsc::Sender<u64>)>();
    let worker = std::thread::spawn(move || todo.iter().for_each(|(x, answer)| _ = answer.send(x)));
    let answers: Vec<_> = (0..n)
        .map(|x| {
            let (answer, future) = mpsc::channel();
            jobs.send((x, answer)).expect("the worker lives");
            future
        })
        .collect();
    drop(jobs);
    answers.iter().zip(0..).for_each(|(future, x)| assert_eq!(future.recv(), Ok(x)));
    line("raw: thread and channels", "W7", n, "total_s", start.elapsed().as_secs_f64(), "s");
    let grown = kib("/proc/self/status", "VmHWM:") - before;
    line("raw: thread and channels", "W7", n, "bytes_per_future", grown * 1024.0 / n as f64, "B");
    worker.join().expect("does not panic");
}
