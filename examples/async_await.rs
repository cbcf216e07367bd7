//! Futures of tasks in async code: `cargo run --example async_await`.
//!
//! A `TaskFuture` is a `std::future::Future`: any runtime can await it; here it is tokio with one thread. While it waits, the
//! thread does other things.

use isopool::{Executor, task};
use std::time::Duration;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(work())
}

async fn work() -> anyhow::Result<()> {
    let executor = Executor::builder().max_workers(2).build()?;
    let count_primes = task!(|limit: u32| -> u32 {
        let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
        (2..limit).filter(is_prime).count() as u32
    });

    // Both run at once, in two processes. `submit` may wait for room in the queue; `try_submit` never does.
    let (small, large) = (executor.submit(count_primes(10_000))?, executor.submit(count_primes(500_000))?);
    println!("below 10000 there are {} primes", small.await?);
    println!("below 500000 there are {} primes", large.await?);

    // A task that takes too long: dropping this handle stops it.
    let endless = task!(|| -> () {
        loop {
            std::hint::spin_loop();
        }
    });
    let future = executor.submit(endless())?;
    let watched = future.clone();
    if tokio::time::timeout(Duration::from_millis(200), future.cancel_on_drop()).await.is_err() {
        println!("the endless task had its time: {}", watched.await.expect_err("it has no end"));
    }
    Ok(())
}
