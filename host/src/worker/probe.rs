//! The life of a probe: a worker in everything, that runs no task but tries to get out.

use super::exit::WorkerError;
use super::serve::{SharedChannel, receive, send};
use crate::ipc::{Reply, Request};
use crate::sandbox;

/// Tries what the caller asks for.
pub(super) fn serve(channel: &SharedChannel) -> Result<(), WorkerError> {
    while let Some(received) = receive(channel)? {
        match received.request {
            Request::TryEscape { escape, bait } => {
                let tried = sandbox::try_escape(escape, &bait);
                let error = tried.err().map(|error| error.raw_os_error().unwrap_or(libc::EIO));
                send(channel, &Reply::Tried { error }, &[])?;
            }
            Request::Stop => break,
            _ => return Err(WorkerError::Protocol("another request than `TryEscape` to a probe")),
        }
    }
    Ok(())
}
