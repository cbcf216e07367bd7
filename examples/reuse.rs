//! Pools and instances that are used again: `cargo run --example reuse`.
//!
//! `get_reusable_executor` gives one pool to all who ask with the same options, so that its workers stay warm.
//! `Reuse::Worker` goes further: the instance in a worker stays too, with its memory.

use isopool::{Executor, Reuse, get_reusable_executor, task};
use std::sync::atomic::{AtomicU64, Ordering};

/// Outside of the sandbox it stays 0: each instance has one of its own.
static CALLS: AtomicU64 = AtomicU64::new(0);

fn main() -> anyhow::Result<()> {
    let count = task!(|| -> u64 { CALLS.fetch_add(1, Ordering::Relaxed) + 1 });

    // By default every task has an instance of its own: nothing is left of the task before.
    let fresh = get_reusable_executor(Executor::builder().max_workers(1))?;
    let counts: Vec<u64> = fresh.map(|_| count(), 0..3).collect::<Result<_, _>>()?;
    println!("a fresh instance for each task: {counts:?}");

    // The same options: the same pool, made larger.
    let again = get_reusable_executor(Executor::builder().max_workers(2))?;
    println!("the same pool: {}, now with up to {} workers", again.id() == fresh.id(), again.max_workers());

    // Other options: another pool. Here tasks see what others left; only for tasks that trust one another.
    let kept = get_reusable_executor(Executor::builder().max_workers(1).reuse(Reuse::Worker))?;
    let counts: Vec<u64> = kept.map(|_| count(), 0..3).collect::<Result<_, _>>()?;
    println!("the same pool: {}; one instance for all tasks: {counts:?}", kept.id() == fresh.id());
    println!("in this process the counter is {}", CALLS.load(Ordering::Relaxed));
    Ok(())
}
