//! `isopool run`: one call.

use super::call::{Answer, Argument, Callee};
use super::config::{Run, RunInput};
use super::deadline::Watchdog;
use super::exit::Stop;
use super::input::standard_input;
use super::interrupt::Interrupt;
use super::output::Output;
use isopool::{Codec, Shutdown};

/// Calls the function and prints what it returns.
pub(super) fn run(config: Run) -> Result<(), Stop> {
    let mut output = Output::take()?;
    let codec = match config.arguments {
        RunInput::Json(_) => Codec::Json,
        RunInput::StandardInput => Codec::Raw,
    };
    let callee = Callee::open(&config.target, &config.pool, codec)?;
    let argument = match config.arguments {
        RunInput::Json(arguments) => Argument::Json(arguments),
        RunInput::StandardInput => Argument::Bytes(standard_input()?),
    };
    let executor = callee.executor.clone();
    let interrupt = Interrupt::install(move || executor.begin_shutdown(Shutdown::Kill)).map_err(Stop::System)?;
    let task = callee.submit(argument)?;
    let watchdog = config.pool.timeout.map(Watchdog::start).transpose().map_err(Stop::System)?;
    if let Some(watchdog) = &watchdog {
        watchdog.watch(0, task.clone());
    }
    let result = task.result();
    callee.executor.shutdown(Shutdown::Finish);
    match result {
        Ok(Answer::Bytes(bytes)) => output.bytes(&bytes)?,
        Ok(answer) => output.line(&answer.to_json())?,
        Err(error) => {
            let late = config.pool.timeout.filter(|_| watchdog.is_some_and(|watchdog| watchdog.has_stopped(0)));
            return Err(match (interrupt.signal(), late) {
                (Some(signal), _) => Stop::Signal { signal, done: 0, begun: 1 },
                (None, Some(timeout)) if error.is_cancelled() => Stop::late(None, &error, timeout),
                _ => Stop::Task { input: String::new(), error },
            });
        }
    }
    output.finish()
}
