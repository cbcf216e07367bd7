//! The caller's end of a channel: never blocks.

use super::frame::{self, Decoder, FrameError};
use super::message::{Reply, Request};
use crate::limits::READ_CHUNK_BYTES;
use crate::sys;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Bytes that travel beside a message, shared with whoever may have to send them again.
pub(crate) type Payload = Arc<Vec<u8>>;

/// Payloads up to this size, in bytes, are copied next to their header: cheaper than one more slice.
const INLINE_PAYLOAD_BYTES: usize = 16 * 1024;

/// Slices of one write.
const MAX_SLICES: usize = 64;

/// Descriptors that may have come before the message that speaks of them: those of one read.
const MAX_UNCLAIMED: usize = 4;

/// What came out of a look at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Everything there was; more may come.
    All,
    /// A fair share; there is more.
    Some,
    /// The other end is closed, and everything it had sent was handed out.
    Closed,
}

/// What is wrong with a channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the channel was closed in the middle of a frame")]
    CutFrame,
    #[error("more than {MAX_UNCLAIMED} descriptors came that no message spoke of")]
    Descriptors,
    #[error("the channel failed: {0}")]
    Io(#[from] io::Error),
}

#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>),
    Payload(Payload),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Bytes(bytes) => bytes,
            Chunk::Payload(payload) => payload,
        }
    }
}

/// The caller's end of a channel.
#[derive(Debug)]
pub(crate) struct CallerChannel {
    socket: Arc<File>,
    decoder: Decoder<Reply>,
    buffer: Box<[u8]>,
    out: VecDeque<Chunk>,
    /// Bytes of the first chunk that were sent.
    sent: usize,
    /// Descriptors to send, each with the chunk that it must go with (counted from the first ever queued).
    descriptors: VecDeque<(u64, Arc<OwnedFd>)>,
    /// Chunks that were sent whole.
    chunks_sent: u64,
    /// Descriptors that came in, for a channel that takes any.
    received: Option<VecDeque<OwnedFd>>,
}

impl CallerChannel {
    /// Takes a socket; replies may carry payloads of at most `max_payload` bytes.
    pub(crate) fn new(socket: OwnedFd, max_payload: u64) -> io::Result<Self> {
        sys::set_nonblocking(&socket)?;
        Ok(Self {
            socket: Arc::new(socket.into()),
            decoder: Decoder::new(max_payload),
            buffer: vec![0; READ_CHUNK_BYTES].into_boxed_slice(),
            out: VecDeque::new(),
            sent: 0,
            descriptors: VecDeque::new(),
            chunks_sent: 0,
            received: None,
        })
    }

    /// As [`new`](Self::new), for another end that sends descriptors. Elsewhere the kernel closes what is sent.
    pub(crate) fn with_descriptors(socket: OwnedFd, max_payload: u64) -> io::Result<Self> {
        Ok(Self { received: Some(VecDeque::new()), ..Self::new(socket, max_payload)? })
    }

    /// Adds a request to what is to be sent.
    pub(crate) fn queue(
        &mut self,
        request: &Request,
        payload: Option<&Payload>,
        descriptor: Option<Arc<OwnedFd>>,
    ) -> Result<(), ChannelError> {
        let len = payload.map_or(0, |payload| payload.len());
        // Small frames share a chunk, unless a descriptor must go with a first byte of its own.
        let reuse = descriptor.is_none() && matches!(self.out.back(), Some(Chunk::Bytes(_)));
        if !reuse {
            self.out.push_back(Chunk::Bytes(Vec::with_capacity(256)));
        }
        if let Some(descriptor) = descriptor {
            let chunk = self.chunks_sent + self.out.len() as u64 - 1;
            self.descriptors.push_back((chunk, descriptor));
            self.append(request, len, true)?;
            self.out.push_back(Chunk::Bytes(Vec::new()));
        } else {
            self.append(request, len, false)?;
        }
        match payload {
            Some(payload) if len > INLINE_PAYLOAD_BYTES => self.out.push_back(Chunk::Payload(Arc::clone(payload))),
            Some(payload) if len > 0 => {
                if let Some(Chunk::Bytes(bytes)) = self.out.back_mut() {
                    bytes.extend_from_slice(payload);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn append(&mut self, request: &Request, payload_len: usize, with_descriptor: bool) -> Result<(), FrameError> {
        match self.out.back_mut() {
            Some(Chunk::Bytes(bytes)) => frame::encode(request, payload_len, with_descriptor, bytes),
            _ => unreachable!("queue() has just put a chunk of bytes there"),
        }
    }

    /// The socket, for whoever looks whether something has come.
    pub(crate) fn socket(&self) -> Arc<File> {
        Arc::clone(&self.socket)
    }

    /// Whether bytes wait for room in the socket.
    pub(crate) fn wants_to_send(&self) -> bool {
        !self.out.is_empty()
    }

    /// Bytes of messages that wait for room in the socket. Payloads are shared, and counted by whoever has them sent.
    pub(crate) fn unsent_message_bytes(&self) -> usize {
        let bytes = |chunk: &Chunk| if let Chunk::Bytes(bytes) = chunk { bytes.len() } else { 0 };
        self.out.iter().map(bytes).sum()
    }

    /// Forgets what was queued and not sent: the other end takes no more.
    pub(crate) fn discard_unsent(&mut self) {
        self.out.clear();
        self.sent = 0;
        self.descriptors.clear();
    }

    /// Sends as much as the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.send_some() {
                Ok(sent) => self.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One write: chunks up to the next one that carries a descriptor.
    fn send_some(&mut self) -> io::Result<usize> {
        let mut descriptor = None;
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        let mut next_descriptor = self.descriptors.front();
        for (offset, chunk) in self.out.iter().enumerate().take(MAX_SLICES) {
            if let Some((at, fd)) = next_descriptor
                && *at == self.chunks_sent + offset as u64
                && !(offset == 0 && self.sent > 0)
            {
                if offset > 0 {
                    break;
                }
                descriptor = Some(fd.as_fd());
                next_descriptor = self.descriptors.get(1);
            }
            let from = if offset == 0 { self.sent } else { 0 };
            slices[used] = IoSlice::new(&chunk.bytes()[from..]);
            used += 1;
        }
        let sent = sys::send_with_descriptor(self.socket.as_fd(), &slices[..used], descriptor)?;
        if descriptor.is_some() && sent > 0 {
            self.descriptors.pop_front();
        }
        Ok(sent)
    }

    /// Drops what was sent.
    fn advance(&mut self, mut sent: usize) {
        while let Some(chunk) = self.out.front() {
            let left = chunk.bytes().len() - self.sent;
            if sent < left {
                self.sent += sent;
                return;
            }
            sent -= left;
            self.sent = 0;
            self.out.pop_front();
            self.chunks_sent += 1;
        }
    }

    /// Reads what is there, and hands out each whole reply with its payload.
    pub(crate) fn receive(&mut self, mut hand_out: impl FnMut(Reply, Vec<u8>)) -> Result<Received, ChannelError> {
        self.receive_with_descriptors(|reply, payload, _| hand_out(reply, payload))
    }

    /// As [`receive`](Self::receive), with the descriptor that came beside a reply, if one did.
    pub(crate) fn receive_with_descriptors(
        &mut self,
        mut hand_out: impl FnMut(Reply, Vec<u8>, Option<OwnedFd>),
    ) -> Result<Received, ChannelError> {
        // A fair share for one turn: four chunks.
        for _ in 0..4 {
            let got = match self.decoder.payload_to_fill() {
                // A large payload goes straight to its place.
                Some(rest) if rest.len() >= self.buffer.len() => {
                    let share = rest.len().min(16 * READ_CHUNK_BYTES);
                    (&*self.socket).read(&mut rest[..share]).inspect(|&got| self.decoder.filled(got))
                }
                _ => match &mut self.received {
                    None => (&*self.socket).read(&mut self.buffer),
                    Some(received) => sys::receive_with_descriptors(self.socket.as_fd(), &mut self.buffer, received),
                }
                .inspect(|&got| self.decoder.push(&self.buffer[..got])),
            };
            match got {
                Ok(0) if self.decoder.is_mid_frame() => return Err(ChannelError::CutFrame),
                Ok(0) => return Ok(Received::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Received::All),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Received::Closed),
                Err(error) => return Err(error.into()),
            }
            while let Some(frame) = self.decoder.next()? {
                let received = self.received.as_mut().filter(|_| frame.with_descriptor);
                hand_out(frame.message, frame.payload, received.and_then(VecDeque::pop_front));
            }
            if self.received.as_ref().is_some_and(|received| received.len() > MAX_UNCLAIMED) {
                return Err(ChannelError::Descriptors);
            }
        }
        Ok(Received::Some)
    }
}

impl AsFd for CallerChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
