//! `isopool bench`: what a call of a function takes, on this machine.

use super::call::{Argument, Callee};
use super::config::{Pool, RunInput, Target, pool, run_input};
use super::exit::Stop;
use super::input::standard_input;
use super::interrupt::Interrupt;
use super::output::Output;
use super::tool_args::BenchArguments;
use isopool::{Bytes, Codec, Shutdown};
use serde_json::value::RawValue;
use std::time::{Duration, Instant};

/// Rounds that are not counted: the module is compiled, workers start, memory becomes theirs.
const WARM_UP: usize = 20;

/// Most calls that are measured: each waits in memory when all are submitted at once.
const MAX_CALLS: usize = 1_000_000;

/// What is wanted.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) target: Target,
    pub(super) arguments: RunInput,
    /// How many calls are measured.
    pub(super) count: usize,
    pub(super) pool: Pool,
}

impl TryFrom<BenchArguments> for Bench {
    type Error = Stop;

    fn try_from(typed: BenchArguments) -> Result<Self, Stop> {
        if !(1..=MAX_CALLS).contains(&typed.count) {
            return Err(Stop::Usage(format!("--count is {}, and must be between 1 and {MAX_CALLS}", typed.count)));
        }
        Ok(Self {
            target: Target { module: typed.module, function: typed.function },
            arguments: run_input(typed.bytes, typed.text, &typed.arguments)?,
            count: typed.count,
            pool: pool(typed.pool, typed.jobs)?,
        })
    }
}

/// The argument of every call.
enum Given {
    Json(Vec<Box<RawValue>>),
    Bytes(Bytes),
}

/// Calls the function one after another, then many times at once, and prints what that took.
pub(super) fn bench(config: Bench) -> Result<(), Stop> {
    let mut output = Output::take()?;
    let (codec, given) = match config.arguments {
        RunInput::Json(arguments) => (Codec::Json, Given::Json(arguments)),
        RunInput::StandardInput => (Codec::Raw, Given::Bytes(standard_input()?)),
    };
    let count = if let Given::Json(arguments) = &given { Some(arguments.len()) } else { None };
    let callee = Callee::open(&config.target, &config.pool, codec, count)?;
    let executor = callee.executor.clone();
    let interrupt = Interrupt::install(move || executor.begin_shutdown(Shutdown::Kill)).map_err(Stop::System)?;
    let measured = measure(&callee, &given, config.count).map_err(|stop| match interrupt.signal() {
        Some(signal) => Stop::Signal { signal, done: 0, begun: config.count as u64 },
        None => stop,
    })?;
    let workers = callee.executor.max_workers();
    callee.executor.shutdown(Shutdown::Finish);
    for line in measured.lines(workers) {
        output.line(&line)?;
    }
    output.finish()
}

/// What was measured.
#[derive(Debug)]
struct Measured {
    /// From submit to result, sorted; at least one.
    round_trips: Vec<Duration>,
    /// For as many tasks at once.
    together: Duration,
}

fn measure(callee: &Callee, given: &Given, count: usize) -> Result<Measured, Stop> {
    let call = || {
        callee.submit(match given {
            Given::Json(arguments) => Argument::Json(arguments.clone()),
            Given::Bytes(bytes) => Argument::Bytes(bytes.clone()),
        })
    };
    let mut round_trips = Vec::with_capacity(count);
    for round in 0..WARM_UP + count {
        let begun = Instant::now();
        call()?.result().map_err(|error| Stop::task(None, error))?;
        if round >= WARM_UP {
            round_trips.push(begun.elapsed());
        }
    }
    round_trips.sort_unstable();
    // Twice: workers start during the first time.
    let mut together = Duration::ZERO;
    for _ in 0..2 {
        let begun = Instant::now();
        let tasks = (0..count).map(|_| call()).collect::<Result<Vec<_>, _>>()?;
        for task in &tasks {
            task.result().map_err(|error| Stop::task(None, error))?;
        }
        together = begun.elapsed();
    }
    Ok(Measured { round_trips, together })
}

impl Measured {
    fn lines(&self, workers: usize) -> [String; 2] {
        let count = self.round_trips.len();
        let all: Duration = self.round_trips.iter().sum();
        let at = |share: f64| micros(self.round_trips[((count - 1) as f64 * share).round() as usize]);
        let rate = |time: Duration| (count as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)).round();
        let of_workers = if workers == 1 { "on one worker".to_owned() } else { format!("on up to {workers} workers") };
        [
            format!(
                "one after another: min {}, median {}, p99 {}; {} tasks/s ({count} tasks)",
                at(0.0),
                at(0.5),
                at(0.99),
                rate(all)
            ),
            format!("all at once, {of_workers}: {} tasks/s", rate(self.together)),
        ]
    }
}

fn micros(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 10_000.0 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_round_trips() {
        let round_trips = (1..=100).map(Duration::from_millis).collect();
        let measured = Measured { round_trips, together: Duration::from_secs(2) };
        let [first, second] = measured.lines(2);
        assert_eq!(first, "one after another: min 1000 µs, median 51.0 ms, p99 99.0 ms; 20 tasks/s (100 tasks)");
        assert_eq!(second, "all at once, on up to 2 workers: 50 tasks/s");
        let one = Measured { round_trips: vec![Duration::from_micros(7)], together: Duration::from_micros(7) };
        assert!(one.lines(1)[0].starts_with("one after another: min 7 µs, median 7 µs, p99 7 µs; "));
    }
}
