//! What it does: makes a deserializer safe for hostile bytes: bounded nesting, bounded number of elements, and no memory
//! reserved because a length says so.
//! Takes from: any format that borrows from its input. Hands to: `codec.rs`. Never: changes what valid bytes mean.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// How deep values may be nested; the same as `serde_json`. Recursion uses the decoder's stack, which a guest must not be
/// able to exhaust in its caller's process.
const DEPTH_MAX: usize = 128;

/// Elements of lists and maps allowed beyond one for each byte of input, for elements that take no bytes.
const FREE_ELEMENTS_MAX: usize = 1024;

/// What is left for one decode.
pub(crate) struct Guard {
    input_bytes: usize,
    depth: Cell<usize>,
    elements: Cell<usize>,
}

impl Guard {
    pub(crate) fn new(input_bytes: usize) -> Self {
        Self {
            input_bytes,
            depth: Cell::new(DEPTH_MAX),
            elements: Cell::new(input_bytes.saturating_add(FREE_ELEMENTS_MAX)),
        }
    }

    /// Decodes with `inner`, guarded.
    pub(crate) fn seed<S>(&self, inner: S) -> Guarded<'_, S> {
        Guarded { inner, guard: self }
    }

    fn wrap<T>(&self, inner: T, length: Length) -> Visit<'_, T> {
        Visit { inner, guard: self, length }
    }

    /// Runs one level further down.
    fn nested<T, E: Error>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let left = self.depth.get();
        if left == 0 {
            return Err(E::custom(format_args!("values are nested more than {DEPTH_MAX} deep")));
        }
        self.depth.set(left - 1);
        let result = run();
        self.depth.set(left);
        result
    }

    fn count_element<E: Error>(&self) -> Result<(), E> {
        match self.elements.get().checked_sub(1) {
            Some(left) => {
                self.elements.set(left);
                Ok(())
            }
            None => Err(E::custom(format_args!("more elements than {} bytes can hold", self.input_bytes))),
        }
    }
}

/// Who says how many elements there are.
#[derive(Clone, Copy, PartialEq)]
enum Length {
    /// The type: trusted.
    OfType,
    /// The bytes: hostile.
    OfInput,
}

/// A seed or a deserializer with its guard.
pub(crate) struct Guarded<'g, T> {
    inner: T,
    guard: &'g Guard,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guarded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Guarded { inner: deserializer, guard: self.guard })
    }
}

/// Methods that cannot nest: passed on as they are.
macro_rules! plain {
    ($($method:ident => $to:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$to(visitor)
        }
    )*};
}

/// Methods that can nest: one level down, with a guarded visitor.
macro_rules! nested {
    ($($method:ident($($argument:ident: $type:ty),*) $length:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.guard.nested(|| self.inner.$method($($argument,)* self.guard.wrap(visitor, Length::$length)))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guarded<'_, D> {
    type Error = D::Error;

    plain! {
        deserialize_bool => deserialize_bool,
        deserialize_i8 => deserialize_i8,
        deserialize_i16 => deserialize_i16,
        deserialize_i32 => deserialize_i32,
        deserialize_i64 => deserialize_i64,
        deserialize_i128 => deserialize_i128,
        deserialize_u8 => deserialize_u8,
        deserialize_u16 => deserialize_u16,
        deserialize_u32 => deserialize_u32,
        deserialize_u64 => deserialize_u64,
        deserialize_u128 => deserialize_u128,
        deserialize_f32 => deserialize_f32,
        deserialize_f64 => deserialize_f64,
        deserialize_char => deserialize_char,
        deserialize_str => deserialize_str,
        // Borrowed: the bytes must be there before anything is reserved for them. The visitor copies.
        deserialize_string => deserialize_str,
        deserialize_bytes => deserialize_bytes,
        deserialize_byte_buf => deserialize_bytes,
        deserialize_unit => deserialize_unit,
        deserialize_identifier => deserialize_identifier,
        deserialize_ignored_any => deserialize_ignored_any,
    }

    nested! {
        deserialize_any() OfInput,
        deserialize_option() OfType,
        deserialize_newtype_struct(name: &'static str) OfType,
        deserialize_seq() OfInput,
        deserialize_map() OfInput,
        deserialize_tuple(length: usize) OfType,
        deserialize_tuple_struct(name: &'static str, length: usize) OfType,
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) OfType,
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) OfType,
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A visitor, or the access that it is given, with its guard.
struct Visit<'g, T> {
    inner: T,
    guard: &'g Guard,
    length: Length,
}

impl<T> Visit<'_, T> {
    fn count<E: Error>(&self) -> Result<(), E> {
        match self.length {
            Length::OfType => Ok(()),
            Length::OfInput => self.guard.count_element(),
        }
    }

    fn hint(&self, inner: Option<usize>) -> Option<usize> {
        inner.map(|elements| elements.min(self.guard.input_bytes.saturating_add(FREE_ELEMENTS_MAX)))
    }
}

/// Visitor methods for the values that formats with their own types give from `deserialize_any`.
macro_rules! forward_visit {
    ($($method:ident($type:ty),)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Visit<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_visit! {
        visit_bool(bool),
        visit_i64(i64),
        visit_i128(i128),
        visit_u64(u64),
        visit_u128(u128),
        visit_f64(f64),
        visit_borrowed_str(&'de str),
        visit_borrowed_bytes(&'de [u8]),
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Guarded { inner: deserializer, guard: self.guard })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Guarded { inner: deserializer, guard: self.guard })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(self.guard.wrap(access, self.length))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(self.guard.wrap(access, self.length))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(self.guard.wrap(access, self.length))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Visit<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.count()?;
        self.inner.next_element_seed(self.guard.seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Visit<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.count()?;
        self.inner.next_key_seed(self.guard.seed(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.next_value_seed(self.guard.seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint(self.inner.size_hint())
    }
}

impl<'g, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Visit<'g, A> {
    type Error = A::Error;
    type Variant = Visit<'g, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, self.guard.wrap(variant, Length::OfType)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Visit<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(self.guard.seed(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(length, self.guard.wrap(visitor, Length::OfType))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, self.guard.wrap(visitor, Length::OfType))
    }
}
