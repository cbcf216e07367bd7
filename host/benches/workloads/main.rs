//! The workloads W1–W8, as the peers run them, and W9–W16, which are ours: the same arguments, the same lines of JSON on standard output.
//! `workloads compare` runs them beside the peers and the limits of the machine, and writes BENCHMARKS.md.
//!
//! `workloads W1 | W2 N CHUNK… | W3 | W4 WORKERS | W4life | W5 K | W6 | W7 N | W8 N CHUNK… | W9 TIMES | W10 TIMES | W11 TIMES |
//! W12 ROUNDS | W13 CALLS | W14 TIMES | W15 CALLS | W16 CHUNKS`; with none, as `cargo bench`
//! calls it, all of them with sizes that take seconds. BENCHMARKS.md says what each measures and what came out.

mod calls;
mod compare;
mod hardening;
mod host_calls;
mod instances;
mod lifetime;
mod live;
mod measure;
mod stopping;
mod streams;

use std::process::{Command, ExitCode};

/// What `cargo bench` runs: enough to see a change of a few tens of percent on a quiet machine.
const ALL: [&[&str]; 18] = [
    &["W1"],
    &["W2", "20000", "1", "100", "1000"],
    &["W3"],
    &["W4", "1"],
    &["W4", "2"],
    &["W4life"],
    &["W5", "270000"],
    &["W6"],
    &["W7", "100000"],
    &["W8", "10000", "1", "1000"],
    &["W9", "20"],
    &["W10", "5"],
    &["W11", "20"],
    &["W12", "5"],
    &["W13", "2000"],
    &["W14", "2000"],
    &["W15", "2000"],
    &["W16", "20000"],
];

fn main() -> ExitCode {
    let all_arguments: Vec<String> = std::env::args().skip(1).collect();
    if all_arguments.first().is_some_and(|first| first == "compare") {
        return compare::compare(&all_arguments[1..]);
    }
    // `cargo bench` adds `--bench`; `cargo test --benches` runs benches too, with nothing, and only to see them run.
    let arguments: Vec<String> = all_arguments.into_iter().filter(|argument| !argument.starts_with("--")).collect();
    let Some((workload, numbers)) = arguments.split_first() else { return all() };
    let Ok(numbers) = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<u64>, _>>() else {
        eprintln!("the arguments of {workload} are {numbers:?}; they must be whole numbers");
        return ExitCode::from(2);
    };
    let first = |default| numbers.first().copied().unwrap_or(default);
    match workload.as_str() {
        "W1" => calls::round_trip(),
        "W2" | "W8" => calls::many(workload, first(100_000), numbers.get(1..).unwrap_or_default()),
        "W3" => calls::echo(),
        "W4" => lifetime::first_result(first(1)),
        "W4life" => lifetime::whole_program(),
        "W5" => calls::computing(first(270_000), numbers.get(1).copied().unwrap_or(64)),
        "W6" => lifetime::worker_killed(first(10)),
        "W9" => lifetime::start_methods(first(20)),
        "W10" => hardening::layers(first(5)),
        "W11" => stopping::stopped(first(20)),
        "W12" => stopping::flavours(first(5)),
        "W13" => host_calls::round_trip(first(2000)),
        "W14" => instances::threads_and_processes(first(2000)),
        "W15" => live::round_trip(first(2000)),
        "W16" => streams::throughput(first(20_000)),
        // What W14 starts.
        "W14process" => instances::process(first(2000)),
        "W7" => calls::futures_at_once(first(100_000)),
        _ => {
            eprintln!(
                "{workload} is no workload; use one of: W1 W2 W3 W4 W4life W5 W6 W7 W8 W9 W10 W11 W12 W13 W14 W15 W16 compare"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Each workload in a process of its own, as the peers: no workload starts with the memory of the one before.
fn all() -> ExitCode {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    for arguments in ALL {
        let start = std::time::Instant::now();
        let status = Command::new(&program).args(arguments).status().expect("this program starts again");
        if !status.success() {
            eprintln!("{} failed: {status}", arguments.join(" "));
            return ExitCode::FAILURE;
        }
        if *arguments == ["W4life"] {
            measure::line(measure::FRESH, "W4", 1, "whole_program", measure::milliseconds(start), "ms");
        }
    }
    ExitCode::SUCCESS
}
