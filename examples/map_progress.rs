//! Many tasks with a progress bar: `cargo run --example map_progress`.
//!
//! `map` takes items and submits tasks as the results are asked for, so an endless iterator would be fine too. The results come
//! in the order of the items; `map_unordered` gives them as they come.

use indicatif::ProgressIterator;
use isopool::{Executor, task};

/// Numbers to look at.
const STARTS: u64 = 5_000;

fn main() -> anyhow::Result<()> {
    let executor = Executor::new()?;
    let collatz_steps = task!(|start: u64| -> u64 {
        let mut steps = 0;
        let mut n = start;
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    });

    // At most 500 tasks are under way at a time. The bar is on standard error, and only if that is a terminal.
    let results = executor.map(collatz_steps, 1..=STARTS).buffer_size(500)?;
    let mut longest = (0, 0);
    for (start, steps) in (1..=STARTS).zip(results).progress_count(STARTS) {
        longest = longest.max((steps?, start));
    }
    println!("up to {STARTS}, {} takes the most steps to 1: {}", longest.1, longest.0);
    Ok(())
}
