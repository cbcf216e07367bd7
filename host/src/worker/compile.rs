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
                let reply = match compile(engine, &request, &received.payload, file) {
                    Ok(compiled) => Reply::Compiled(compiled),
                    Err(refusal) => Reply::Refused(refusal),
                };
                send(channel, &reply, &[])?;
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

fn compile(engine: &GuestEngine, request: &CompileRequest, wasm: &[u8], file: OwnedFd) -> Result<Compiled, Refusal> {
    let artifact = engine::compile(engine, wasm, request.initializer.as_ref())?;
    fault::point(Point::CompileDone);
    let mut file = File::from(file);
    let (front, back) = artifact.machine_code.split_at(artifact.machine_code.len() / 2);
    let written = file.write_all(front).and_then(|()| {
        fault::point(Point::ArtifactHalfWritten);
        file.write_all(back)
    });
    written.map_err(|error| Refusal::Artifact { message: format!("the memory file takes no more: {error}") })?;
    Ok(Compiled { info: artifact.info, artifact_bytes: artifact.machine_code.len() as u64 })
}
