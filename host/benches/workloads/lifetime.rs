//! Workloads of pools and workers that come and go: W4, W6.

use crate::calls::{call, pool};
use crate::measure::{FRESH, children, line, memory_of, milliseconds, quantile, text};
use guest_bench::{hang, noop};
use isopool::Shutdown;
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
