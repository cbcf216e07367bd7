//! From the command line to the exit code.

use super::args::Arguments;
use super::config::Config;
use super::exit::{Code, Stop};
use super::{bench, build, completions, doctor, inspect, map, new, program, replay, run, test};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Says what is logged, to standard error: `info`, `isopool=debug`, … (the syntax of tracing's `EnvFilter`).
const LOG_VARIABLE: &str = "ISOPOOL_LOG";

/// Does what the command line says.
pub(crate) fn start() -> ExitCode {
    // Where constructors do not run, a worker is a worker all the same.
    isopool::worker_main();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and errors alike; `isopool --help | head` is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Code::USAGE.0 } else { Code::OK.0 });
        }
    };
    log_to_standard_error();
    let code = match Config::from_arguments(arguments).and_then(carry_out) {
        Ok(()) => Code::OK,
        Err(stop) => {
            if !stop.is_silent() {
                let _ = writeln!(std::io::stderr(), "isopool: {stop}");
            }
            stop.code()
        }
    };
    ExitCode::from(code.0)
}

fn log_to_standard_error() {
    let filter = EnvFilter::builder()
        .with_env_var(LOG_VARIABLE)
        .with_default_directive(LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}

fn carry_out(config: Config) -> Result<(), Stop> {
    match config {
        Config::Run(config) => run::run(config),
        Config::Program(config) => program::run(config),
        Config::Map(config) => map::map(config),
        Config::Inspect { module, json, pool } => inspect::inspect(&module, json, &pool),
        Config::CpuCount { physical } => cpu_count(physical),
        Config::Doctor(typed) => doctor::doctor(&typed),
        Config::Replay(config) => replay::replay(&config),
        Config::New(config) => new::create(&config),
        Config::Build(config) => build::build(&config),
        Config::Bench(config) => bench::bench(config),
        Config::Test(config) => test::test(config),
        Config::Completions(shell) => completions::completions(shell),
    }
}

fn cpu_count(physical: bool) -> Result<(), Stop> {
    let count = if physical { isopool::physical_cpu_count() } else { isopool::cpu_count() };
    let count = count.map_err(|error| Stop::Usage(error.to_string()))?;
    writeln!(std::io::stdout(), "{count}").map_err(Stop::Output)
}
