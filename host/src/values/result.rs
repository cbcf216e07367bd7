//! What a function returned.

use super::decode::ValueDeserializer;
use super::enums::RESULT_CASES;
use super::resource::RESOURCE;
use super::{Reader, Step, ValueError};
use crate::task::{Failure, ValueType};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use std::cell::OnceCell;

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// The function returned an error, and the caller's type is no `Result`.
    Failed(Failure),
    /// The value is not of the caller's type, or the bytes not of the function's.
    Unreadable(ValueError),
}

/// Decodes what a function of this result type returned.
///
/// An error of a `result` is an error of the task, unless `T` is a `Result` itself (any enum with the cases `Ok` and `Err`).
pub(crate) fn decode_result<T: DeserializeOwned>(ty: Option<&ValueType>, bytes: &[u8]) -> Result<T, NoValue> {
    let mut input = Reader::new(bytes);
    let failed = OnceCell::new();
    let value = T::deserialize(Returned { ty, input: &mut input, failed: &failed });
    if let Some(failure) = failed.into_inner() {
        return Err(NoValue::Failed(failure));
    }
    let value = value.and_then(|value| input.end().map(|()| value));
    value.map_err(|error| NoValue::Unreadable(error.at(Step::Result)))
}

struct Returned<'a, 'de> {
    ty: Option<&'a ValueType>,
    input: &'a mut Reader<'de>,
    failed: &'a OnceCell<Failure>,
}

impl<'a, 'de> Returned<'a, 'de> {
    /// The value itself, once it is known that there is one; `None` for nothing.
    fn value(self) -> Result<Option<ValueDeserializer<'a, 'de>>, ValueError> {
        let Some(ValueType::Result { ok, err }) = self.ty else {
            return Ok(self.ty.map(|ty| ValueDeserializer { ty, input: self.input }));
        };
        if self.input.truth()? {
            let failure = failure(err.as_deref(), self.input)?;
            // Only one value is read.
            let _ = self.failed.set(failure);
            return Err(ValueError::new("the function returned an error"));
        }
        Ok(ok.as_deref().map(|ty| ValueDeserializer { ty, input: self.input }))
    }
}

/// The error of a guest, as a text: a string as it is, anything else as JSON.
fn failure(ty: Option<&ValueType>, input: &mut Reader<'_>) -> Result<Failure, ValueError> {
    let message = match ty {
        None => "it returned an error without a value".to_owned(),
        Some(ValueType::String) => input.text()?.to_owned(),
        Some(ty) => {
            let value =
                <serde_json::Value as serde::Deserialize>::deserialize(ValueDeserializer { ty, input: &mut *input })?;
            value.to_string()
        }
    };
    Ok(Failure { message, trace: Vec::new() })
}

/// Methods that go on to the value, or say that there is nothing.
macro_rules! of_value {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, ValueError> {
            match self.value()? {
                Some(value) => value.$method($($name,)* visitor),
                None => visitor.visit_unit(),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Returned<'_, 'de> {
    type Error = ValueError;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.value()? {
            Some(value) => value.deserialize_option(visitor),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if name == RESOURCE {
            return match self.value()? {
                Some(value) => value.deserialize_newtype_struct(name, visitor),
                None => visitor.visit_unit(),
            };
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let value = match self.ty {
            Some(ty @ ValueType::Result { .. }) if RESULT_CASES.iter().all(|case| variants.contains(case)) => {
                Some(ValueDeserializer { ty, input: self.input })
            }
            _ => self.value()?,
        };
        match value {
            Some(value) => value.deserialize_enum(name, variants, visitor),
            None => visitor.visit_unit(),
        }
    }

    of_value! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
