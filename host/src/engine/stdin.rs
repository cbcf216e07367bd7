//! What a program reads from standard input.
//!
//! It may come while the program runs. wasmtime-wasi would start a thread for that; here a look is taken whenever the guest asks,
//! and, while it waits, every few milliseconds: so a guest that waits for its clocks too is not held up, and one that is to stop
//! can be stopped.

use crate::sys;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

/// What one read takes at most, in bytes: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long a guest sleeps that finds nothing to read, at first and at most. It doubles: who types is not kept waiting, and one that
/// waits for hours costs nothing that could be measured.
const FIRST_NAP: Duration = Duration::from_millis(1);
const LONGEST_NAP: Duration = Duration::from_millis(16);

/// What a program reads.
#[derive(Clone, Copy)]
pub(crate) enum Stdin<'a> {
    /// All of it is there.
    Bytes(&'a [u8]),
    /// It is read from here, as it comes.
    Stream(&'a Arc<File>),
}

impl Stdin<'_> {
    pub(super) fn give(self, wasi: &mut WasiCtxBuilder) {
        match self {
            Self::Bytes(bytes) => wasi.stdin(MemoryInputPipe::new(Bytes::copy_from_slice(bytes))),
            Self::Stream(file) => wasi.stdin(Incoming(Arc::clone(file))),
        };
    }
}

/// Bytes that come while the program runs. All its streams share them.
#[derive(Clone)]
struct Incoming(Arc<File>);

impl Incoming {
    /// What is there; `None`: nothing yet. No bytes: the end.
    fn take(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !sys::is_readable(self.0.as_fd())? {
            return Ok(None);
        }
        match (&*self.0).read(buffer) {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        let mut nap = FIRST_NAP;
        // An error is for whoever reads.
        while !sys::is_readable(self.0.as_fd()).unwrap_or(true) {
            tokio::time::sleep(nap).await;
            nap = (2 * nap).min(LONGEST_NAP);
        }
    }
}

impl InputStream for Incoming {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = vec![0; size.min(CHUNK_BYTES)];
        match self.take(&mut buffer) {
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(0)) => Err(StreamError::Closed),
            Ok(Some(count)) => {
                buffer.truncate(count);
                Ok(buffer.into())
            }
            Err(error) => Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

impl IsTerminal for Incoming {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Incoming {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    /// The default would put a task on the runtime for each stream.
    fn p2_stream(&self) -> DynInputStream {
        Box::new(self.clone())
    }
}

impl AsyncRead for Incoming {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.take(buffer.initialize_unfilled()) {
            Ok(Some(count)) => {
                buffer.advance(count);
                Poll::Ready(Ok(()))
            }
            Ok(None) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
