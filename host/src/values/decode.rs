//! A value of a function's type as one of the caller's.

use super::enums::RESULT_CASES;
use super::names::is_same;
use super::resource::{RESOURCE, handle_type};
use super::{Reader, Step, ValueError, flag_bytes};
use crate::task::ValueType;
use serde::de::value::{SeqDeserializer, StrDeserializer, UnitDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// Reads a value by its type.
pub(super) struct ValueDeserializer<'a, 'de> {
    pub(super) ty: &'a ValueType,
    pub(super) input: &'a mut Reader<'de>,
}

impl<'a, 'de> ValueDeserializer<'a, 'de> {
    fn record<V: Visitor<'de>>(
        self,
        fields: &'a [(String, ValueType)],
        wanted: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_map(RecordParts { fields: fields.iter(), wanted, open: None, input: self.input })
    }

    /// The elements of a list or a tuple; those that the visitor leaves are read all the same.
    fn sequence<V: Visitor<'de>>(self, types: Types<'a>, visitor: V) -> Result<V::Value, ValueError> {
        let mut parts = Parts { types, done: 0, input: self.input };
        let value = visitor.visit_seq(&mut parts)?;
        match parts.types.left() {
            0 => Ok(value),
            left => Err(ValueError::new(format!("expected {} elements, got {left} more", parts.done))),
        }
    }

    fn list<V: Visitor<'de>>(self, element: &'a ValueType, visitor: V) -> Result<V::Value, ValueError> {
        if *element == ValueType::U8 {
            let bytes = self.input.block()?;
            let mut bytes = SeqDeserializer::new(bytes.iter().copied());
            let value = visitor.visit_seq(&mut bytes)?;
            return bytes.end().map(|()| value);
        }
        let left = self.input.length()?;
        self.sequence(Types::List { element, left }, visitor)
    }

    fn flags<V: Visitor<'de>>(self, names: &'a [String], visitor: V) -> Result<V::Value, ValueError> {
        let bits = self.input.take(flag_bytes(names.len()))?;
        let is_set = |place: usize| bits[place / 8] & (1 << (place % 8)) != 0;
        let set = names.iter().enumerate().filter(|(place, _)| is_set(*place)).map(|(_, name)| name.as_str());
        visitor.visit_seq(SeqDeserializer::new(set))
    }

    /// The case that was chosen: its name as WIT has it, and what it carries.
    fn case(&mut self) -> Result<(&'a str, Option<&'a ValueType>), ValueError> {
        Ok(match self.ty {
            ValueType::Enum(names) => (names[self.input.case(names.len())?].as_str(), None),
            ValueType::Variant(cases) => {
                let (name, ty) = &cases[self.input.case(cases.len())?];
                (name.as_str(), ty.as_ref())
            }
            ValueType::Result { ok, err } => {
                let case = usize::from(self.input.truth()?);
                (RESULT_CASES[case], [ok, err][case].as_deref())
            }
            ty => return Err(ValueError::new(format!("{ty} has no cases"))),
        })
    }

    /// For a caller that does not say what it wants: a name, or a map of the one case and what it carries.
    fn any_case<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ValueError> {
        let is_result = matches!(self.ty, ValueType::Result { .. });
        let (name, carries) = self.case()?;
        let name = if is_result { name.to_ascii_lowercase() } else { name.to_owned() };
        if carries.is_none() && !is_result {
            return visitor.visit_string(name);
        }
        visitor.visit_map(OneCase { name: Some(name), carries, input: self.input })
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer<'_, 'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.ty {
            ValueType::Bool => visitor.visit_bool(self.input.truth()?),
            ValueType::S8 => visitor.visit_i8(i8::from_le_bytes(self.input.array()?)),
            ValueType::U8 => visitor.visit_u8(self.input.byte()?),
            ValueType::S16 => visitor.visit_i16(i16::from_le_bytes(self.input.array()?)),
            ValueType::U16 => visitor.visit_u16(u16::from_le_bytes(self.input.array()?)),
            ValueType::S32 => visitor.visit_i32(i32::from_le_bytes(self.input.array()?)),
            ValueType::U32 => visitor.visit_u32(self.input.u32()?),
            ValueType::S64 => visitor.visit_i64(i64::from_le_bytes(self.input.array()?)),
            ValueType::U64 => visitor.visit_u64(u64::from_le_bytes(self.input.array()?)),
            ValueType::F32 => visitor.visit_f64(shortest(f32::from_le_bytes(self.input.array()?))),
            ValueType::F64 => visitor.visit_f64(f64::from_le_bytes(self.input.array()?)),
            ValueType::Char => visitor.visit_char(self.input.char()?),
            ValueType::String => visitor.visit_borrowed_str(self.input.text()?),
            ValueType::List(element) => self.list(element, visitor),
            ValueType::Record(fields) => self.record(fields, &[], visitor),
            ValueType::Tuple(types) => self.sequence(Types::Tuple(types), visitor),
            ValueType::Enum(_) | ValueType::Variant(_) | ValueType::Result { .. } => self.any_case(visitor),
            ValueType::Option(some) => match self.input.truth()? {
                false => visitor.visit_none(),
                true => visitor.visit_some(ValueDeserializer { ty: some, input: self.input }),
            },
            ValueType::Flags(names) => self.flags(names, visitor),
            ty @ (ValueType::Own(_) | ValueType::Borrow(_)) => {
                Err(ValueError::new(format!("{ty} can only be read as isopool::Resource")))
            }
            ValueType::Handle(kind) => Err(ValueError::new(format!("{kind} cannot travel"))),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.ty {
            ValueType::F32 => visitor.visit_f32(f32::from_le_bytes(self.input.array()?)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_f32(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.ty {
            ValueType::Option(_) => self.deserialize_any(visitor),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.ty {
            ValueType::List(element) if **element == ValueType::U8 => visitor.visit_borrowed_bytes(self.input.block()?),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if let (RESOURCE, ValueType::Own(_)) = (name, self.ty) {
            return visitor.visit_newtype_struct(ValueDeserializer { ty: &handle_type(), input: self.input });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        if let ValueType::List(element) = self.ty
            && let ValueType::Tuple(pair) = &**element
            && let [key, value] = &pair[..]
        {
            let left = self.input.length()?;
            return visitor.visit_map(Pairs { key, value, left, done: 0, input: self.input });
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        wanted: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.ty {
            ValueType::Record(fields) => self.record(fields, wanted, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        wanted: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let (name, carries) = match self.ty {
            // An enum without cases that carry anything may be a string to WIT.
            ValueType::String => return visitor.visit_enum(self.input.text()?.into_deserializer()),
            ValueType::Enum(_) | ValueType::Variant(_) | ValueType::Result { .. } => self.case()?,
            ty => return Err(ValueError::new(format!("{ty} is no enum"))),
        };
        visitor.visit_enum(Case { name, wanted, carries, input: self.input })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string unit unit_struct seq tuple tuple_struct identifier
        ignored_any
    }
}

/// The number of fewest digits that is this one: 0.1, and not 0.10000000149011612.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(number.into())
}

/// The name that the caller's type has for one of WIT.
fn wanted_name<'a>(wit: &'a str, wanted: &'static [&'static str]) -> &'a str {
    wanted.iter().find(|name| is_same(wit, name)).copied().unwrap_or(wit)
}

enum Types<'a> {
    List { element: &'a ValueType, left: usize },
    Tuple(&'a [ValueType]),
}

impl<'a> Types<'a> {
    fn left(&self) -> usize {
        match self {
            Self::List { left, .. } => *left,
            Self::Tuple(types) => types.len(),
        }
    }

    fn next(&mut self) -> Option<&'a ValueType> {
        match self {
            Self::List { element, left } => {
                *left = left.checked_sub(1)?;
                Some(element)
            }
            Self::Tuple(types) => {
                let (first, rest) = types.split_first()?;
                *types = rest;
                Some(first)
            }
        }
    }
}

struct Parts<'a, 'de> {
    types: Types<'a>,
    done: usize,
    input: &'a mut Reader<'de>,
}

impl<'de> SeqAccess<'de> for &mut Parts<'_, 'de> {
    type Error = ValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ValueError> {
        let Some(ty) = self.types.next() else { return Ok(None) };
        self.done += 1;
        let step = Step::Element(self.done);
        seed.deserialize(ValueDeserializer { ty, input: self.input }).map(Some).map_err(|error| error.at(step))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.types.left())
    }
}

struct RecordParts<'a, 'de> {
    fields: std::slice::Iter<'a, (String, ValueType)>,
    wanted: &'static [&'static str],
    /// The field whose value is to come.
    open: Option<&'a (String, ValueType)>,
    input: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for RecordParts<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ValueError> {
        self.open = self.fields.next();
        let Some((name, _)) = self.open else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(wanted_name(name, self.wanted))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ValueError> {
        let (name, ty) = self.open.take().ok_or_else(|| ValueError::new("a value was asked for before its key"))?;
        seed.deserialize(ValueDeserializer { ty, input: self.input })
            .map_err(|error: ValueError| error.at(Step::Field(name.clone())))
    }
}

struct Pairs<'a, 'de> {
    key: &'a ValueType,
    value: &'a ValueType,
    left: usize,
    done: usize,
    input: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ValueError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.done += 1;
        let step = Step::Element(self.done);
        seed.deserialize(ValueDeserializer { ty: self.key, input: self.input })
            .map(Some)
            .map_err(|error| error.at(step))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ValueError> {
        let step = Step::Element(self.done);
        seed.deserialize(ValueDeserializer { ty: self.value, input: self.input })
            .map_err(|error: ValueError| error.at(step))
    }
}

/// A map of one entry.
struct OneCase<'a, 'de> {
    name: Option<String>,
    carries: Option<&'a ValueType>,
    input: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for OneCase<'_, 'de> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ValueError> {
        self.name.take().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ValueError> {
        match self.carries {
            Some(ty) => seed.deserialize(ValueDeserializer { ty, input: self.input }),
            None => seed.deserialize(UnitDeserializer::new()),
        }
    }
}

/// One case, for an enum of the caller's.
struct Case<'a, 'de> {
    name: &'a str,
    wanted: &'static [&'static str],
    carries: Option<&'a ValueType>,
    input: &'a mut Reader<'de>,
}

impl<'a, 'de> Case<'a, 'de> {
    fn part(self) -> Result<(ValueDeserializer<'a, 'de>, Step), ValueError> {
        let step = Step::Case(self.name.to_owned());
        match self.carries {
            Some(ty) => Ok((ValueDeserializer { ty, input: self.input }, step)),
            None => Err(<ValueError as serde::de::Error>::invalid_type(
                Unexpected::UnitVariant,
                &"a case that carries a value",
            )
            .at(step)),
        }
    }
}

impl<'de> EnumAccess<'de> for Case<'_, 'de> {
    type Error = ValueError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ValueError> {
        let name = StrDeserializer::new(wanted_name(self.name, self.wanted));
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Case<'_, 'de> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        match self.carries {
            None => Ok(()),
            Some(ty) => Err(ValueError::new(format!("it carries {ty}")).at(Step::Case(self.name.to_owned()))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ValueError> {
        // `Ok(())` of a result without values.
        if self.carries.is_none() {
            return seed.deserialize(UnitDeserializer::new());
        }
        let (part, step) = self.part()?;
        seed.deserialize(part).map_err(|error| error.at(step))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ValueError> {
        let (part, step) = self.part()?;
        part.deserialize_tuple(len, visitor).map_err(|error| error.at(step))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let (part, step) = self.part()?;
        part.deserialize_struct("", fields, visitor).map_err(|error| error.at(step))
    }
}
