//! The other way round: what a guest passes to a function of the caller's, and what that returns.

use super::decode::ValueDeserializer;
use super::encode::ValueSerializer;
use super::{Reader, Step, ValueError, Writer};
use crate::task::ValueType;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads an argument of a host function; arguments are numbered from 1.
pub(crate) fn read_argument<T: DeserializeOwned>(
    number: usize,
    ty: &ValueType,
    input: &mut Reader<'_>,
) -> Result<T, ValueError> {
    T::deserialize(ValueDeserializer { ty, input }).map_err(|error| error.at(Step::Argument(number)))
}

/// Writes a value of this type.
pub(crate) fn write_value<T: Serialize + ?Sized>(
    ty: &ValueType,
    value: &T,
    out: &mut Writer,
) -> Result<(), ValueError> {
    // The engine takes them one by one: it does not know the type when it is compiled.
    value.serialize(ValueSerializer { ty, out, counts_blocks: true }).map_err(|error| error.at(Step::Result))
}

/// Writes what a host function returned, where it may have to return nothing.
pub(crate) fn write_result<T: Serialize + ?Sized>(
    ty: Option<&ValueType>,
    value: &T,
    out: &mut Writer,
) -> Result<(), ValueError> {
    match ty {
        Some(ty) => write_value(ty, value, out),
        None => {
            // What an option that is empty takes is nothing, too.
            let (option, mut written) = (ValueType::Option(Box::new(ValueType::Bool)), Writer::default());
            let is_nothing = write_value(&option, value, &mut written).is_ok() && written.into_bytes() == [0];
            let refused = || ValueError::new("expected nothing, got a value").at(Step::Result);
            if is_nothing { Ok(()) } else { Err(refused()) }
        }
    }
}
