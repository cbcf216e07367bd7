//! Results: from the engine's values to bytes.

use super::handles::Handles;
use crate::task::ValueType;
use crate::values::{Step, ValueError, Writer, flag_bytes};
use wasmtime::component::Val;

/// What a function returned, if anything.
pub(super) fn result(ty: Option<&ValueType>, values: &[Val], handles: &mut Handles) -> Result<Vec<u8>, ValueError> {
    let mut out = Writer::default();
    if let (Some(ty), [returned]) = (ty, values) {
        value(returned, ty, &mut out, handles).map_err(|error| error.at(Step::Result))?;
    }
    Ok(out.into_bytes())
}

/// The engine has checked that the value is of its type, so that this is no more than a walk along both.
pub(super) fn value(value: &Val, ty: &ValueType, out: &mut Writer, handles: &mut Handles) -> Result<(), ValueError> {
    out.count(1)?;
    match (value, ty) {
        (Val::Bool(value), ValueType::Bool) => out.byte(u8::from(*value)),
        (Val::S8(value), ValueType::S8) => out.raw(&value.to_le_bytes()),
        (Val::U8(value), ValueType::U8) => out.byte(*value),
        (Val::S16(value), ValueType::S16) => out.raw(&value.to_le_bytes()),
        (Val::U16(value), ValueType::U16) => out.raw(&value.to_le_bytes()),
        (Val::S32(value), ValueType::S32) => out.raw(&value.to_le_bytes()),
        (Val::U32(value), ValueType::U32) => out.raw(&value.to_le_bytes()),
        (Val::S64(value), ValueType::S64) => out.raw(&value.to_le_bytes()),
        (Val::U64(value), ValueType::U64) => out.raw(&value.to_le_bytes()),
        (Val::Float32(value), ValueType::F32) => out.raw(&value.to_le_bytes()),
        (Val::Float64(value), ValueType::F64) => out.raw(&value.to_le_bytes()),
        (Val::Char(value), ValueType::Char) => out.u32((*value).into()),
        (Val::String(value), ValueType::String) => out.block(value.as_bytes())?,
        (Val::List(elements), ValueType::List(ty)) => {
            out.length(elements.len())?;
            elements.iter().try_for_each(|element| self::value(element, ty, out, handles))?;
        }
        (Val::Record(values), ValueType::Record(fields)) => {
            values.iter().zip(fields).try_for_each(|((_, value), (_, ty))| self::value(value, ty, out, handles))?;
        }
        (Val::Tuple(values), ValueType::Tuple(types)) => {
            values.iter().zip(types).try_for_each(|(value, ty)| self::value(value, ty, out, handles))?;
        }
        (Val::Variant(name, carried), ValueType::Variant(cases)) => {
            let case = place(cases.iter().map(|(name, _)| name), name)?;
            out.length(case)?;
            part(carried.as_deref(), cases[case].1.as_ref(), out, handles)?;
        }
        (Val::Enum(name), ValueType::Enum(names)) => out.length(place(names.iter(), name)?)?,
        (Val::Option(carried), ValueType::Option(ty)) => {
            out.byte(u8::from(carried.is_some()));
            part(carried.as_deref(), Some(ty), out, handles)?;
        }
        (Val::Result(result), ValueType::Result { ok, err }) => {
            out.byte(u8::from(result.is_err()));
            match result {
                Ok(carried) => part(carried.as_deref(), ok.as_deref(), out, handles)?,
                Err(carried) => part(carried.as_deref(), err.as_deref(), out, handles)?,
            }
        }
        (Val::Flags(set), ValueType::Flags(names)) => {
            let mut bits = vec![0; flag_bytes(names.len())];
            for name in set {
                let place = place(names.iter(), name)?;
                bits[place / 8] |= 1 << (place % 8);
            }
            out.raw(&bits);
        }
        (Val::Resource(resource), ValueType::Own(name)) => {
            let [instance, number] = handles.keep(*resource, name);
            out.raw(&instance.to_le_bytes());
            out.raw(&number.to_le_bytes());
        }
        (_, ty) => return Err(ValueError::new(format!("the engine gave another value than {ty}"))),
    }
    Ok(())
}

fn part(
    carried: Option<&Val>,
    ty: Option<&ValueType>,
    out: &mut Writer,
    handles: &mut Handles,
) -> Result<(), ValueError> {
    match (carried, ty) {
        (Some(carried), Some(ty)) => value(carried, ty, out, handles),
        _ => Ok(()),
    }
}

fn place<'a>(mut names: impl Iterator<Item = &'a String>, name: &str) -> Result<usize, ValueError> {
    names
        .position(|other| other == name)
        .ok_or_else(|| ValueError::new(format!("the engine gave an unknown name \"{name}\"")))
}
