//! The `raw` codec: a byte buffer as itself.

use crate::CodecError;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn to_bytes<T: Serialize + ?Sized>(_value: &T) -> Result<Vec<u8>, CodecError> {
    Err(CodecError::new("pending"))
}

pub(crate) fn from_bytes<T: DeserializeOwned>(_bytes: &[u8]) -> Result<T, CodecError> {
    Err(CodecError::new("pending"))
}
