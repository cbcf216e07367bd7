//! What it does: turns arguments and results into bytes and back, the same way on both sides of the sandbox.
//! Takes from: serde values. Hands to: the wire and the guest. Never: reads more than the bytes that it is given.
//!
//! This is the only file of the workspace that names bincode; replacing it is a change of this file.

use crate::guard::Guard;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// How arguments and results are written as bytes.
///
/// A module says for each function which codecs it speaks; functions written with the SDK speak bincode and JSON, and `Raw` when
/// they take and give one byte buffer.
///
/// ```
/// use isopool_guest::Codec;
///
/// let arguments = ("one two", 3_u64);
/// assert_eq!(Codec::Json.encode(&arguments)?, br#"["one two",3]"#);
/// let bytes = Codec::Bincode.encode(&arguments)?;
/// assert_eq!(Codec::Bincode.decode::<(String, u64)>(&bytes)?, ("one two".to_owned(), 3));
/// assert!(Codec::Bincode.decode::<(String, u64)>(&bytes[1..]).is_err());
/// assert_eq!(Codec::from_name("json"), Some(Codec::Json));
/// # Ok::<(), isopool_guest::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Codec {
    /// Compact binary form of bincode 2 (`config::standard()`): the default, and the fastest.
    #[default]
    Bincode,
    /// JSON text: for values typed at a shell, and for guests in other languages.
    #[cfg(feature = "json")]
    Json,
    /// The bytes themselves: for functions that take one byte buffer and return one.
    Raw,
}

/// A value that could not be turned into bytes, or bytes that are not the value expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CodecError {
    /// What the codec said.
    pub message: String,
}

impl CodecError {
    /// An error with the given words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl Codec {
    /// Every codec that this build speaks.
    pub const ALL: &[Codec] = &[
        Codec::Bincode,
        #[cfg(feature = "json")]
        Codec::Json,
        Codec::Raw,
    ];

    /// The name used in `wit/` and at a shell.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Bincode => "bincode",
            #[cfg(feature = "json")]
            Codec::Json => "json",
            Codec::Raw => "raw",
        }
    }

    /// The codec with this name, if this build speaks it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| codec.name() == name)
    }

    /// Encodes one value.
    ///
    /// # Errors
    /// The type cannot be written in this codec, or its `Serialize` failed. `Raw` takes byte buffers only
    /// ([`Bytes`](crate::Bytes), alone or as the only element of a tuple).
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, CodecError> {
        match self {
            Codec::Bincode => {
                bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(|error| encode_error(&error))
            }
            #[cfg(feature = "json")]
            Codec::Json => serde_json::to_vec(value).map_err(|error| CodecError::new(error.to_string())),
            Codec::Raw => crate::raw::to_bytes(value),
        }
    }

    /// Decodes one value, which must use up all the bytes.
    ///
    /// # Errors
    /// The bytes are not a `T` in this codec, some are left over, or values are nested more than 128 deep. No length in
    /// the bytes can make it reserve more memory than the bytes given justify, nor work for longer: so a list with more
    /// elements than there are bytes (only elements that take no bytes, such as `()`, allow that) is refused too.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Codec::Bincode => decode_bincode(bytes),
            #[cfg(feature = "json")]
            Codec::Json => serde_json::from_slice(bytes).map_err(|error| CodecError::new(error.to_string())),
            Codec::Raw => crate::raw::from_bytes(bytes),
        }
    }
}

/// bincode's own limit (`with_limit`) counts sizes in memory, needs a constant, and stops neither deep nesting nor endless
/// lists of nothing; `guard.rs` bounds all three by the length of the input instead.
fn decode_bincode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let guard = Guard::new(bytes.len());
    let (value, used) =
        bincode::serde::seed_decode_from_slice(guard.seed(PhantomData::<T>), bytes, bincode::config::standard())
            .map_err(|error| decode_error(&error))?;
    if used == bytes.len() {
        Ok(value)
    } else {
        Err(CodecError::new(format!("{} bytes are left over after the value", bytes.len() - used)))
    }
}

/// bincode displays its errors as their `Debug` form; these are the ones that a person meets.
fn decode_error(error: &bincode::error::DecodeError) -> CodecError {
    use bincode::error::DecodeError;
    match error {
        DecodeError::Other(text) => CodecError::new(*text),
        DecodeError::OtherString(text) => CodecError::new(text.clone()),
        DecodeError::UnexpectedEnd { .. } => CodecError::new("the bytes end before the value does"),
        DecodeError::Utf8 { inner } => CodecError::new(format!("a text is not UTF-8: {inner}")),
        other => CodecError::new(format!("not a value of this type: {other}")),
    }
}

fn encode_error(error: &bincode::error::EncodeError) -> CodecError {
    use bincode::error::EncodeError;
    match error {
        EncodeError::Other(text) => CodecError::new(*text),
        EncodeError::OtherString(text) => CodecError::new(text.clone()),
        other => CodecError::new(format!("cannot be written: {other}")),
    }
}
