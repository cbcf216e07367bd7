//! What the caller sees when a task goes wrong: `cargo run --example crash`.
//!
//! A panic, a trap, and a worker process that somebody kills. Each reaches the future of its own task; the next task runs.

use isopool::{BrokenCause, Executor, TaskError, TaskFuture, task};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;

/// Calls itself until its stack is used up. The array keeps the compiler from making a loop of it.
fn descend(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { descend(depth + 1) + frame[(depth % 64) as usize] }
}

fn main() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(2).build()?;
    let double = task!(|x: u64| -> u64 { 2 * x });

    let panics = task!(|values: Vec<u32>| -> u32 { values[7] });
    show("a panic", &executor.submit(panics(vec![1, 2, 3]))?);

    let overflows = task!(|| -> u64 { descend(0) });
    show("a trap", &executor.submit(overflows())?);

    let spins = task!(|| -> () {
        loop {
            std::hint::spin_loop();
        }
    });
    let spinning = executor.submit(spins())?;
    while !spinning.running() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // It is the only task, so that any worker that is busy is its own: kill them all, to be sure.
    for worker in executor.stats().workers {
        kill(Pid::from_raw(worker.pid.try_into()?), Signal::SIGKILL)?;
    }
    show("a killed worker", &spinning);

    let cancelled = executor.submit(spins())?;
    cancelled.cancel();
    show("a cancelled task", &cancelled);

    println!("the pool goes on: 2 × 21 = {}", executor.submit(double(21))?.result()?);
    println!("workers lost on the way: {}", executor.stats().workers_lost);
    Ok(())
}

fn show<T: serde::de::DeserializeOwned>(what: &str, future: &TaskFuture<T>) {
    let error = match future.result() {
        Ok(_) => return println!("{what}: a value"),
        Err(error) => error,
    };
    let kind = match &error {
        TaskError::Failed { .. } => "it returned an error",
        TaskError::Panicked { .. } => "it panicked",
        TaskError::Cancelled { .. } => "it was cancelled",
        TaskError::BrokenProcessPool(broken) => match broken.cause {
            BrokenCause::Trap(_) => "its instance is gone",
            BrokenCause::Signaled { .. } => "its worker is gone",
            _ => "it was lost",
        },
        _ => "another error",
    };
    // The first lines: below them are the frames of the guest's stack.
    let text = error.to_string();
    println!("{what}: {kind}");
    text.lines().take(3).for_each(|line| println!("    {line}"));
}
