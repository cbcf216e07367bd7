//! Functions whose bytes travel as a block: to the engine a `list<u8>` is otherwise a list of values of 40 bytes each.
//!
//! The engine copies a block only for a function whose whole type the compiler knows, so these are the common ones: of bytes
//! and texts, with a result or without. Each costs machine code, so there are no more. ARCHITECTURE.md has the measurement.

use super::super::guest::Guest;
use crate::task::{FunctionType, ValueType};
use crate::values::{Reader, ValueError, Writer};
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Func, Lift, Lower};

/// A function that takes and gives bytes and texts, and little else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct BlockShape {
    pub(super) params: Params,
    pub(super) result: Returns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Params {
    None,
    Bytes,
    Text,
    BytesBytes,
    BytesText,
    TextBytes,
    BytesNumberNumber,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    Nothing,
    Bytes,
    BytesOrText,
    NothingOrText,
    Text,
    TextOrText,
}

impl BlockShape {
    /// `None`: no block is in it, or it is none of the common ones.
    pub(in crate::engine) fn of(function: &FunctionType) -> Option<Self> {
        let bytes = ValueType::List(Box::new(ValueType::U8));
        let types: Vec<&ValueType> = function.params.iter().map(|(_, ty)| ty).collect();
        let params = match &types[..] {
            [] => Params::None,
            [ty] if **ty == bytes => Params::Bytes,
            [ValueType::String] => Params::Text,
            [first, second] if **first == bytes && **second == bytes => Params::BytesBytes,
            [first, ValueType::String] if **first == bytes => Params::BytesText,
            [ValueType::String, second] if **second == bytes => Params::TextBytes,
            [first, ValueType::U32, ValueType::U32] if **first == bytes => Params::BytesNumberNumber,
            _ => return None,
        };
        let result = match &function.result {
            None => Returns::Nothing,
            Some(ty) if *ty == bytes => Returns::Bytes,
            Some(ValueType::Result { ok, err: Some(err) }) if **err == ValueType::String => match ok.as_deref() {
                None => Returns::NothingOrText,
                Some(ValueType::String) => Returns::TextOrText,
                Some(ty) if *ty == bytes => Returns::BytesOrText,
                Some(_) => return None,
            },
            Some(ValueType::String) => Returns::Text,
            Some(_) => return None,
        };
        let is_without_blocks =
            matches!(params, Params::None | Params::Text) && !matches!(result, Returns::Bytes | Returns::BytesOrText);
        (!is_without_blocks).then_some(Self { params, result })
    }

    /// Calls such a function; arguments and result are bytes as everywhere.
    pub(super) async fn call(
        self,
        function: Func,
        store: &mut Store<Guest>,
        argument: &[u8],
    ) -> wasmtime::Result<Result<Vec<u8>, ValueError>> {
        let mut input = Reader::new(argument);
        macro_rules! call_with {
            ($($read:ident),*) => {{
                // In the order of the parameters.
                #[allow(unused_mut, reason = "a function without parameters reads nothing")]
                let mut read = || {
                    let read = ($(input.$read()?,)*);
                    input.end().map(|()| read)
                };
                match read() {
                    Ok(params) => self.call_with(function, store, params).await,
                    Err(error) => Ok(Err(error)),
                }
            }};
        }
        match self.params {
            Params::None => call_with!(),
            Params::Bytes => call_with!(block),
            Params::Text => call_with!(text),
            Params::BytesBytes => call_with!(block, block),
            Params::BytesText => call_with!(block, text),
            Params::TextBytes => call_with!(text, block),
            Params::BytesNumberNumber => call_with!(block, u32, u32),
        }
    }

    async fn call_with<P: ComponentNamedList + Lower>(
        self,
        function: Func,
        store: &mut Store<Guest>,
        params: P,
    ) -> wasmtime::Result<Result<Vec<u8>, ValueError>> {
        match self.result {
            Returns::Nothing => written(typed::<P, ()>(function, store, params).await?, |(), _| Ok(())),
            Returns::Bytes => {
                written(typed::<P, (Vec<u8>,)>(function, store, params).await?, |(bytes,), out| out.block(&bytes))
            }
            Returns::BytesOrText => {
                let returned = typed::<P, (Result<Vec<u8>, String>,)>(function, store, params).await?;
                written(returned, |(returned,), out| either(returned, out))
            }
            Returns::TextOrText => {
                let returned = typed::<P, (Result<String, String>,)>(function, store, params).await?;
                written(returned, |(returned,), out| either(returned, out))
            }
            Returns::NothingOrText => {
                let returned = typed::<P, (Result<(), String>,)>(function, store, params).await?;
                written(returned, |(returned,), out| {
                    out.byte(u8::from(returned.is_err()));
                    returned.map_or_else(|text| out.block(text.as_bytes()), Ok)
                })
            }
            Returns::Text => written(typed::<P, (String,)>(function, store, params).await?, |(text,), out| {
                out.block(text.as_bytes())
            }),
        }
    }
}

async fn typed<P, R>(function: Func, store: &mut Store<Guest>, params: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift + 'static,
{
    function.typed::<P, R>(&*store)?.call_async(store, params).await
}

fn written<R>(
    returned: R,
    write: impl FnOnce(R, &mut Writer) -> Result<(), ValueError>,
) -> wasmtime::Result<Result<Vec<u8>, ValueError>> {
    let mut out = Writer::default();
    Ok(write(returned, &mut out).map(|()| out.into_bytes()))
}

fn either<B: AsRef<[u8]>>(returned: Result<B, String>, out: &mut Writer) -> Result<(), ValueError> {
    out.byte(u8::from(returned.is_err()));
    match returned {
        Ok(bytes) => out.block(bytes.as_ref()),
        Err(text) => out.block(text.as_bytes()),
    }
}
