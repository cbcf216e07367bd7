//! The life of a process that runs one native function of the program, and the native initializer of a worker.

use super::exit::WorkerError;
use super::objects::TaskObjects;
use super::takeover::setup;
use crate::ipc::{NativeCall, NativeEnd, Reply, Request, WORKER_VARIABLE, WorkerChannel};
use crate::sync::{ProcessMark, SharedObject};
use crate::{native, sandbox, sys};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Calls the function that the caller names, and tells how that ended.
pub(super) fn serve(channel: OwnedFd, parent: u32) -> Result<(), WorkerError> {
    setup("ignore broken pipes", sys::ignore_broken_pipes())?;
    sandbox::apply_to_native(channel.as_fd(), parent)?;
    // The function may start processes of its own, and they are none of this kind.
    setup("forget what it is", sys::forget_variable(WORKER_VARIABLE))?;
    let mut channel = WorkerChannel::new(channel);
    let (mut descriptors, mut objects) = (Vec::new(), Vec::new());
    let (function, argument) = loop {
        let Some(received) = channel.receive()? else { return Ok(()) };
        match received.request {
            Request::Attach => descriptors.extend(received.descriptor),
            Request::Share { object, spec, holder } => {
                let file = received.descriptor.ok_or(WorkerError::Protocol("`Share` without a file"))?;
                ProcessMark::of_word(holder).adopt();
                let opened = SharedObject::open_to_share(object, spec, file);
                let opened = opened.map_err(|source| WorkerError::Setup { step: "map a shared object", source })?;
                objects.push(Arc::new(opened));
            }
            Request::Call { function } => break (function, received.payload),
            _ => {
                return Err(WorkerError::Protocol(
                    "another request than `Attach`, `Share` and `Call` to a native process",
                ));
            }
        }
    };
    let (end, value) = native::run(&function, &argument, descriptors, objects);
    let returned = end == NativeEnd::Returned;
    channel.send(&Reply::Called(end), &value)?;
    if returned { Ok(()) } else { Err(WorkerError::Told(Box::new(WorkerError::NativeFailed))) }
}

/// Calls the native initializer of a worker, which must leave no thread behind; what is wrong with it is in words. What it
/// still holds of its objects is given back.
pub(super) fn initialize(call: &NativeCall, objects: &TaskObjects) -> Result<(), String> {
    let (end, _) = native::run(&call.function, &call.argument, Vec::new(), objects.for_native());
    if end != NativeEnd::Returned {
        return Err(end.describe(&call.function));
    }
    match sys::thread_count() {
        Ok(1) => Ok(()),
        Ok(count) => Err(format!(
            "the native function `{}` left {} threads behind; a worker must have one thread only",
            call.function,
            count - 1
        )),
        Err(error) => Err(format!("the threads of the worker cannot be counted: {error}")),
    }
}
