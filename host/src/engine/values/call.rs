//! One call of one export.

use super::super::guest::Guest;
use super::BlockShape;
use super::{lift, lower};
use crate::task::FunctionType;
use crate::values::ValueError;
use wasmtime::Store;
use wasmtime::component::{Func, Val};

/// Bytes that could not be taken for a value, or a value that could not be made bytes.
pub(in crate::engine) enum Unfit {
    Argument(ValueError),
    Result(ValueError),
}

/// Calls a function, arguments and result as bytes.
///
/// # Errors
/// The guest trapped, or the engine gave up for another reason.
pub(in crate::engine) async fn call(
    function: Func,
    ty: &FunctionType,
    shape: Option<BlockShape>,
    store: &mut Store<Guest>,
    argument: &[u8],
) -> wasmtime::Result<Result<Vec<u8>, Unfit>> {
    if let Some(shape) = shape {
        return Ok(shape.call(function, store, argument).await?.map_err(Unfit::Argument));
    }
    let arguments = match lower::arguments(ty, argument) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(Err(Unfit::Argument(error))),
    };
    // What is in it is overwritten.
    let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
    function.call_async(store, &arguments, &mut results).await?;
    Ok(lift::result(ty.result.as_ref(), &results).map_err(Unfit::Result))
}
