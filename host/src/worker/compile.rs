//! The life of a compile worker: takes wasm, gives machine code.

use super::exit::WorkerError;
use super::serve::{SharedChannel, receive, send};
use crate::engine::{self, GuestEngine};
use crate::fault::{self, Point};
use crate::ipc::{CompileRequest, Compiled, Refusal, Reply, Request};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

/// Compiles what comes until the caller says stop or is gone.
pub(super) fn serve(channel: &SharedChannel, engine: GuestEngine) -> Result<(), WorkerError> {
    // Never dropped: to give back its reservations takes longer than to leave the process.
    let engine = Box::leak(Box::new(engine));
    while let Some(received) = receive(channel)? {
        match received.request {
            Request::Compile(request) => {
                let file = received.descriptor.ok_or(WorkerError::Protocol("`Compile` without a file"))?;
                fault::point(Point::CompileRead);
                let made = make(engine, &request, &received.payload, file);
                send(channel, &made.unwrap_or_else(Reply::Refused), &[])?;
                fault::point(Point::CompiledSent);
            }
            Request::Stop => break,
            Request::Configure(_) => return Err(WorkerError::Protocol("`Configure` twice")),
            Request::Load { .. }
            | Request::Share { .. }
            | Request::Unshare { .. }
            | Request::Run(_)
            | Request::ChildEnded { .. }
            | Request::HostAnswer { .. }
            | Request::Fork { .. }
            | Request::Attach
            | Request::Call { .. }
            | Request::TryEscape { .. } => {
                return Err(WorkerError::Protocol("another process's request to a compile worker"));
            }
        }
    }
    Ok(())
}

fn make(engine: &GuestEngine, request: &CompileRequest, wasm: &[u8], file: OwnedFd) -> Result<Reply, Refusal> {
    match request {
        CompileRequest::MachineCode { initializer } => {
            let artifact = engine::compile(engine, wasm, initializer.as_ref())?;
            let artifact_bytes = write(&artifact.machine_code, file)?;
            Ok(Reply::Compiled(Compiled { info: artifact.info, artifact_bytes }))
        }
        CompileRequest::Snapshot { call } => {
            let bytes = write(&engine::snapshot(engine, wasm, call)?, file)?;
            Ok(Reply::Snapshotted { bytes })
        }
    }
}

/// Writes what was made; gives its size.
fn write(made: &[u8], file: OwnedFd) -> Result<u64, Refusal> {
    fault::point(Point::CompileDone);
    let mut file = File::from(file);
    let (front, back) = made.split_at(made.len() / 2);
    let written = file.write_all(front).and_then(|()| {
        fault::point(Point::ArtifactHalfWritten);
        file.write_all(back)
    });
    written.map_err(|error| Refusal::Artifact { message: format!("the memory file takes no more: {error}") })?;
    Ok(made.len() as u64)
}
