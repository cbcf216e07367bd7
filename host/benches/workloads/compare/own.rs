//! What nobody else measures: one table for each of isopool's own workloads, and how the times of stopped tasks are spread.

use super::figures::{Figures, Key};
use super::tables::{heading, line};
use std::collections::BTreeSet;

/// The workloads, and what they are about.
const WORKLOADS: [(&str, &str); 8] = [
    ("W9", "Start methods: first result of a pool, of each further worker, after a kill; memory of a warm worker"),
    ("W10", "What each layer that locks workers in costs, alone; none and all of them"),
    (
        "W11",
        "A task that has no end is stopped: until its caller knows, until the next task in its place has its result",
    ),
    ("W12", "What the same code costs in each flavour of machine code: CPU time"),
    ("W13", "A call of a host function"),
    ("W14", "Fresh instances, nothing else: threads of one process against as many processes"),
    ("W15", "A call of a live instance (reuse), beside a task with a fresh one"),
    ("W16", "Chunks through a stream; `n` is their size in bytes"),
];
/// Metrics that count how many samples lay below a bound, which is their `n`, in microseconds.
const HISTOGRAM: &str = "_below";

pub(super) fn tables(figures: &Figures) -> String {
    let mut text = String::new();
    for (workload, title) in WORKLOADS {
        let (counts, keys): (Vec<&Key>, Vec<&Key>) =
            figures.of(workload).into_iter().partition(|key| key.3.ends_with(HISTOGRAM));
        if keys.is_empty() {
            continue;
        }
        text += &format!("\n**{workload}. {title}.**\n\n{}", by_variant(figures, &keys));
        if !counts.is_empty() {
            text += "\nHow many of them took less than so long, and no less than the column before:\n\n";
            text += &histogram(figures, &counts);
        }
    }
    text
}

/// A line for each variant, a column for each metric.
fn by_variant(figures: &Figures, keys: &[&Key]) -> String {
    let mut columns: Vec<(u64, &str)> = Vec::new();
    let mut peers: Vec<&str> = Vec::new();
    for (peer, _, n, metric) in keys {
        if !columns.contains(&(*n, metric)) {
            columns.push((*n, metric));
        }
        if !peers.contains(&peer.as_str()) {
            peers.push(peer);
        }
    }
    // Sizes matter only where the same metric has several.
    let names: BTreeSet<&str> = columns.iter().map(|(_, metric)| *metric).collect();
    let name = |(n, metric): &(u64, &str)| {
        if names.len() < columns.len() { format!("{metric}, n = {n}") } else { metric.replace('_', " ") }
    };
    let titles: Vec<String> = columns.iter().map(name).collect();
    let mut text = heading("", &titles.iter().map(String::as_str).collect::<Vec<_>>());
    for peer in peers {
        let cells: Vec<String> = columns.iter().map(|(n, metric)| figures.cell(peer, &keys[0].1, *n, metric)).collect();
        text += &line(peer, &cells);
    }
    text
}

/// A line for each variant and metric, a column for each bound; of all rounds together.
fn histogram(figures: &Figures, keys: &[&Key]) -> String {
    let bounds: BTreeSet<u64> = keys.iter().map(|key| key.2).collect();
    let titles: Vec<String> = bounds.iter().map(|bound| super::figures::amount(*bound as f64, "us")).collect();
    let mut text = heading("", &titles.iter().map(String::as_str).collect::<Vec<_>>());
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (peer, workload, _, metric) in keys {
        if seen.contains(&(peer, metric)) {
            continue;
        }
        seen.push((peer, metric));
        let count = |bound: &u64| figures.sum(&(peer.clone(), workload.clone(), *bound, metric.clone()));
        let cells: Vec<String> = bounds.iter().map(|bound| format!("{:.0}", count(bound))).collect();
        let name = format!("{peer}, {}", metric.trim_end_matches(HISTOGRAM).replace('_', " "));
        text += &line(&name, &cells);
    }
    text
}
