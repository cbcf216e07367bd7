//! `isopool run` without a function: a WASI program, as if it were one of this machine.

use super::call::{builder, module_error};
use super::config::Program;
use super::exit::Stop;
use super::input::InputError;
use super::interrupt::Interrupt;
use isopool::{GuestOutput, IntoTask, Shutdown};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write, stdin};
use std::os::fd::{AsFd, OwnedFd};

/// What is handed on at a time, in bytes: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// Runs the program. Its own exit code, if it is not 0, is the reason to stop.
pub(super) fn run(config: Program) -> Result<(), Stop> {
    // What it may write is bounded by whoever reads it.
    let builder = builder(&config.pool).max_output_bytes(usize::MAX);
    let executor = builder.guest_output(GuestOutput::Passthrough).build()?;
    let module = executor.load_file(&config.module).map_err(module_error)?;
    let command = module.command()?.args(config.arguments);
    let input = input().map_err(InputError::standard_input)?;
    let task = command.stdin_from(input).into_task().guest_output(GuestOutput::Passthrough);
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

/// Standard input, for a program to read as it comes.
fn input() -> io::Result<OwnedFd> {
    let own = File::from(stdin().as_fd().try_clone_to_owned()?);
    if own.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let flags = OFlag::from_bits_truncate(fcntl(&own, FcntlArg::F_GETFL)?);
    if flags & OFlag::O_ACCMODE == OFlag::O_RDONLY {
        return Ok(own.into());
    }
    // A terminal, most often: a worker must not be able to write to it.
    let (reader, writer) = io::pipe()?;
    std::thread::Builder::new().name("isopool-stdin".to_owned()).spawn(move || {
        // It ends with its input, with the program that reads it, or with this process.
        let _ = pass_on(own, writer);
    })?;
    Ok(reader.into())
}

/// Hands on what comes, as soon as it comes: `io::copy` has the kernel do it, which waits for more.
fn pass_on(mut from: File, mut to: PipeWriter) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
