//! What it does: a corpus of hostile guests, each with what it must come to. Takes from: `tests/guests/hostile`, and modules
//! written byte by byte. Hands to: `tests/hostile_guests.rs`, and to anyone: `cargo run --example hostile`.
//! Never: says more of an end than what a caller can rely on.

mod corpus;
mod crafted;
mod modules;
mod pool;

pub use corpus::{Attack, Cost, corpus};
pub use pool::{MAX_MEMORY_BYTES, MAX_RESULT_BYTES, Pool};
