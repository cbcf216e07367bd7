//! What the programs here share: lines of figures, quantiles, memory and CPU time as `/proc` has them; and the loop that
//! workloads compute, also as a library that Python loads.

#[path = "../../guest/src/primes.rs"]
mod primes;
pub mod shared;

use std::fs;
use std::time::Instant;

/// How many primes are below `k`: the guest's loop.
#[unsafe(no_mangle)]
pub extern "C" fn count_primes(k: u32) -> u32 {
    primes::primes_below(k)
}

/// Prints one figure.
pub fn line(peer: &str, workload: &str, n: u64, metric: &str, value: f64, unit: &str) {
    println!(
        r#"{{"peer": "{peer}", "workload": "{workload}", "n": {n}, "metric": "{metric}", "value": {value:.6}, "unit": "{unit}"}}"#
    );
}

/// Prints one fact that is no number.
pub fn text(peer: &str, workload: &str, n: u64, metric: &str, value: &str) {
    println!(
        r#"{{"peer": "{peer}", "workload": "{workload}", "n": {n}, "metric": "{metric}", "value": "{value}", "unit": "text"}}"#
    );
}

/// Since then, in microseconds.
pub fn microseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// Since then, in milliseconds.
pub fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The value below which the share `part` of the samples lies.
pub fn quantile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() as f64 * part) as usize).min(samples.len() - 1)]
}

/// Prints least, median and 99th percentile.
pub fn spread(peer: &str, workload: &str, n: u64, samples: &mut [f64], unit: &str) {
    for (metric, part) in [("min", 0.0), ("p50", 0.5), ("p99", 0.99)] {
        line(peer, workload, n, metric, quantile(samples, part), unit);
    }
}

/// A number of a file in `/proc`, in KiB; 0 when it is not there.
pub fn kib(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// The processes that this one has started and that live.
pub fn children() -> Vec<u32> {
    let this = std::process::id().to_string();
    let entries = fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(&this)
    })
    .collect()
}

/// CPU time of this process and its children, in microseconds, by the scheduler's own count.
pub fn cpu_microseconds() -> f64 {
    let mut nanoseconds = 0.0;
    for pid in children().into_iter().chain([std::process::id()]) {
        for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let ran = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds += ran.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
        }
    }
    nanoseconds / 1e3
}

/// The workload and its numbers, as the program was called.
pub fn arguments() -> (String, Vec<u64>) {
    let mut arguments = std::env::args().skip(1);
    let workload = arguments.next().unwrap_or_default();
    (workload, arguments.map(|number| number.parse().expect("arguments are whole numbers")).collect())
}
