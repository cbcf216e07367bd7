//! Write isopool tasks.

mod call;
mod codec;
mod raw;

pub use call::{Call, EmbeddedModule};
pub use codec::{Codec, CodecError};
pub use serde_bytes::ByteBuf as Bytes;
