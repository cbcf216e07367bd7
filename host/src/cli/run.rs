//! `isopool run`: one call.

use super::call::{Answer, Argument, Callee};
use super::config::{Run, RunInput};
use super::exit::Stop;
use super::input::standard_input;
use super::interrupt::Interrupt;
use super::output::Output;
use isopool::{Codec, Shutdown};

/// Calls the function and prints what it returns.
pub(super) fn run(config: Run) -> Result<(), Stop> {
    let mut output = Output::take()?;
    let (codec, count) = match &config.arguments {
        RunInput::Json(arguments) => (Codec::Json, Some(arguments.len())),
        RunInput::StandardInput => (Codec::Raw, None),
    };
    let callee = Callee::open(&config.target, &config.pool, codec, count)?;
    let argument = match config.arguments {
        RunInput::Json(arguments) => Argument::Json(arguments),
        RunInput::StandardInput => Argument::Bytes(standard_input()?),
    };
    let executor = callee.executor.clone();
    let interrupt = Interrupt::install(move || executor.begin_shutdown(Shutdown::Kill)).map_err(Stop::System)?;
    let task = callee.submit(argument)?;
    let result = task.result();
    callee.executor.shutdown(Shutdown::Finish);
    match result {
        Ok(Answer::Bytes(bytes)) => output.bytes(&bytes)?,
        Ok(answer) => output.line(&answer.to_json())?,
        Err(error) => {
            return Err(match interrupt.signal() {
                Some(signal) => Stop::Signal { signal, done: 0, begun: 1 },
                None => Stop::task(None, error),
            });
        }
    }
    output.finish()
}
