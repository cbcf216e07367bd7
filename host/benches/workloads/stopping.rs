//! Workloads of what bounds a task: W11, how fast it is stopped; W12, what its code pays for each flavour.

use crate::calls::call;
use crate::measure::{line, milliseconds, quantile};
use guest_bench::{count_primes, digest, matmul, spin};
use isopool::{Execution, Executor, ExecutorBuilder, Interruption, IntoTask, Limit, StartMethod, get_context};
use std::time::{Duration, Instant};

/// How long a task may run that is to be stopped.
const LIMIT: Duration = Duration::from_millis(5);

/// Bounds of the histogram, in microseconds.
const BOUNDS: [u64; 11] = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 10_000_000];

/// W11: a task that computes for ever is cancelled, or comes to its time limit: until its future knows, and until the next task
/// in its place has its result.
pub(crate) fn stopped(times: u64) {
    let kinds = [
        ("kill, spawn", StartMethod::Spawn, Interruption::Kill),
        ("kill, forkserver", StartMethod::ForkServer, Interruption::Kill),
        ("epoch", StartMethod::Spawn, Interruption::Epoch),
    ];
    for (name, method, interruption) in kinds {
        let builder = get_context(method).executor().max_workers(1).interruption(interruption);
        let executor = builder.build().expect("the machine has room");
        let peer = format!("isopool({name})");
        let mut samples = [
            ("cancel_to_told", vec![]),
            ("cancel_to_next", vec![]),
            ("late_to_told", vec![]),
            ("late_to_next", vec![]),
        ];
        for _ in 0..times.max(1) {
            call(&executor, 1);
            let spinning = executor.submit(spin::task()).expect("submits");
            while !spinning.running() {
                std::thread::sleep(Duration::from_micros(100));
            }
            let start = Instant::now();
            assert!(spinning.cancel(), "it runs");
            spinning.result().expect_err("it was cancelled");
            samples[0].1.push(milliseconds(start));
            call(&executor, 1);
            samples[1].1.push(milliseconds(start));

            let late = executor.submit(spin::task().into_task().time_limit(LIMIT)).expect("submits");
            let start = Instant::now() + LIMIT;
            late.result().expect_err("it has no end");
            samples[2].1.push(milliseconds(start));
            call(&executor, 1);
            samples[3].1.push(milliseconds(start));
        }
        for (metric, samples) in &mut samples {
            for (part, quantile_name) in [(0.0, "min"), (0.5, "p50"), (0.99, "p99"), (1.0, "max")] {
                line(&peer, "W11", 1, &format!("{metric}_{quantile_name}"), quantile(samples, part), "ms");
            }
            histogram(&peer, metric, samples);
        }
    }
}

/// How many samples, in milliseconds, lie below each bound, and not below the one before. The last bound is above all.
fn histogram(peer: &str, metric: &str, samples: &[f64]) {
    let mut from = 0.0;
    for microseconds in BOUNDS {
        let to = microseconds as f64 / 1e3;
        let count = samples.iter().filter(|sample| (from..to).contains(*sample)).count();
        line(peer, "W11", microseconds, &format!("{metric}_below"), count as f64, "tasks");
        from = to;
    }
}

/// W12: processor time of three computations in each flavour of machine code, taken in turn; the least of all rounds.
pub(crate) fn flavours(rounds: u64) {
    type Flavour = (&'static str, fn(ExecutorBuilder) -> ExecutorBuilder);
    let flavours: [Flavour; 5] = [
        ("plain", |builder| builder),
        ("epoch", |builder| builder.interruption(Interruption::Epoch)),
        ("fuel", |builder| builder.limit(Limit::Fuel, u64::MAX >> 1)),
        ("deterministic", |builder| builder.deterministic(1)),
        ("fortress", |builder| builder.execution(Execution::Fortress)),
    ];
    let pools: Vec<(&str, Executor)> = flavours
        .into_iter()
        .map(|(name, set)| (name, set(Executor::builder().max_workers(1)).build().expect("the machine has room")))
        .collect();
    let mut best = vec![[f64::MAX; 3]; pools.len()];
    for _ in 0..rounds.max(1) {
        for ((_, executor), best) in pools.iter().zip(&mut best) {
            let times = [
                cpu_time(executor, count_primes::task(30_000)),
                cpu_time(executor, matmul::task(128)),
                cpu_time(executor, digest::task(1 << 20)),
            ];
            best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time));
        }
    }
    for ((name, _), best) in pools.iter().zip(best) {
        for (computation, time) in ["primes", "matmul", "digest"].into_iter().zip(best) {
            line(&format!("isopool({name})"), "W12", 1, computation, time, "ms");
        }
    }
}

fn cpu_time<T: IntoTask>(executor: &Executor, task: T) -> f64 {
    let future = executor.submit(task).expect("submits");
    future.result().expect("it computes");
    future.report().expect("it has run").cpu_time.as_secs_f64() * 1e3
}
