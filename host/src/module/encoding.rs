//! How the arguments of a call travel, and what it returns.

use super::Prepared;
use crate::task::{FunctionInfo, FunctionKind};
use crate::values::{NoValue, ValueError, decode_result, encode_arguments};
use isopool_guest::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// How the arguments of a call travel, and what it returns.
#[derive(Clone, Debug)]
pub(crate) enum Encoding {
    /// Through a codec that the guest speaks.
    Codec(Codec),
    /// A program: bytes go in, and its end comes out.
    Program,
    /// By the types of an export: the number of a function of the module.
    Values(Arc<Prepared>, usize),
}

impl From<Codec> for Encoding {
    fn from(codec: Codec) -> Self {
        Self::Codec(codec)
    }
}

impl Encoding {
    /// How this function of a module is called, by a caller whose codec this is.
    pub(super) fn of(module: &Arc<Prepared>, function: usize, codec: Codec) -> Self {
        match module.info.functions[function].kind {
            FunctionKind::Task => Self::Codec(codec),
            FunctionKind::Export { .. } => Self::Values(Arc::clone(module), function),
            FunctionKind::Program => Self::Program,
        }
    }

    /// The codec that the worker is told; exports do without.
    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::Codec(codec) => *codec,
            Self::Program | Self::Values(..) => Codec::Raw,
        }
    }

    /// Encodes arguments; an error in words.
    pub(crate) fn encode<A: Serialize>(&self, arguments: &A) -> Result<Vec<u8>, String> {
        match self {
            Self::Codec(codec) => codec
                .encode(arguments)
                .map_err(|error| format!("{} as {}: {error}", std::any::type_name::<A>(), codec.name())),
            Self::Program => Self::Codec(Codec::Raw).encode(arguments),
            Self::Values(module, function) => {
                let FunctionInfo { kind: FunctionKind::Export { ty, blocks }, .. } = &module.info.functions[*function]
                else {
                    return Err("the function is no export".to_owned());
                };
                encode_arguments(ty, arguments, !blocks).map_err(|error| error.to_string())
            }
        }
    }

    /// Decodes what the call returned.
    pub(crate) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, NoValue> {
        let unreadable = |error: String| {
            NoValue::Unreadable(ValueError::new(format!("the caller expects {}: {error}", std::any::type_name::<T>())))
        };
        match self {
            Self::Codec(codec) => codec.decode(bytes).map_err(|error| unreadable(error.to_string())),
            Self::Program => Self::Codec(Codec::Bincode).decode(bytes),
            Self::Values(module, function) => {
                let FunctionInfo { kind: FunctionKind::Export { ty, .. }, .. } = &module.info.functions[*function]
                else {
                    return Err(unreadable("the function is no export".to_owned()));
                };
                decode_result(ty.result.as_ref(), bytes).map_err(|error| match error {
                    NoValue::Unreadable(error) => unreadable(error.to_string()),
                    failed => failed,
                })
            }
        }
    }
}
