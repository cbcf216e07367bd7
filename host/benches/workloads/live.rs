//! W15: a call of a live instance, beside a task with a fresh one, one at a time.

use crate::measure::{FRESH, REUSED, line, microseconds, quantile};
use guest_bench::noop;
use isopool::{Executor, TaskFuture};
use std::time::Instant;

/// Both in turns, so that both meet the same machine.
pub(crate) fn round_trip(calls: u64) {
    let executor = Executor::builder().max_workers(1).build().expect("the machine has room for a pool");
    let module = executor.module_of(noop::task(7)).expect("it is sound");
    let instance = executor.open(&module).expect("there is room");
    let time = |submit: &dyn Fn() -> TaskFuture<u32>| {
        let start = Instant::now();
        submit().result().expect("returns");
        microseconds(start)
    };
    let fresh = || executor.submit(noop::task(7)).expect("submits");
    let live = || instance.submit(noop::task(7)).expect("submits");
    let (mut of_fresh, mut of_live) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        // The first ones of a turn find the other one's process on the processor.
        (0..10).for_each(|_| _ = (time(&fresh), time(&live)));
        of_fresh.extend((0..calls / 20).map(|_| time(&fresh)));
        of_live.extend((0..calls / 20).map(|_| time(&live)));
    }
    for (peer, samples) in [(FRESH, &mut of_fresh), (REUSED, &mut of_live)] {
        for (metric, part) in [("min", 0.0), ("p50", 0.5), ("p99", 0.99)] {
            line(peer, "W15", calls, metric, quantile(samples, part), "us");
        }
    }
}
