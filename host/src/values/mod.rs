//! What it does: turns serde values into the values of component functions, as bytes, and back, by the functions' own types.
//! Takes from: executor (values of the caller), engine (values of a guest), host_functions (of both). Hands to: the same.
//! Never: believes a length or a case that it reads; sends a value that does not fit its type.
//!
//! Bytes and types say together what a value is: integers little-endian, a length of 32 bits before strings and lists, the
//! number of a case before what it carries, the fields of a record one after another. `list<u8>` is a block.

mod arguments;
mod component_value;
mod decode;
mod difference;
mod encode;
mod encode_compound;
mod enums;
mod error;
mod fields;
mod host_call;
mod names;
mod resource;
mod result;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use arguments::encode_arguments;
pub use component_value::{ComponentValue, Flags, read_flags, show_flags, type_of_flags, write_flags};
pub(crate) use difference::difference;
pub(crate) use error::{Step, ValueError};
pub(crate) use host_call::{read_argument, write_result, write_value};
pub use resource::Resource;
pub(crate) use result::{NoValue, decode_result};
pub(crate) use wire::{Reader, Writer, flag_bytes};
