//! The worker's end of a channel: blocking, one thread.

use super::claim::ClaimTable;
use super::frame::{self, Decoder, FrameError};
use super::look_out::LookOut;
use super::message::{Reply, Request};
use crate::fault::{self, Point};
use crate::limits::{LARGE_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES, READ_CHUNK_BYTES, WORKER_KEEPS_FOR, WORKER_SPINS_FOR};
use crate::sys;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// One request, with its payload and its descriptor.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) request: Request,
    pub(crate) payload: Vec<u8>,
    pub(crate) descriptor: Option<OwnedFd>,
}

/// What came before a deadline.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it comes, and never kept")]
pub(crate) enum Before {
    Received(Received),
    Closed,
    TimedOut,
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the caller sent {0}")]
    Frame(#[from] FrameError),
    #[error("the channel to the caller failed: {0}")]
    Io(#[from] io::Error),
}

/// The worker's end of a channel.
#[derive(Debug)]
pub(crate) struct WorkerChannel {
    socket: File,
    decoder: Decoder<Request>,
    descriptors: VecDeque<OwnedFd>,
    buffer: Box<[u8]>,
    out: Vec<u8>,
    /// A large payload has passed since memory was last given back.
    keeps_memory: bool,
    /// Where the caller sees whether this end sleeps.
    claims: Option<ClaimTable>,
    look_out: LookOut,
}

impl WorkerChannel {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket: socket.into(),
            // The caller checked the arguments against its own limit; this one only bounds the protocol.
            decoder: Decoder::new(MAX_PAYLOAD_BYTES as u64),
            descriptors: VecDeque::new(),
            buffer: vec![0; READ_CHUNK_BYTES].into_boxed_slice(),
            out: Vec::new(),
            keeps_memory: false,
            claims: None,
            look_out: LookOut::default(),
        }
    }

    /// From now on looks out for requests for a short time where they come one soon after another, and says when it sleeps.
    pub(crate) fn looks_out(&mut self, claims: ClaimTable) {
        self.claims = Some(claims);
    }

    /// Waits for the next request; `None` when the caller has closed the channel or is gone.
    pub(crate) fn receive(&mut self) -> Result<Option<Received>, ChannelError> {
        loop {
            if let Some(received) = self.next_read()? {
                return Ok(Some(received));
            }
            if self.wait_and_read()? == 0 {
                return Ok(None);
            }
        }
    }

    /// As [`read`](Self::read), for what may come soon.
    fn wait_and_read(&mut self) -> Result<usize, ChannelError> {
        let Some(claims) = self.claims.clone() else {
            self.give_back_memory_when_idle()?;
            return self.read();
        };
        let begun = Instant::now();
        let looks_out = self.look_out.is_worth_it();
        let mut has_come = false;
        while looks_out && !has_come && begun.elapsed() < WORKER_SPINS_FOR {
            has_come = sys::is_readable(self.socket.as_fd())?;
            if !has_come {
                // Whoever else wants this processor has it first.
                std::thread::yield_now();
            }
        }
        if !has_come {
            claims.set_asleep(true);
            self.give_back_memory_when_idle()?;
        }
        let got = self.read();
        claims.set_asleep(false);
        match looks_out {
            true if has_come => self.look_out.was_worth_it(),
            true => self.look_out.was_in_vain(),
            // Who is woken by one that was woken: twice as long.
            false if begun.elapsed() < 2 * WORKER_SPINS_FOR => self.look_out.was_missed(),
            false => {}
        }
        got
    }

    /// The next of the requests that were read whole by now.
    pub(crate) fn next_read(&mut self) -> Result<Option<Received>, ChannelError> {
        let Some(frame) = self.decoder.next()? else { return Ok(None) };
        let descriptor = if frame.with_descriptor { self.descriptors.pop_front() } else { None };
        Ok(Some(Received { request: frame.message, payload: frame.payload, descriptor }))
    }

    /// Takes the memory of a payload that is not needed any more, for the next one.
    pub(crate) fn recycle(&mut self, payload: Vec<u8>) {
        self.keeps_memory |= payload.len() >= LARGE_PAYLOAD_BYTES;
        self.decoder.recycle(payload);
    }

    /// After large payloads, memory stays warm for as long as more is to do, and goes when nothing comes for a while.
    fn give_back_memory_when_idle(&mut self) -> io::Result<()> {
        if self.keeps_memory && !sys::readable_within(self.socket.as_fd(), WORKER_KEEPS_FOR)? {
            self.decoder.forget_spare();
            sys::give_back_freed_memory();
            self.keeps_memory = false;
        }
        Ok(())
    }

    /// As [`receive`](Self::receive), and no later than `deadline`.
    pub(crate) fn receive_before(&mut self, deadline: Instant) -> Result<Before, ChannelError> {
        loop {
            if let Some(frame) = self.decoder.next()? {
                let descriptor = if frame.with_descriptor { self.descriptors.pop_front() } else { None };
                return Ok(Before::Received(Received { request: frame.message, payload: frame.payload, descriptor }));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !sys::readable_within(self.socket.as_fd(), left)? {
                if Instant::now() >= deadline {
                    return Ok(Before::TimedOut);
                }
            } else if self.read()? == 0 {
                return Ok(Before::Closed);
            }
        }
    }

    /// Waits for bytes and reads them; 0 when the caller has closed the channel or is gone.
    pub(crate) fn read(&mut self) -> Result<usize, ChannelError> {
        loop {
            let got = match self.decoder.payload_to_fill() {
                // A large payload goes straight to its place. No descriptor comes in the middle of a frame.
                Some(rest) if rest.len() >= self.buffer.len() => {
                    fault::point(Point::ArgumentHalfRead);
                    sys::receive_all(self.socket.as_fd(), rest).inspect(|&got| self.decoder.filled(got))
                }
                _ => {
                    let got =
                        sys::receive_with_descriptors(self.socket.as_fd(), &mut self.buffer, &mut self.descriptors);
                    got.inspect(|&got| self.decoder.push(&self.buffer[..got]))
                }
            };
            match got {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The caller has gone with words of ours unread: as good as a close.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
                got => return Ok(got?),
            }
        }
    }

    /// Sends a reply and its payload, and waits until the kernel has taken both.
    pub(crate) fn send(&mut self, reply: &Reply, payload: &[u8]) -> Result<(), ChannelError> {
        self.send_with(reply, payload, None)
    }

    /// As [`send`](Self::send), with a descriptor beside it.
    pub(crate) fn send_with(
        &mut self,
        reply: &Reply,
        payload: &[u8],
        mut descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(), ChannelError> {
        self.out.clear();
        self.keeps_memory |= payload.len() >= LARGE_PAYLOAD_BYTES;
        frame::encode(reply, payload.len(), descriptor.is_some(), &mut self.out)?;
        let (mut head, mut tail) = (&self.out[..], payload);
        if let Some(fault) = half_sent(reply).and_then(fault::strikes) {
            self.write(&head[..head.len() / 2], &[], descriptor.take())?;
            fault.act();
            head = &head[head.len() / 2..];
        }
        if let Some(fault) = (!tail.is_empty()).then(|| fault::strikes(Point::ResultHalfSent)).flatten() {
            self.write(head, &tail[..tail.len() / 2], descriptor.take())?;
            fault.act();
            (head, tail) = (&[], &tail[tail.len() / 2..]);
        }
        self.write(head, tail, descriptor)
    }

    fn write(
        &self,
        mut head: &[u8],
        mut tail: &[u8],
        mut descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(), ChannelError> {
        while !head.is_empty() || !tail.is_empty() {
            let slices = [IoSlice::new(head), IoSlice::new(tail)];
            match sys::send_with_descriptor(self.socket.as_fd(), &slices, descriptor) {
                Ok(sent) => {
                    descriptor = None;
                    let of_head = sent.min(head.len());
                    head = &head[of_head..];
                    tail = &tail[sent - of_head..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for WorkerChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A frame that says that a system call was denied; its number is to be put into the last four bytes.
pub(crate) fn denied_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    frame::encode(&Reply::Denied { syscall: [0; 4] }, 0, false, &mut frame).expect("it has a few bytes");
    frame
}

/// The point in the middle of a reply.
fn half_sent(reply: &Reply) -> Option<Point> {
    match reply {
        // A worker that cannot be ready says so instead.
        Reply::Ready { .. } | Reply::Leaves { .. } => Some(Point::ReadyHalfSent),
        Reply::Done { .. } => Some(Point::DoneHalfSent),
        Reply::Log { .. }
        | Reply::Progress { .. }
        | Reply::Submit { .. }
        | Reply::Await { .. }
        | Reply::Forget { .. }
        | Reply::HostCall { .. } => Some(Point::LogHalfSent),
        Reply::Compiled(_) | Reply::Refused(_) | Reply::Snapshotted { .. } => Some(Point::CompiledHalfSent),
        Reply::Forked { .. } | Reply::NotForked { .. } | Reply::Ended { .. } => Some(Point::ForkTold),
        Reply::InitializerFailed { .. }
        | Reply::Called(_)
        | Reply::Hardened { .. }
        | Reply::NotHardened { .. }
        | Reply::Denied { .. }
        | Reply::Tried { .. } => None,
    }
}
