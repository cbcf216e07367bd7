//! Arguments: from bytes to the engine's values.

use super::handles::Lending;
use crate::task::{FunctionType, ValueType};
use crate::values::{Reader, Step, ValueError, flag_bytes};
use wasmtime::component::Val;

/// All arguments of a call.
pub(super) fn arguments(
    function: &FunctionType,
    bytes: &[u8],
    handles: &mut Lending<'_>,
) -> Result<Vec<Val>, ValueError> {
    let mut input = Reader::new(bytes);
    let numbered = function.params.iter().zip(1..);
    let values = numbered
        .map(|((_, ty), number)| value(ty, &mut input, handles).map_err(|error| error.at(Step::Argument(number))))
        .collect::<Result<_, _>>()?;
    input.end().map(|()| values)
}

pub(super) fn value(ty: &ValueType, input: &mut Reader<'_>, handles: &mut Lending<'_>) -> Result<Val, ValueError> {
    Ok(match ty {
        ValueType::Bool => Val::Bool(input.truth()?),
        ValueType::S8 => Val::S8(i8::from_le_bytes(input.array()?)),
        ValueType::U8 => Val::U8(input.byte()?),
        ValueType::S16 => Val::S16(i16::from_le_bytes(input.array()?)),
        ValueType::U16 => Val::U16(u16::from_le_bytes(input.array()?)),
        ValueType::S32 => Val::S32(i32::from_le_bytes(input.array()?)),
        ValueType::U32 => Val::U32(input.u32()?),
        ValueType::S64 => Val::S64(i64::from_le_bytes(input.array()?)),
        ValueType::U64 => Val::U64(u64::from_le_bytes(input.array()?)),
        ValueType::F32 => Val::Float32(f32::from_le_bytes(input.array()?)),
        ValueType::F64 => Val::Float64(f64::from_le_bytes(input.array()?)),
        ValueType::Char => Val::Char(input.char()?),
        ValueType::String => Val::String(input.text()?.to_owned()),
        ValueType::List(element) if **element == ValueType::U8 => {
            Val::List(input.block()?.iter().map(|byte| Val::U8(*byte)).collect())
        }
        ValueType::List(element) => {
            let length = input.length()?;
            Val::List((0..length).map(|_| value(element, input, handles)).collect::<Result<_, _>>()?)
        }
        ValueType::Record(fields) => {
            let fields = fields.iter().map(|(name, ty)| Ok((name.clone(), value(ty, input, handles)?)));
            Val::Record(fields.collect::<Result<_, ValueError>>()?)
        }
        ValueType::Tuple(types) => {
            Val::Tuple(types.iter().map(|ty| value(ty, input, handles)).collect::<Result<_, _>>()?)
        }
        ValueType::Variant(cases) => {
            let (name, ty) = &cases[input.case(cases.len())?];
            Val::Variant(name.clone(), part(ty.as_ref(), input, handles)?)
        }
        ValueType::Enum(names) => Val::Enum(names[input.case(names.len())?].clone()),
        ValueType::Option(some) => Val::Option(part(input.truth()?.then_some(&**some), input, handles)?),
        ValueType::Result { ok, err } => Val::Result(match input.truth()? {
            false => Ok(part(ok.as_deref(), input, handles)?),
            true => Err(part(err.as_deref(), input, handles)?),
        }),
        ValueType::Flags(names) => {
            let bits = input.take(flag_bytes(names.len()))?;
            let set = names.iter().enumerate().filter(|(place, _)| bits[place / 8] & (1 << (place % 8)) != 0);
            Val::Flags(set.map(|(_, name)| name.clone()).collect())
        }
        ValueType::Own(name) => Val::Resource(handles.give([input.u64()?, input.u64()?], name)?),
        ValueType::Borrow(name) => Val::Resource(handles.lend([input.u64()?, input.u64()?], name)?),
        ValueType::Handle(kind) => return Err(ValueError::new(format!("{kind} cannot travel"))),
    })
}

/// What a case carries.
fn part(
    ty: Option<&ValueType>,
    input: &mut Reader<'_>,
    handles: &mut Lending<'_>,
) -> Result<Option<Box<Val>>, ValueError> {
    ty.map(|ty| value(ty, input, handles).map(Box::new)).transpose()
}
