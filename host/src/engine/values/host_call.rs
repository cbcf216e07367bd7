//! The other way round: what a guest passes to a function of the caller's, and what that returned.

use super::handles::Handles;
use super::{lift, lower};
use crate::task::{FunctionType, ValueType};
use crate::values::{Reader, Step, ValueError, Writer};
use wasmtime::component::Val;

/// What a guest passes, as bytes.
pub(in crate::engine) fn passed(function: &FunctionType, arguments: &[Val]) -> Result<Vec<u8>, ValueError> {
    // No function of the caller's has resources in its types.
    let (mut out, mut none) = (Writer::default(), Handles::default());
    for ((argument, (_, ty)), number) in arguments.iter().zip(&function.params).zip(1..) {
        lift::value(argument, ty, &mut out, &mut none).map_err(|error| error.at(Step::Argument(number)))?;
    }
    Ok(out.into_bytes())
}

/// What the caller's function returned, as the engine takes it.
pub(in crate::engine) fn returned(ty: &ValueType, bytes: &[u8]) -> Result<Val, ValueError> {
    let (mut input, none) = (Reader::new(bytes), Handles::default());
    let value = lower::value(ty, &mut input, &mut none.lending()).and_then(|value| input.end().map(|()| value));
    value.map_err(|error| error.at(Step::Result))
}
