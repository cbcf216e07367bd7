//! W13: a task calls a host function, and gets its answer.

use crate::measure::{FRESH, cpu_microseconds, line, microseconds, quantile};
use isopool::Executor;
use price_quote::quote;
use std::time::Instant;

const ROUNDS: usize = 40;

/// The way of one call there and back: tasks that make many, less the way of a task that makes none.
pub(crate) fn round_trip(calls: u64) {
    let price = |_: String| -> Result<u64, String> { Ok(1) };
    let builder = Executor::builder().max_workers(1).host_function("shop:prices/catalogue#price", price);
    let executor = builder.build().expect("the machine has room for a pool");
    let run = |calls: u64| {
        let order: Vec<(String, u64)> = (0..calls).map(|_| ("tea".to_owned(), 1)).collect();
        let start = Instant::now();
        let sum = executor.submit(quote::task(order)).expect("submits").result().expect("returns");
        assert_eq!(sum, calls, "every call was answered");
        microseconds(start)
    };
    run(calls);
    let mut without: Vec<f64> = (0..ROUNDS).map(|_| run(0)).collect();
    let none = quantile(&mut without, 0.5);
    let cpu = cpu_microseconds();
    let mut samples: Vec<f64> = (0..ROUNDS).map(|_| (run(calls) - none) / calls as f64).collect();
    let cpu = (cpu_microseconds() - cpu) / (calls as f64 * ROUNDS as f64);
    line(FRESH, "W13", calls, "cpu_us_per_call", cpu, "us cpu");
    for (metric, part) in [("min", 0.0), ("p50", 0.5)] {
        line(FRESH, "W13", calls, metric, quantile(&mut samples, part), "us");
    }
}
