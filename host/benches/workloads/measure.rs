//! What the workloads measure with: lines, quantiles, and what the kernel counts of this process and its workers.

use std::fs;
use std::time::Instant;

/// The name of this library beside its peers: a fresh sandbox for each task, everything at its default.
pub(crate) const FRESH: &str = "isopool";
/// With instances that serve one task after another.
pub(crate) const REUSED: &str = "isopool(reuse)";

/// Prints one figure.
pub(crate) fn line(peer: &str, workload: &str, n: u64, metric: &str, value: f64, unit: &str) {
    println!(
        r#"{{"peer": "{peer}", "workload": "{workload}", "n": {n}, "metric": "{metric}", "value": {value:.6}, "unit": "{unit}"}}"#
    );
}

/// Prints one fact that is no number.
pub(crate) fn text(workload: &str, metric: &str, value: &str) {
    let value = value.replace(['"', '\\', '\n'], " ");
    println!(
        r#"{{"peer": "{FRESH}", "workload": "{workload}", "n": 1, "metric": "{metric}", "value": "{value}", "unit": "type"}}"#
    );
}

/// Since then, in microseconds.
pub(crate) fn microseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// Since then, in milliseconds.
pub(crate) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// The value below which the share `part` of the samples lies.
pub(crate) fn quantile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() as f64 * part) as usize).min(samples.len() - 1)]
}

/// The number behind a key of a file in `/proc`, in KiB; 0 when it is not there.
fn kib(path: &str, key: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// A number of `smaps_rollup`, in KiB.
pub(crate) fn memory_of(pid: u32, key: &str) -> u64 {
    kib(&format!("/proc/{pid}/smaps_rollup"), key)
}

/// A number of this process's `status`, in KiB.
pub(crate) fn memory_of_this(key: &str) -> u64 {
    kib("/proc/self/status", key)
}

/// Lets `VmHWM` start again at what is resident now.
pub(crate) fn reset_peak() {
    // Refused only where the kernel was built without it; then the peak is that of the whole run, and is printed so.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The processes that this one has started and that live.
pub(crate) fn children() -> Vec<u32> {
    let this = std::process::id().to_string();
    let entries = fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name may hold spaces and brackets: count from its end.
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(&this)
    })
    .collect()
}

/// CPU time of this process and its workers, in microseconds. The scheduler's own count: exact on a busy machine too.
pub(crate) fn cpu_microseconds() -> f64 {
    let mut nanoseconds = 0;
    for pid in children().into_iter().chain([std::process::id()]) {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for thread in threads.flatten() {
            let schedule = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let ran = schedule.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
            nanoseconds += ran.unwrap_or(0);
        }
    }
    nanoseconds as f64 / 1e3
}
