//! What the fuzz targets of this room do with bytes: see `tests/fuzz`.

use super::frame::{self, Decoder, Frame, HEADER_BYTES};
use super::message::{Reply, Request};
use crate::limits::MAX_MESSAGE_FRAME_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Small, so that a fuzzer finds both sides of the limit.
const MAX_PAYLOAD: u64 = 64 * 1024;

/// Reads bytes as a caller reads what a worker says. The first byte says in what pieces they come.
pub fn replies(data: &[u8]) {
    frames::<Reply>(data);
}

/// Reads bytes as a worker reads what its caller says.
pub fn requests(data: &[u8]) {
    frames::<Request>(data);
}

fn frames<M: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let mut decoder = Decoder::<M>::new(MAX_PAYLOAD);
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        take(&mut decoder, piece, cut.is_multiple_of(2));
        loop {
            match decoder.next() {
                Ok(Some(frame)) => check(&frame),
                Ok(None) => break,
                // Whoever reads from such a channel reads no further.
                Err(_) => return,
            }
        }
        let most = HEADER_BYTES + MAX_MESSAGE_FRAME_BYTES + usize::from(cut);
        assert!(decoder.held_bytes() <= most, "{} bytes are held for one frame", decoder.held_bytes());
    }
}

/// The two ways in which channels hand bytes to a decoder.
fn take<M: DeserializeOwned>(decoder: &mut Decoder<M>, mut piece: &[u8], straight: bool) {
    if straight && let Some(rest) = decoder.payload_to_fill() {
        let here = rest.len().min(piece.len());
        rest[..here].copy_from_slice(&piece[..here]);
        decoder.filled(here);
        piece = &piece[here..];
    }
    decoder.push(piece);
}

/// A message that was read can be written, and is then the same.
fn check<M: Serialize + DeserializeOwned + PartialEq + Debug>(frame: &Frame<M>) {
    assert!(frame.payload.len() as u64 <= MAX_PAYLOAD);
    let mut bytes = Vec::new();
    frame::encode(&frame.message, 0, frame.with_descriptor, &mut bytes).expect("it came in a frame");
    let mut decoder = Decoder::<M>::new(0);
    decoder.push(&bytes);
    let again = decoder.next().expect("it was written by us").expect("it is whole");
    assert_eq!((&again.message, again.with_descriptor), (&frame.message, frame.with_descriptor));
}
