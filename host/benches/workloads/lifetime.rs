//! Workloads of pools and workers that come and go: W4, W6.

use crate::calls::{call, pool};
use crate::measure::{FRESH, children, line, memory_of, milliseconds, quantile, text};
use guest_bench::{hang, noop};
use isopool::{Executor, Shutdown, StartMethod, TaskFuture, get_context};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer than any benchmark.
const HANG_SECONDS: u64 = 1000;

/// W4: from nothing to a first result; memory of workers that have nothing to do; the end.
pub(crate) fn first_result(workers: u64) {
    // Another process compiles the module if nobody has yet: what is measured finds it in the cache, as a program does
    // each time but the first.
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    let status = Command::new(program).arg("W4life").status().expect("this program starts again");
    assert!(status.success(), "a whole program runs: {status}");

    let start = Instant::now();
    let executor = pool(usize::try_from(workers).expect("fits"));
    call(&executor, 1);
    line(FRESH, "W4", workers, "first_result", milliseconds(start), "ms");

    let all_work = executor.map(noop::task, 0..100 * workers as u32).all(|result| result.is_ok());
    assert!(all_work, "every worker is up");
    // What a worker does after its last answer is done by then.
    std::thread::sleep(Duration::from_millis(50));
    let pids = children();
    let sum = |key: &str| pids.iter().map(|&pid| memory_of(pid, key)).sum::<u64>() as f64;
    let count = pids.len().max(1) as f64;
    line(FRESH, "W4", workers, "worker_rss", sum("Rss:") / count, "KiB");
    line(FRESH, "W4", workers, "worker_pss", sum("Pss:") / count, "KiB");
    let private = sum("Private_Dirty:") + sum("Private_Clean:");
    line(FRESH, "W4", workers, "worker_private", private / count, "KiB");
    line(FRESH, "W4", workers, "all_children_pss", sum("Pss:"), "KiB");
    line(FRESH, "W4", workers, "children", pids.len() as f64, "processes");

    let start = Instant::now();
    executor.shutdown(Shutdown::Finish);
    line(FRESH, "W4", workers, "shutdown", milliseconds(start), "ms");
}

/// W4life: what a program that needs one result does; whoever starts it measures.
pub(crate) fn whole_program() {
    let executor = pool(1);
    call(&executor, 1);
    executor.shutdown(Shutdown::Finish);
}

/// W6: a busy worker is killed from outside.
pub(crate) fn worker_killed(times: u64) {
    let executor = pool(1);
    let (mut to_error, mut to_result) = (Vec::new(), Vec::new());
    for _ in 0..times.max(1) {
        call(&executor, 1);
        let future = executor.submit(hang::task(HANG_SECONDS)).expect("submits");
        while !future.running() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
        let worker = executor.stats().workers[0];
        let start = Instant::now();
        kill(Pid::from_raw(worker.pid.cast_signed()), Signal::SIGKILL).expect("it lives");
        let error = future.result().expect_err("its worker is gone");
        to_error.push(milliseconds(start));
        call(&executor, 1);
        to_result.push(milliseconds(start));
        text("W6", "error", &error.to_string());
    }
    for (name, samples) in [("to_error", &mut to_error), ("to_first_result", &mut to_result)] {
        line(FRESH, "W6", 1, &format!("{name}_min"), quantile(samples, 0.0), "ms");
        line(FRESH, "W6", 1, &format!("{name}_p50"), quantile(samples, 0.5), "ms");
    }
}

/// W9: what the start methods cost. The first result of a pool, of each further worker, and after a worker was killed; what a
/// worker holds of memory that nobody else has.
pub(crate) fn start_methods(times: u64) {
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let peer = format!("isopool({method})");
        let pool = |workers| get_context(method).executor().max_workers(workers).build().expect("the machine has room");
        let (mut first, mut next, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..times.max(1) {
            let start = Instant::now();
            let executor = pool(4);
            call(&executor, 1);
            first.push(milliseconds(start));
            // One more worker for each task that waits: all before are busy.
            let mut busy = Vec::new();
            while busy.len() < 3 {
                busy.push(begin_hanging(&executor));
                let start = Instant::now();
                call(&executor, 1);
                next.push(milliseconds(start));
            }
            executor.shutdown(Shutdown::Kill);
        }
        let executor = pool(1);
        call(&executor, 1);
        for _ in 0..times.max(1) {
            let hanging = begin_hanging(&executor);
            let worker = executor.stats().workers[0];
            let start = Instant::now();
            kill(Pid::from_raw(worker.pid.cast_signed()), Signal::SIGKILL).expect("it lives");
            call(&executor, 1);
            replaced.push(milliseconds(start));
            hanging.result().expect_err("its worker is gone");
        }
        let samples = [("first_result", &mut first), ("next_worker", &mut next), ("after_kill", &mut replaced)];
        for (name, samples) in samples {
            line(&peer, "W9", 1, &format!("{name}_min"), quantile(samples, 0.0), "ms");
            line(&peer, "W9", 1, &format!("{name}_p50"), quantile(samples, 0.5), "ms");
        }
        executor.shutdown(Shutdown::Kill);
        memory(&peer, &pool(4));
    }
}

/// What four workers hold that have each run a task, and the fork server if there is one.
fn memory(peer: &str, executor: &Executor) {
    let busy: Vec<_> = (0..4).map(|_| begin_hanging(executor)).collect();
    busy.iter().for_each(|future| _ = future.cancel());
    let busy: Vec<_> = (0..4).map(|_| begin_hanging(executor)).collect();
    let workers: Vec<u32> = executor.stats().workers.iter().map(|worker| worker.pid).collect();
    let servers: Vec<u32> = children().into_iter().filter(|pid| !workers.contains(pid)).collect();
    let mean = |pids: &[u32], key: &str| {
        pids.iter().map(|&pid| memory_of(pid, key)).sum::<u64>() as f64 / pids.len().max(1) as f64
    };
    let private = |pids: &[u32]| mean(pids, "Private_Dirty:") + mean(pids, "Private_Clean:");
    line(peer, "W9", 4, "worker_pss", mean(&workers, "Pss:"), "KiB");
    line(peer, "W9", 4, "worker_private", private(&workers), "KiB");
    if !servers.is_empty() {
        line(peer, "W9", 4, "server_pss", mean(&servers, "Pss:"), "KiB");
        line(peer, "W9", 4, "server_private", private(&servers), "KiB");
    }
    drop(busy);
    executor.shutdown(Shutdown::Kill);
}

/// A task that runs until its worker is killed.
pub(crate) fn begin_hanging(executor: &Executor) -> TaskFuture<u64> {
    let future = executor.submit(hang::task(HANG_SECONDS)).expect("submits");
    while !future.running() {
        std::thread::sleep(Duration::from_micros(100));
    }
    future
}
