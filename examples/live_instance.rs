//! An instance that keeps its state between calls: `cargo run --example live_instance`.
//!
//! A task has a fresh sandbox, and nothing of the one before. A live instance is for what has a state by nature: a game, a session,
//! a parser that is fed piece by piece. Its end is an error, never a fresh start that nobody notices.

use isopool::{ErrorKind, Executor, task};
use std::sync::atomic::{AtomicU64, Ordering};

/// In the guest: each instance has one of its own.
static SUM: AtomicU64 = AtomicU64::new(0);

fn main() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(1).build()?;
    let add = task!(|n: u64| -> u64 { SUM.fetch_add(n, Ordering::Relaxed) + n });
    let crash = task!(|| -> u64 { panic!("on purpose") });

    let module = executor.module_of(add(0))?;
    let (ours, theirs) = (executor.open(&module)?, executor.open(&module)?);
    for n in [1, 2, 3] {
        println!("ours: {}", ours.submit(add(n))?.result()?);
    }
    println!("theirs: {}", theirs.submit(add(100))?.result()?);

    println!("crash: {}", ours.submit(crash())?.result().expect_err("it panics"));
    let ended = ours.submit(add(1)).expect_err("its sum is gone");
    assert_eq!(ended.kind(), ErrorKind::InstanceEnded);
    println!("then: {ended}");
    println!("theirs goes on: {}", theirs.submit(add(1))?.result()?);
    Ok(())
}
