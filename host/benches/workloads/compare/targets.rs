//! What was to be reached, and whether it is. The targets, and what stands in the way, are kept by hand in `benches/targets.json`.

use super::figures::{Figures, amount};
use super::tables::{heading, line};
use serde::Deserialize;

const TARGETS: &str = include_str!("../../targets.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    row: String,
    workload: String,
    n: u64,
    metric: String,
    unit: String,
    /// Whose figure it is.
    ours: String,
    /// Whose figure is the limit, if there is one.
    limit: Option<String>,
    /// One of both.
    most: Option<f64>,
    least: Option<f64>,
    /// `most` is a multiple of this figure.
    times: Option<Base>,
    /// `most` is beyond this figure.
    beyond: Option<Base>,
    /// What stands in the way, as long as it is not reached.
    obstacle: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    /// Whose; ours if it is not said.
    peer: Option<String>,
    workload: String,
    n: u64,
    metric: String,
}

pub(super) fn table(figures: &Figures) -> Result<String, String> {
    let targets: Vec<Target> =
        serde_json::from_str(TARGETS).map_err(|error| format!("benches/targets.json cannot be used: {error}"))?;
    let mut text = heading("row", &["limit", "target", "now", "reached", "what stands in the way"]);
    targets.iter().for_each(|target| text += &target.line(figures));
    Ok(text)
}

impl Target {
    fn line(&self, figures: &Figures) -> String {
        let cell = |peer: &str| figures.cell(peer, &self.workload, self.n, &self.metric);
        let limit = self.limit.as_deref().map_or_else(|| "–".to_owned(), cell);
        let now = figures.median(&self.ours, &self.workload, self.n, &self.metric);
        let reached = now.and_then(|now| self.is_reached(now, figures));
        let verdict = match reached {
            Some(true) => "**yes**",
            Some(false) => "no",
            None => "not measured",
        };
        let obstacle = if reached == Some(true) { "" } else { &self.obstacle };
        let cells = [limit, self.wanted(), cell(&self.ours), verdict.to_owned(), obstacle.to_owned()];
        line(&self.row, &cells)
    }

    fn is_reached(&self, now: f64, figures: &Figures) -> Option<bool> {
        if let Some(least) = self.least {
            return Some(now >= least);
        }
        let of = |base: &Base| {
            figures.median(base.peer.as_deref().unwrap_or(&self.ours), &base.workload, base.n, &base.metric)
        };
        let times = self.times.as_ref().map_or(Some(1.0), of)?;
        let beyond = self.beyond.as_ref().map_or(Some(0.0), of)?;
        Some(now <= self.most? * times + beyond)
    }

    fn wanted(&self) -> String {
        match (&self.times, self.most, self.least) {
            (Some(base), Some(most), _) => {
                format!("≤ {} (n = {}) + {:.0} %", base.workload, base.n, (most - 1.0) * 100.0)
            }
            (_, Some(most), _) if self.beyond.is_some() => format!("≤ limit + {}", amount(most, &self.unit)),
            (_, Some(most), _) => format!("≤ {}", amount(most, &self.unit)),
            (_, _, Some(least)) => format!("≥ {}", amount(least, &self.unit)),
            _ => "none".to_owned(),
        }
    }
}
