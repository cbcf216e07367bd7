//! What it does: the values of component functions, between bytes and the engine: types, arguments, results, calls.
//! Takes from: engine (a component's exports). Hands to: wasmtime.
//! Never: takes a value apart that can travel as a block.

mod block_imports;
mod blocks;
mod call;
mod handles;
mod host_call;
mod lift;
mod lower;
mod types;

pub(super) use block_imports::Outgoing;
pub(super) use blocks::BlockShape;
pub(super) use call::{Unfit, call, drop_resource};
pub(super) use handles::Handles;
pub(super) use host_call::{passed, returned};
pub(super) use types::function_type;
