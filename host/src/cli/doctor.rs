//! `isopool doctor`: what locks workers in on this machine, tried from inside.

use super::exit::Stop;
use clap::{Args, ValueEnum};
use isopool::{
    EscapeAttempt, Execution, Executor, Hardening, HardeningReport, Layer, LayerReport, LayerState, Layers, Verdict,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Try to get out of a worker process in every way known, and print what was in the way.
///
/// Each attempt is made by native code in a worker process of its own, as if it had got out of the sandbox of WebAssembly.
/// The exit code is 0 when all of them were held and no layer is missing, and 7 otherwise.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// How far workers are locked in.
    #[arg(long, value_enum, default_value_t = TypedHardening::BestEffort)]
    hardening: TypedHardening,
    /// How guests are executed: `fortress` maps no machine code.
    #[arg(long, value_enum, default_value_t = TypedExecution::Speed)]
    execution: TypedExecution,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TypedHardening {
    /// None of the layers: shows what they are good for.
    Off,
    /// Every layer that the system has.
    BestEffort,
    /// Every layer, or no worker at all.
    Require,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TypedExecution {
    Speed,
    Fortress,
}

/// Tries, and prints.
pub(super) fn doctor(typed: &DoctorArguments) -> Result<(), Stop> {
    let hardening = match typed.hardening {
        TypedHardening::Off => Hardening::Off,
        TypedHardening::BestEffort => Hardening::BestEffort,
        TypedHardening::Require => Hardening::Require(Layers::all()),
    };
    let execution = match typed.execution {
        TypedExecution::Speed => Execution::Speed,
        TypedExecution::Fortress => Execution::Fortress,
    };
    let executor = Executor::builder().max_workers(1).hardening(hardening).execution(execution).build()?;
    let (report, attempts) = (executor.hardening_report()?, executor.try_escapes()?);
    let text = if typed.json { format!("{:#}\n", to_json(&report, &attempts)) } else { to_text(&report, &attempts) };
    std::io::stdout().write_all(text.as_bytes()).map_err(Stop::Output)?;
    let open = attempts.iter().filter(|one| matches!(one.verdict, Verdict::Escaped | Verdict::Untried)).count();
    let missing = report.layers().iter().filter(|layer| is_lacking(layer, &report)).count();
    if open + missing == 0 { Ok(()) } else { Err(Stop::NotHeld { open, missing }) }
}

/// Whether a layer that was wanted is not there. One that holds in part is for the reader to judge; and to count the processes
/// of root is nothing that a system could do better, where another layer forbids them.
fn is_lacking(layer: &LayerReport, report: &HardeningReport) -> bool {
    let is_covered = layer.layer == Layer::Processes && report.holds(Layer::SystemCalls);
    layer.state == LayerState::Missing && !is_covered
}

fn to_text(report: &HardeningReport, attempts: &[EscapeAttempt]) -> String {
    let rows: Vec<[String; 3]> = attempts.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    let mut text = String::from("what native code in a worker tried\n");
    for [escape, verdict, detail] in &rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {escape:<first$}  {verdict:<second$}  {detail}");
    }
    text.push_str("\nlayers\n");
    report.to_string().lines().for_each(|line| _ = writeln!(text, "  {line}"));
    text
}

fn row(attempt: &EscapeAttempt) -> [String; 3] {
    let verdict = match attempt.verdict {
        Verdict::Held { by: Some(layer) } => format!("held by {layer}"),
        Verdict::Held { by: None } => "held by the system".to_owned(),
        Verdict::Known => "possible".to_owned(),
        Verdict::Escaped => "ESCAPED".to_owned(),
        _ => "not tried".to_owned(),
    };
    [attempt.escape.what().to_owned(), verdict, attempt.detail.clone()]
}

fn to_json(report: &HardeningReport, attempts: &[EscapeAttempt]) -> Value {
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|attempt| {
            let (verdict, layer) = match attempt.verdict {
                Verdict::Held { by } => ("held", by.map(Layer::name)),
                Verdict::Known => ("possible", None),
                Verdict::Escaped => ("escaped", None),
                _ => ("not tried", None),
            };
            json!({ "escape": attempt.escape.what(), "verdict": verdict, "layer": layer, "detail": attempt.detail })
        })
        .collect();
    let layers: Vec<Value> = report
        .layers()
        .iter()
        .map(|layer| json!({ "layer": layer.layer.name(), "state": layer.state.to_string(), "reason": layer.reason }))
        .collect();
    json!({ "attempts": attempts, "layers": layers })
}
