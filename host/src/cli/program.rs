//! `isopool run` without a function: a WASI program, as if it were one of this machine.

use super::call::{builder, module_error};
use super::config::Program;
use super::exit::Stop;
use super::input::standard_input;
use super::interrupt::Interrupt;
use isopool::limits::MAX_PAYLOAD_BYTES;
use isopool::{Bytes, GuestOutput, IntoTask, Shutdown};
use std::io::{IsTerminal, stdin};

/// Runs the program. Its own exit code, if it is not 0, is the reason to stop.
pub(super) fn run(config: Program) -> Result<(), Stop> {
    // What it may write is bounded by whoever reads it.
    let builder = builder(&config.pool).max_argument_bytes(MAX_PAYLOAD_BYTES).max_output_bytes(usize::MAX);
    let executor = builder.guest_output(GuestOutput::Passthrough).build()?;
    let module = executor.load_file(&config.module).map_err(module_error)?;
    let command = module.command()?.args(config.arguments);
    let input = if stdin().is_terminal() { Bytes::new() } else { standard_input()? };
    let task = command.stdin(input.to_vec()).into_task().guest_output(GuestOutput::Passthrough);
    let stopped = executor.clone();
    let interrupt = Interrupt::install(move || stopped.begin_shutdown(Shutdown::Kill)).map_err(Stop::System)?;
    let result = executor.submit(task)?.result();
    executor.shutdown(Shutdown::Finish);
    match (result, interrupt.signal()) {
        (Ok(output), _) if output.success() => Ok(()),
        (Ok(output), _) => Err(Stop::Program { status: output.status }),
        (Err(_), Some(signal)) => Err(Stop::Signal { signal, done: 0, begun: 1 }),
        (Err(error), None) => Err(Stop::task(None, error)),
    }
}
