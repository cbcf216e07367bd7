//! What it does: `isopool test`: runs the tests of a test program that cargo has compiled, each in a sandbox of its own.
//! Takes from: cargo, or nextest, as their runner. Hands to: the library: each test is a task.
//! Never: lets a test that panics, traps, loops or takes all memory keep another one from running.

mod arguments;
mod each;
mod program;
mod report;

use super::config::{Pool, pool};
use super::exit::Stop;
use super::interrupt::Interrupt;
use super::tool_args::TestArguments;
use arguments::{Each, Wanted};
use program::Program;
use std::path::PathBuf;
use std::time::Duration;

/// Longest time for one test, unless --timeout says otherwise: one that never ends is to be told as such, and few tests take a
/// minute.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How a test program of Rust's own harness ends when a test has failed.
const TESTS_FAILED: i32 = 101;

/// What is wanted.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) module: PathBuf,
    /// For the test program: those of Rust's own harness.
    pub(super) arguments: Vec<String>,
    pub(super) pool: Pool,
}

impl TryFrom<TestArguments> for Test {
    type Error = Stop;

    fn try_from(typed: TestArguments) -> Result<Self, Stop> {
        let mut pool = pool(typed.pool, typed.jobs)?;
        pool.timeout.get_or_insert(TIME_LIMIT);
        Ok(Self { module: typed.module, arguments: typed.arguments, pool })
    }
}

/// Runs the tests, or what else the arguments ask the program for.
pub(super) fn test(mut config: Test) -> Result<(), Stop> {
    let wanted = Wanted::from_arguments(&config.arguments).map_err(Stop::Usage)?;
    if let Wanted::Each(Each { jobs: Some(jobs), .. }) = wanted {
        config.pool.max_workers = Some(jobs);
    }
    let program = Program::open(&config.module, &config.pool)?;
    let interrupt = Interrupt::install(program.stop()).map_err(Stop::System)?;
    match wanted {
        Wanted::Each(wanted) => each::run(&program, &config.arguments, &wanted, &interrupt),
        Wanted::Program => program.run(&config.arguments, &interrupt),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::Arguments;
    use super::super::config::Config;
    use super::*;
    use clap::Parser;

    fn parsed(line: &str) -> Test {
        let arguments = Arguments::try_parse_from(line.split(' ')).expect("it parses");
        match Config::from_arguments(arguments) {
            Ok(Config::Test(test)) => test,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_test_has_a_time_limit() {
        assert_eq!(parsed("isopool test t.wasm").pool.timeout, Some(TIME_LIMIT));
        assert_eq!(parsed("isopool test --timeout 2 t.wasm").pool.timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_follows_the_module_is_the_harness_s() {
        let test = parsed("isopool test -j 3 t.wasm --list --format terse -e x --timeout 1 --skip y");
        assert_eq!(test.pool.max_workers, Some(3));
        assert_eq!(test.arguments, ["--list", "--format", "terse", "-e", "x", "--timeout", "1", "--skip", "y"]);
        assert!(test.pool.environment.is_empty());
    }
}
