//! The plot: bars on a scale of powers of ten, a panel for each kind of figure.

use super::figures::{Figures, amount};
use super::tables::{COLUMNS, ROWS, Row};

/// Pixels.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 80.0;
const BAR: f64 = 9.0;
const GAP: f64 = 8.0;
const COLOURS: [&str; 6] = ["#0b6e4f", "#6bbf9c", "#c44536", "#e08e45", "#8d6a9f", "#4a6fa5"];

/// Panels: a title, which metrics belong to it, and the unit of its scale.
const PANELS: [(&str, &[&str], &str); 5] = [
    ("Time of a round trip, p50", &["p50"], "us"),
    ("Tiny tasks per second", &["tasks_per_s:chunk1", "tasks_per_s:chunk1000"], "1/s"),
    ("CPU time per task", &["cpu_us_per_task", "cpu_us_per_task:chunk1"], "us"),
    (
        "Starting, stopping, losing a worker",
        &["first_result", "whole_program", "shutdown", "to_error_p50", "to_first_result_p50"],
        "ms",
    ),
    ("Memory", &["worker_pss", "worker_private"], "KiB"),
];

pub(super) fn svg(figures: &Figures) -> String {
    let mut body = String::new();
    let mut y = legend(&mut body);
    for (title, metrics, unit) in PANELS {
        y = panel(&mut body, figures, y, title, metrics, unit);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn legend(body: &mut String) -> f64 {
    for (at, ((_, name), colour)) in COLUMNS.iter().zip(COLOURS).enumerate() {
        let x = 20.0 + 140.0 * at as f64;
        *body += &format!("<rect x=\"{x}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{colour}\"/>\n");
        *body += &label(x + 18.0, 22.0, "start", name);
    }
    40.0
}

/// Draws one, and says where the next begins.
fn panel(body: &mut String, figures: &Figures, top: f64, title: &str, metrics: &[&str], unit: &str) -> f64 {
    let value =
        |row: &Row, peer: &str| figures.median(peer, row.workload, row.n, row.metric).filter(|value| *value > 0.0);
    let rows: Vec<&Row> = ROWS.iter().filter(|row| metrics.contains(&row.metric)).collect();
    let values = rows.iter().flat_map(|row| COLUMNS.iter().filter_map(|(peer, _)| value(row, peer)));
    let Some((least, most)) = values.map(|value| (value, value)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return top;
    };
    let (from, to) = (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0));
    let x = |value: f64| LEFT + (value.log10() - from) / (to - from) * (WIDTH - LEFT - RIGHT);
    *body += &format!("<text x=\"20\" y=\"{:.0}\" font-weight=\"bold\" font-size=\"13\">{title}</text>\n", top + 16.0);
    let first = top + 40.0;
    let mut y = first;
    let mut bars = String::new();
    for row in rows {
        let start = y;
        for ((peer, _), colour) in COLUMNS.iter().zip(COLOURS) {
            let Some(value) = value(row, peer) else { continue };
            let width = x(value) - LEFT;
            bars +=
                &format!("<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n");
            bars += &label(x(value) + 4.0, y + BAR - 0.5, "start", &amount(value, unit));
            y += BAR + 1.0;
        }
        if y > start {
            bars += &label(LEFT - 8.0, (start + y) / 2.0 + 4.0, "end", row.label);
            y += GAP;
        }
    }
    for power in from as i32..=to as i32 {
        let (at, bottom) = (x(10_f64.powi(power)), y - GAP / 2.0);
        *body += &format!("<path d=\"M{at:.1} {:.0}V{bottom:.0}\" stroke=\"#ddd\"/>\n", first - 6.0);
        *body += &label(at, first - 10.0, "middle", &amount(10_f64.powi(power), unit));
    }
    *body += &bars;
    y + 16.0
}

fn label(x: f64, y: f64, anchor: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}
