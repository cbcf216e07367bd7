//! The figures of all rounds.

use super::rounds::{DONE, FAILED};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One figure's name: who, in which workload, with which size, and what.
pub(super) type Key = (String, String, u64, String);

/// What was measured under one name.
#[derive(Default)]
pub(super) struct Figure {
    /// One of each round.
    pub(super) values: Vec<f64>,
    /// What was said instead of a number.
    pub(super) text: Option<String>,
    pub(super) unit: String,
}

/// All of them, and in which order names came.
#[derive(Default)]
pub(super) struct Figures {
    by_key: BTreeMap<Key, Figure>,
    order: Vec<Key>,
    /// How many rounds there are.
    pub(super) rounds: u64,
    /// The load when each run began.
    pub(super) loads: Vec<f64>,
    /// Runs that did not come to their end, and why.
    pub(super) failed: BTreeMap<String, String>,
}

impl Figures {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let mut figures = Self::default();
        // A line that a broken run has left half written is no figure.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|line| figures.add(&line));
        Ok(figures)
    }

    fn add(&mut self, line: &Value) {
        let name = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        self.rounds = self.rounds.max(1 + line["round"].as_u64().unwrap_or(0));
        if line["metric"] == DONE || line["metric"] == FAILED {
            self.loads.extend(line["load"].as_f64());
            // A run that failed may have been run again.
            match line["metric"] == DONE {
                true => self.failed.remove(&name("run")),
                false => self.failed.insert(name("run"), name("value")),
            };
            return;
        }
        let key = (name("peer"), name("workload"), line["n"].as_u64().unwrap_or(0), name("metric"));
        if !self.by_key.contains_key(&key) {
            self.order.push(key.clone());
        }
        let figure = self.by_key.entry(key).or_default();
        figure.unit = name("unit");
        match line["value"].as_f64() {
            Some(value) => figure.values.push(value),
            None => figure.text = Some(name("value")),
        }
    }

    fn get(&self, peer: &str, workload: &str, n: u64, metric: &str) -> Option<&Figure> {
        self.by_key.get(&(peer.to_owned(), workload.to_owned(), n, metric.to_owned()))
    }

    /// The median over the rounds.
    pub(super) fn median(&self, peer: &str, workload: &str, n: u64, metric: &str) -> Option<f64> {
        let mut values = self.get(peer, workload, n, metric)?.values.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            length if length % 2 == 1 => Some(values[middle]),
            _ => Some((values[middle - 1] + values[middle]) / 2.0),
        }
    }

    /// The sum over the rounds: of what is counted.
    pub(super) fn sum(&self, (peer, workload, n, metric): &Key) -> f64 {
        self.get(peer, workload, *n, metric).map_or(0.0, |figure| figure.values.iter().sum())
    }

    /// The median with its unit, or what was said instead, or a dash.
    pub(super) fn cell(&self, peer: &str, workload: &str, n: u64, metric: &str) -> String {
        let Some(figure) = self.get(peer, workload, n, metric) else { return "–".into() };
        match self.median(peer, workload, n, metric) {
            Some(value) => amount(value, &figure.unit),
            None => figure.text.clone().unwrap_or_default(),
        }
    }

    /// The names of all figures of a workload, as they came.
    pub(super) fn of(&self, workload: &str) -> Vec<&Key> {
        self.order.iter().filter(|key| key.1 == workload).collect()
    }

    /// The names of all figures.
    pub(super) fn all(&self) -> &[Key] {
        &self.order
    }
}

/// A number as people write it, with a unit that suits its size.
pub(super) fn amount(value: f64, unit: &str) -> String {
    let (value, unit) = match unit.split(' ').next().unwrap_or_default() {
        "us" if value >= 1000.0 => (value / 1e3, "ms"),
        "us" => (value, "µs"),
        "ms" if value < 1.0 => (value * 1e3, "µs"),
        "1/s" | "tasks/s" if value >= 1e6 => (value / 1e6, "M/s"),
        "1/s" | "tasks/s" if value >= 1e3 => (value / 1e3, "k/s"),
        "1/s" | "tasks/s" => (value, "/s"),
        "KiB" if value >= 1024.0 => (value / 1024.0, "MiB"),
        other => (value, other),
    };
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}
