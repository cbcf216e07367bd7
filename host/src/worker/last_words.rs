//! Tells the caller why a worker leaves before it is told to: standard error may be nobody's.

use super::exit::WorkerError;
use super::serve::{SharedChannel, send};
use crate::error::panic_text;
use crate::ipc::Reply;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Lives a worker's life. If that ends of the worker's own fault, its caller hears of it before the process leaves.
pub(super) fn telling<T>(
    channel: &SharedChannel,
    life: impl FnOnce() -> Result<T, WorkerError>,
) -> Result<T, WorkerError> {
    let lived = catch_unwind(AssertUnwindSafe(life));
    let message = match &lived {
        Ok(Err(error @ (WorkerError::Setup { .. } | WorkerError::Engine(_) | WorkerError::OutOfFiles(_)))) => {
            Some(error.to_string())
        }
        Err(panic) => {
            let said = panic_text(&**panic).unwrap_or("a value that is no text");
            Some(format!("it panicked: {said}"))
        }
        // It was told to leave, or its channel is of no use.
        Ok(_) => None,
    };
    let told = message.is_some_and(|message| send(channel, &Reply::Leaves { message }, &[]).is_ok());
    match lived {
        Ok(Err(error)) if told => Err(WorkerError::Told(Box::new(error))),
        Ok(lived) => lived,
        Err(panic) => resume_unwind(panic),
    }
}

/// What to do about a worker that gets no memory, if a limit of the process may be why.
pub(super) fn advice() -> String {
    let limits = [(Resource::RLIMIT_AS, "RLIMIT_AS, `ulimit -v`"), (Resource::RLIMIT_DATA, "RLIMIT_DATA, `ulimit -d`")];
    let limited = limits.into_iter().filter_map(|(resource, name)| match getrlimit(resource) {
        Ok((bytes, _)) if bytes != RLIM_INFINITY => Some(format!(
            "; a worker reserves far more addresses than it uses memory: raise the limit of {bytes} bytes ({name})"
        )),
        _ => None,
    });
    limited.collect()
}
