//! Makes a worker of this process, before the program's own `main`.
//!
//! A worker is the caller's program, executed again with `ISOPOOL_WORKER=<pid of the caller>` and its channel as standard
//! input. A constructor looks for that variable, so that the program needs no guard in its `main`.

use super::exit::{EXIT_PANIC, EXIT_STOPPED, WorkerError};
use super::native;
use super::serve::serve;
use crate::fault::{self, Point};
use crate::ipc::{NATIVE_SUFFIX, WORKER_VARIABLE};
use crate::{sandbox, sys};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

#[ctor::ctor(unsafe)]
fn take_over() {
    worker_main();
}

/// Becomes a worker, if isopool started this process as one; otherwise returns at once.
///
/// Programs need not call this: a constructor does, before `main`. Call it first thing in `main` where constructors do
/// not run, for example when isopool is part of a library that is loaded later. A worker never returns from here: it
/// leaves the process with exit code 0 when it is told to stop or its caller is gone, 64 when it was not started by
/// isopool, 70 after a panic, 71 when it cannot make itself ready, and 76 when its channel fails.
///
/// ```
/// isopool::worker_main();
/// println!("this is no worker");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn worker_main() {
    let Some(parent) = std::env::var_os(WORKER_VARIABLE) else { return };
    fault::arm();
    std::process::exit(exit_code(|| run(&parent)));
}

/// Makes a worker of this process, a copy of its parent, and never returns: the copy leaves without what its parent does
/// when it leaves.
pub(crate) fn become_worker(channel: OwnedFd, parent: u32) -> ! {
    fault::arm();
    let code = exit_code(|| {
        // The parent's own hook is not run here, nor dropped.
        std::mem::forget(std::panic::take_hook());
        std::panic::set_hook(Box::new(tell_panic));
        fault::point(Point::TakenOver);
        setup("take the signals", sys::reset_signals())?;
        setup("leave the standard input", sys::null_standard_input())?;
        fault::point(Point::ChannelTaken);
        live(channel, parent)
    });
    sys::leave_now(code);
}

fn exit_code(life: impl FnOnce() -> Result<(), WorkerError>) -> i32 {
    let code = match catch_unwind(AssertUnwindSafe(life)) {
        Ok(Ok(())) => EXIT_STOPPED,
        Ok(Err(error)) if error.is_caller_gone() => EXIT_STOPPED,
        Ok(Err(error @ WorkerError::Told(_))) => error.exit_code(),
        Ok(Err(error)) => {
            eprintln!("isopool worker {}: {error}", std::process::id());
            error.exit_code()
        }
        // The hook has told it.
        Err(_) => EXIT_PANIC,
    };
    fault::point(Point::Leaving);
    code
}

fn run(parent: &OsStr) -> Result<(), WorkerError> {
    std::panic::set_hook(Box::new(tell_panic));
    fault::point(Point::TakenOver);
    let (parent, kind) = parent_and_kind(parent)?;
    let channel = take_channel()?;
    fault::point(Point::ChannelTaken);
    match kind {
        Kind::Worker => live(channel, parent),
        Kind::Native => native::serve(channel, parent),
    }
}

/// What the variable says that this process is.
enum Kind {
    Worker,
    Native,
}

pub(super) fn setup(step: &'static str, result: io::Result<()>) -> Result<(), WorkerError> {
    result.map_err(|source| WorkerError::Setup { step, source })
}

fn live(channel: OwnedFd, parent: u32) -> Result<(), WorkerError> {
    // Before `main` it still has its default action, which is to end the process.
    setup("ignore broken pipes", sys::ignore_broken_pipes())?;
    sandbox::apply(channel.as_fd(), parent)?;
    fault::point(Point::SandboxApplied);
    serve(channel)
}

fn parent_and_kind(value: &OsStr) -> Result<(u32, Kind), WorkerError> {
    let text = value.to_str().unwrap_or_default();
    let (number, kind) = match text.strip_suffix(NATIVE_SUFFIX) {
        Some(number) => (number, Kind::Native),
        None => (text, Kind::Worker),
    };
    let pid = number.parse().map_err(|_| WorkerError::NotAWorker {
        name: WORKER_VARIABLE,
        problem: format!("its value {value:?} is no process id"),
    });
    Ok((pid?, kind))
}

fn take_channel() -> Result<OwnedFd, WorkerError> {
    match sys::is_socket(io::stdin().as_fd()) {
        Ok(true) => {
            sys::replace_standard_input().map_err(|source| WorkerError::Setup { step: "take the channel", source })
        }
        Ok(false) | Err(_) => Err(WorkerError::NotAWorker {
            name: WORKER_VARIABLE,
            problem: "standard input is no channel of isopool".to_owned(),
        }),
    }
}

/// One line: several workers may speak at once.
fn tell_panic(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("a value that is no text").replace('\n', " ");
    let place = info.location().map(|location| format!(" at {location}")).unwrap_or_default();
    eprintln!("isopool worker {}: panicked{place}: {said}", std::process::id());
}
