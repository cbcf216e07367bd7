//! Frames: a fixed header, a message, a payload.
//!
//! ```text
//! ┌──────────────┬────────────┬──────────────┬─────────┬─────────┐
//! │ message: u32 │ flags: u32 │ payload: u64 │ message │ payload │   integers little-endian, lengths in bytes
//! └──────────────┴────────────┴──────────────┴─────────┴─────────┘
//! ```
//! Flag 1: a descriptor was sent with the header's first byte.

use crate::limits::{HUGE_PAYLOAD_BYTES, MAX_MESSAGE_FRAME_BYTES};
use crate::sys;
use isopool_guest::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const HEADER_BYTES: usize = 16;
const FLAG_DESCRIPTOR: u32 = 1;

/// What is wrong with bytes that should have been a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a message of {0} bytes is over the limit of {MAX_MESSAGE_FRAME_BYTES}")]
    MessageTooLarge(u64),
    #[error("a payload of {size} bytes is over the limit of {limit}")]
    PayloadTooLarge { size: u64, limit: u64 },
    #[error("unknown frame flags {0:#x}")]
    UnknownFlags(u32),
    #[error("a message does not decode: {0}")]
    Message(String),
}

/// Appends the header and the message of a frame to `out`; the payload of `payload_len` bytes must follow.
pub(crate) fn encode<M: Serialize>(
    message: &M,
    payload_len: usize,
    with_descriptor: bool,
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend(Codec::Bincode.encode(message).map_err(|error| FrameError::Message(error.message))?);
    let message_len = out.len() - start - HEADER_BYTES;
    if message_len > MAX_MESSAGE_FRAME_BYTES {
        out.truncate(start);
        return Err(FrameError::MessageTooLarge(message_len as u64));
    }
    let flags = if with_descriptor { FLAG_DESCRIPTOR } else { 0 };
    out[start..start + 4].copy_from_slice(&(message_len as u32).to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&flags.to_le_bytes());
    out[start + 8..start + 16].copy_from_slice(&(payload_len as u64).to_le_bytes());
    Ok(())
}

/// One whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<M> {
    pub(crate) message: M,
    pub(crate) payload: Vec<u8>,
    pub(crate) with_descriptor: bool,
}

/// Cuts a stream of bytes into frames. Holds at most one message and one payload within the limits.
#[derive(Debug)]
pub(crate) struct Decoder<M> {
    max_payload: u64,
    buffer: Vec<u8>,
    consumed: usize,
    partial: Option<Partial<M>>,
    /// A payload's memory, for the next one.
    spare: Vec<u8>,
}

/// A frame whose payload is on its way: the first `filled` bytes are there.
#[derive(Debug)]
struct Partial<M> {
    frame: Frame<M>,
    filled: usize,
}

impl<M: DeserializeOwned> Decoder<M> {
    pub(crate) fn new(max_payload: u64) -> Self {
        Self { max_payload, buffer: Vec::new(), consumed: 0, partial: None, spare: Vec::new() }
    }

    /// Takes the memory of a payload that is not needed any more, for the next one that fits.
    pub(crate) fn recycle(&mut self, payload: Vec<u8>) {
        if payload.capacity() > self.spare.capacity() {
            self.spare = payload;
        }
    }

    /// Frees the memory that [`recycle`](Self::recycle) kept.
    pub(crate) fn forget_spare(&mut self) {
        self.spare = Vec::new();
    }

    /// Takes bytes that were read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 0 && self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What the payload being received lacks, once the bytes pushed are used up: a reader may fill the front of it
    /// directly, say so with [`filled`](Self::filled), and spare itself a copy.
    pub(crate) fn payload_to_fill(&mut self) -> Option<&mut [u8]> {
        let partial = self.partial.as_mut()?;
        let rest = &mut partial.frame.payload[partial.filled..];
        (!rest.is_empty() && self.consumed == self.buffer.len()).then_some(rest)
    }

    /// So many bytes were put to where [`payload_to_fill`](Self::payload_to_fill) showed.
    pub(crate) fn filled(&mut self, bytes: usize) {
        if let Some(partial) = &mut self.partial {
            partial.filled = (partial.filled + bytes).min(partial.frame.payload.len());
        }
    }

    /// Bytes that were pushed and not used up yet.
    #[cfg(debug_assertions)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buffer.len() - self.consumed
    }

    /// Whether bytes of an unfinished frame are held.
    pub(crate) fn is_mid_frame(&self) -> bool {
        self.partial.is_some() || self.consumed < self.buffer.len()
    }

    /// The next whole frame, or `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<M>>, FrameError> {
        if self.partial.is_none() {
            self.partial = self.begin()?;
        }
        let Some(Partial { frame, filled }) = self.partial.as_mut() else {
            self.compact();
            return Ok(None);
        };
        let missing = frame.payload.len() - *filled;
        let here = missing.min(self.buffer.len() - self.consumed);
        frame.payload[*filled..*filled + here].copy_from_slice(&self.buffer[self.consumed..self.consumed + here]);
        *filled += here;
        self.consumed += here;
        if here == missing { Ok(self.partial.take().map(|partial| partial.frame)) } else { Ok(None) }
    }

    /// Reads a header and its message, if both are there.
    fn begin(&mut self) -> Result<Option<Partial<M>>, FrameError> {
        let bytes = &self.buffer[self.consumed..];
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [m0, m1, m2, m3, f0, f1, f2, f3, payload @ ..] = *header;
        let message_len = u32::from_le_bytes([m0, m1, m2, m3]) as usize;
        let flags = u32::from_le_bytes([f0, f1, f2, f3]);
        let payload_len = u64::from_le_bytes(payload);
        if message_len > MAX_MESSAGE_FRAME_BYTES {
            return Err(FrameError::MessageTooLarge(message_len as u64));
        }
        if flags & !FLAG_DESCRIPTOR != 0 {
            return Err(FrameError::UnknownFlags(flags));
        }
        if payload_len > self.max_payload {
            return Err(FrameError::PayloadTooLarge { size: payload_len, limit: self.max_payload });
        }
        let Some(message) = rest.get(..message_len) else { return Ok(None) };
        let message = Codec::Bincode.decode(message).map_err(|error| FrameError::Message(error.message))?;
        self.consumed += HEADER_BYTES + message_len;
        let payload = self.room_for(payload_len as usize);
        let frame = Frame { message, payload, with_descriptor: flags & FLAG_DESCRIPTOR != 0 };
        Ok(Some(Partial { frame, filled: 0 }))
    }

    fn room_for(&mut self, len: usize) -> Vec<u8> {
        if len > 0 && len <= self.spare.capacity() {
            let mut payload = std::mem::take(&mut self.spare);
            payload.resize(len, 0);
            return payload;
        }
        // A large one is address space only (`calloc`): pages are touched as the bytes come, and the limit bounds even
        // that.
        let mut payload = vec![0; len];
        if len >= HUGE_PAYLOAD_BYTES {
            sys::prefer_huge_pages(&mut payload);
        }
        payload
    }

    /// Drops what was consumed, so that the buffer holds at most one unfinished frame's beginning.
    fn compact(&mut self) {
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(message: &(u32, String), payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(message, payload.len(), false, &mut bytes).expect("small message");
        bytes.extend_from_slice(payload);
        bytes
    }

    proptest! {
        #[test]
        fn frames_survive_any_cut(
            frames in prop::collection::vec((any::<u32>(), ".{0,40}", prop::collection::vec(any::<u8>(), 0..300)), 0..8),
            cuts in prop::collection::vec(1usize..64, 1..64),
        ) {
            let bytes: Vec<u8> =
                frames.iter().flat_map(|(n, s, payload)| frame(&(*n, s.clone()), payload)).collect();
            let mut decoder = Decoder::<(u32, String)>::new(1 << 20);
            let mut got = Vec::new();
            let mut rest = &bytes[..];
            let mut cuts = cuts.iter().cycle();
            while !rest.is_empty() {
                let (head, tail) = rest.split_at((*cuts.next().expect("cycle")).min(rest.len()));
                decoder.push(head);
                rest = tail;
                while let Some(frame) = decoder.next().expect("valid frames") {
                    got.push((frame.message.0, frame.message.1, frame.payload));
                }
            }
            prop_assert_eq!(got, frames);
            prop_assert!(!decoder.is_mid_frame());
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let mut decoder = Decoder::<(u32, String)>::new(1 << 16);
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn memory_that_is_used_again_shows_nothing_of_what_was_there() {
        let mut decoder = Decoder::<(u32, String)>::new(1000);
        decoder.push(&frame(&(1, String::new()), &[7; 900]));
        let first = decoder.next().expect("valid").expect("whole").payload;
        let memory = first.as_ptr();
        decoder.recycle(first);
        for len in [900, 3, 500] {
            decoder.push(&frame(&(2, String::new()), &vec![9; len]));
            let next = decoder.next().expect("valid").expect("whole").payload;
            assert_eq!(next, vec![9; len]);
            assert_eq!(next.as_ptr(), memory);
            decoder.recycle(next);
        }
        decoder.push(&frame(&(3, String::new()), &[]));
        assert_eq!(decoder.next().expect("valid").expect("whole").payload.capacity(), 0);
    }

    #[test]
    fn lengths_over_the_limits_are_refused_before_anything_is_reserved() {
        let mut decoder = Decoder::<u32>::new(1000);
        let mut bytes = frame(&(1, String::new()), &[]);
        bytes[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        decoder.push(&bytes);
        assert_eq!(decoder.next().expect_err("too large"), FrameError::PayloadTooLarge { size: u64::MAX, limit: 1000 });

        let mut decoder = Decoder::<u32>::new(1000);
        decoder.push(&[0xff; HEADER_BYTES]);
        assert_eq!(decoder.next().expect_err("too large"), FrameError::MessageTooLarge(u64::from(u32::MAX)));
    }
}
