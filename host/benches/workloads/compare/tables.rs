//! What all have run, side by side.

use super::figures::Figures;

/// Who has a column of its own, and under which name.
pub(super) const COLUMNS: [(&str, &str); 6] = [
    ("isopool", "isopool"),
    ("isopool(reuse)", "reuse"),
    ("loky", "loky"),
    ("concurrent.futures", "concurrent.futures"),
    ("mp.Pool", "mp.Pool"),
    ("procspawn", "procspawn"),
];

/// One line of the table.
pub(super) struct Row {
    pub(super) label: &'static str,
    pub(super) workload: &'static str,
    pub(super) n: u64,
    pub(super) metric: &'static str,
    /// Whose figure is the limit that counts; the others are in a table of their own.
    limit: &'static str,
}

const fn row(label: &'static str, workload: &'static str, n: u64, metric: &'static str, limit: &'static str) -> Row {
    Row { label, workload, n, metric, limit }
}

const SOCKET: &str = "raw: socket, two CPUs";
const COPIES: &str = "raw: 4 warm copies";

/// The lines, in order.
pub(super) const ROWS: &[Row] = &[
    row("W1 round trip, p50", "W1", 1, "p50", SOCKET),
    row("W1 least", "W1", 1, "min", SOCKET),
    row("W1 p99", "W1", 1, "p99", SOCKET),
    row("W1 CPU of all processes per task", "W1", 1, "cpu_us_per_task", ""),
    row("W1 3 ms after the last, p50", "W1", 1, "p50_after_3ms", ""),
    row("W1 while every CPU computes, p50", "W1", 1, "p50_crowded", ""),
    row("W1 CPU of all processes while idle, per s", "W1", 1, "idle_cpu_us_per_s", ""),
    row("W2 100,000 tiny tasks, one per message", "W2", 100_000, "tasks_per_s:chunk1", "raw: socket, 64 a write"),
    row("W2 CPU per task", "W2", 100_000, "cpu_us_per_task:chunk1", ""),
    row("W2 chunks of 1,000", "W2", 100_000, "tasks_per_s:chunk1000", ""),
    row("W3 echo 1 KiB, p50", "W3", 1 << 10, "p50", COPIES),
    row("W3 1 KiB, least", "W3", 1 << 10, "min", COPIES),
    row("W3 echo 64 KiB, p50", "W3", 64 << 10, "p50", COPIES),
    row("W3 64 KiB, least", "W3", 64 << 10, "min", COPIES),
    row("W3 echo 1 MiB, p50", "W3", 1 << 20, "p50", COPIES),
    row("W3 1 MiB, least", "W3", 1 << 20, "min", COPIES),
    row("W3 echo 64 MiB, p50", "W3", 64 << 20, "p50", COPIES),
    row("W3 64 MiB, least", "W3", 64 << 20, "min", COPIES),
    row("W4 pool made → first result", "W4", 1, "first_result", "raw: spawn, first byte"),
    row("W4 the same, 2 workers", "W4", 2, "first_result", "raw: spawn, first byte"),
    row("W4 whole program", "W4", 1, "whole_program", ""),
    row("W4 shutdown", "W4", 1, "shutdown", ""),
    row("W4 memory of an idle worker, PSS", "W4", 2, "worker_pss", ""),
    row("W4 of that, its own alone", "W4", 2, "worker_private", ""),
    row("W5 64 × 20 ms, 2 workers, beyond ideal", "W5", 64, "overhead_2w_vs_ideal", "raw: two threads"),
    row("W5 CPU beyond one process's", "W5", 64, "cpu_overhead_2w", ""),
    row("W6 worker killed → caller knows, p50", "W6", 1, "to_error_p50", "raw: kill, hang-up, spawn"),
    row("W6 → replacement's first result, p50", "W6", 1, "to_first_result_p50", "raw: kill, hang-up, spawn"),
    row("W7 100,000 futures at once, results", "W7", 100_000, "total_s", "raw: thread and channels"),
    row("W7 memory per future", "W7", 100_000, "bytes_per_future", "raw: thread and channels"),
    row("W8 per task, n = 1,000", "W8", 1000, "us_per_task:chunk1", ""),
    row("W8 n = 10,000", "W8", 10_000, "us_per_task:chunk1", ""),
    row("W8 n = 100,000 (W2's)", "W2", 100_000, "us_per_task:chunk1", ""),
    row("W8 CPU per task, n = 10,000", "W8", 10_000, "cpu_us_per_task:chunk1", ""),
];

/// Ours, peers and limits.
pub(super) fn compared(figures: &Figures) -> String {
    let head: Vec<&str> = COLUMNS.iter().map(|(_, name)| *name).chain(["limit", "isopool : loky"]).collect();
    let mut text = heading("workload", &head);
    for row in ROWS {
        let cell = |peer: &str| figures.cell(peer, row.workload, row.n, row.metric);
        let mut cells: Vec<String> = COLUMNS.iter().map(|(peer, _)| cell(peer)).collect();
        cells.push(cell(row.limit));
        cells.push(ratio(figures, row));
        text += &line(row.label, &cells);
    }
    text
}

/// How much better than loky, where that is a question of how often.
fn ratio(figures: &Figures, row: &Row) -> String {
    let of = |peer: &str| figures.median(peer, row.workload, row.n, row.metric);
    match (of("isopool"), of("loky")) {
        (Some(ours), Some(theirs)) if ours > 0.0 && theirs > 0.0 && row.workload != "W5" => {
            let more_is_better = row.metric.starts_with("tasks_per_s");
            format!("{:.1} ×", if more_is_better { ours / theirs } else { theirs / ours })
        }
        _ => String::new(),
    }
}

/// Everything that was measured of the machine itself.
pub(super) fn limits(figures: &Figures) -> String {
    let mut text = heading("limit", &["workload", "size", "metric", "value"]);
    for (peer, workload, n, metric) in figures.all().iter().filter(|key| key.0.starts_with("raw")) {
        let value = figures.cell(peer, workload, *n, metric);
        text += &line(peer, &[workload.clone(), n.to_string(), metric.clone(), value]);
    }
    text
}

pub(super) fn heading(first: &str, rest: &[&str]) -> String {
    format!("| {first} | {} |\n|---|{}\n", rest.join(" | "), "---|".repeat(rest.len()))
}

pub(super) fn line(first: &str, rest: &[String]) -> String {
    format!("| {first} | {} |\n", rest.join(" | "))
}
