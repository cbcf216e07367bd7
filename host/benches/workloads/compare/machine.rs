//! Where and when figures were taken, and of what.

use super::figures::Figures;
use super::options::Options;
use super::programs::{OURS, Program};
use std::fs;
use std::process::Command;

const LOCK: &str = include_str!("../../../../Cargo.lock");

pub(super) fn describe(options: &Options, figures: &Figures, programs: &[Program], skipped: &[String]) -> String {
    let date = said_by("date", &["-u", "-r", &options.results.display().to_string(), "+%Y-%m-%d %H:%M UTC"]);
    let file = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        line.split_once(':').map_or(line.clone(), |(_, value)| value.trim().to_owned())
    };
    let memory: f64 = file("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    let kernel = file("/proc/sys/kernel/osrelease", "");
    let mut loads = figures.loads.clone();
    loads.sort_by(f64::total_cmp);
    let load = |part: usize| loads.get((loads.len().saturating_sub(1)) * part / 100).copied().unwrap_or(0.0);
    let versions: Vec<String> = programs.iter().filter(|program| program.name != OURS).map(version).collect();
    let checks = if cfg!(debug_assertions) { "with debug assertions" } else { "without debug assertions" };
    let mut text = format!(
        "- Date: {date}. Machine: {} CPUs ({}), {:.0} GiB, Linux {kernel}.\n\
         - Load average when each run began: median {:.1}, least {:.1}, most {:.1}; what ran before is part of it.\n\
         - isopool {} built {checks}, {}, wasmtime {}. Compared: {}.\n\
         - Rounds: {}; each cell is the median over rounds, for a percentile of the rounds' percentiles.\n",
        num_cpus::get(),
        file("/proc/cpuinfo", "model name"),
        memory / 1024.0 / 1024.0,
        load(50),
        load(0),
        load(100),
        env!("CARGO_PKG_VERSION"),
        said_by("rustc", &["--version"]),
        locked("wasmtime"),
        versions.join(", "),
        figures.rounds,
    );
    skipped.iter().for_each(|reason| text += &format!("- Not compared: {reason}.\n"));
    let failed =
        |(run, reason): (&String, &String)| format!("- Failed: `{run}` (round, program, workload): {reason}.\n");
    text.extend(figures.failed.iter().map(failed));
    text
}

fn version(program: &Program) -> String {
    if program.version.starts_with(program.name) {
        program.version.clone()
    } else {
        format!("{} ({})", program.name, program.version)
    }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of a crate that was built.
fn locked(name: &str) -> &'static str {
    let entry = LOCK.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
    let line = entry.and_then(|entry| entry.lines().find_map(|line| line.strip_prefix("version = ")));
    line.map_or("unknown", |version| version.trim_matches('"'))
}
