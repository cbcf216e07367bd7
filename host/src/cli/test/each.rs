//! A run for each test of a program: a panic ends a whole WebAssembly program, so one run for all would end with the first
//! test that fails.

use super::super::exit::Stop;
use super::super::interrupt::Interrupt;
use super::TESTS_FAILED;
use super::arguments::{Each, Output};
use super::program::{Program, Ran};
use super::report::{Report, Verdict};
use std::time::Instant;

/// Lists the tests, runs each, and reports as Rust's own harness does.
pub(super) fn run(program: &Program, given: &[String], wanted: &Each, interrupt: &Interrupt) -> Result<(), Stop> {
    let started = Instant::now();
    let Some(names) = list(program, wanted)? else {
        // Not made by Rust's harness: it has its own way to run tests.
        return program.run(given, interrupt);
    };
    let mut report = Report::begin(names.len())?;
    let runs = names.iter().map(|name| program.submit(&arguments(name, wanted))).collect::<Result<Vec<_>, _>>();
    let runs = match (runs, interrupt.signal()) {
        (_, Some(signal)) => return Err(Stop::Signal { signal, done: 0, begun: names.len() as u64 }),
        (runs, None) => runs?,
    };
    for (done, (name, run)) in names.iter().zip(&runs).enumerate() {
        let ran = Ran::wait(run);
        if let Some(signal) = interrupt.signal() {
            return Err(Stop::Signal { signal, done: done as u64, begun: names.len() as u64 });
        }
        report.add(name, &Verdict::of(&ran), &ran, wanted.output == Output::OfAll)?;
    }
    program.shutdown();
    if report.end(started.elapsed())? { Ok(()) } else { Err(Stop::Program { status: TESTS_FAILED }) }
}

/// The names of the tests that are chosen; `None` if the program does not list any as Rust's harness does.
fn list(program: &Program, wanted: &Each) -> Result<Option<Vec<String>>, Stop> {
    let listing = ["--list", "--format", "terse"].map(str::to_owned);
    let arguments: Vec<String> = listing.iter().chain(&wanted.choice).chain(&wanted.ignored).cloned().collect();
    let ran = Ran::wait(&program.submit(&arguments)?);
    Ok(if matches!(ran.status, Ok(0)) { names(&ran.stdout) } else { None })
}

/// The tests in a terse list. Benchmarks are in it too, and are no tests.
fn names(listed: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for line in listed.lines().filter(|line| !line.is_empty()) {
        match line.rsplit_once(": ")? {
            (name, "test") => names.push(name.to_owned()),
            (_, "bench" | "benchmark") => {}
            _ => return None,
        }
    }
    Some(names)
}

/// Runs one test, and shows what it prints: caught by the harness, it would be lost with a test that panics.
fn arguments(name: &str, wanted: &Each) -> Vec<String> {
    let mut arguments: Vec<String> = [name, "--exact", "--nocapture"].map(str::to_owned).to_vec();
    arguments.extend(wanted.ignored.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_of_tests_is_one() {
        assert_eq!(
            names("a::b: test\nc - should panic: test\nd: bench\n"),
            Some(vec!["a::b".into(), "c - should panic".into()])
        );
        assert_eq!(names(""), Some(vec![]));
        assert_eq!(names("usage: test [options]\n"), None);
        assert_eq!(names("hello\n"), None);
    }
}
