//! One call of one export.

use super::super::guest::Guest;
use super::BlockShape;
use super::handles::resources_within;
use super::{lift, lower};
use crate::task::{FunctionType, Limit};
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
    let arguments = match lower(ty, store, argument) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(Err(Unfit::Argument(error))),
    };
    // What is in it is overwritten.
    let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
    function.call_async(&mut *store, &arguments, &mut results).await?;
    let guest = store.data_mut();
    let last = guest.handles.last();
    let lifted = lift::result(ty.result.as_ref(), &results, &mut guest.handles);
    if guest.handles.count() > guest.limits().size(Limit::HostResources) {
        return Err(guest.exceeded(Limit::HostResources).into());
    }
    if lifted.is_err() {
        // The caller will never hear of these.
        guest.handles.forget_after(last);
        drop_all(store, &results).await?;
    }
    Ok(lifted.map_err(Unfit::Result))
}

/// Drops the one resource that the arguments give away.
///
/// # Errors
/// As [`call`]: its destructor is the guest's.
pub(in crate::engine) async fn drop_resource(
    ty: &FunctionType,
    store: &mut Store<Guest>,
    argument: &[u8],
) -> wasmtime::Result<Result<Vec<u8>, Unfit>> {
    let arguments = match lower(ty, store, argument) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(Err(Unfit::Argument(error))),
    };
    drop_all(store, &arguments).await?;
    Ok(Ok(Vec::new()))
}

/// Drops all resources in values.
async fn drop_all(store: &mut Store<Guest>, values: &[Val]) -> wasmtime::Result<()> {
    for resource in resources_within(values) {
        resource.resource_drop_async(&mut *store).await?;
    }
    Ok(())
}

/// The arguments; resources that they give away are the caller's no more.
fn lower(ty: &FunctionType, store: &mut Store<Guest>, argument: &[u8]) -> Result<Vec<Val>, ValueError> {
    let handles = &mut store.data_mut().handles;
    let mut lending = handles.lending();
    let arguments = lower::arguments(ty, argument, &mut lending)?;
    let given = lending.given;
    handles.forget(&given);
    Ok(arguments)
}
