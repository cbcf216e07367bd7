//! What types of Rust's are in the component model: for clients, whose types are known when they are compiled.

use crate::task::ValueType;
use isopool_guest::Bytes;
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt;

/// A type of Rust's that is one of the component model.
pub trait ComponentValue {
    /// Which.
    fn value_type() -> ValueType;
}

/// What a case may carry: a value, or nothing.
trait Carried {
    fn carried() -> Option<ValueType>;
}

impl<T: ComponentValue> Carried for T {
    fn carried() -> Option<ValueType> {
        Some(T::value_type())
    }
}

impl Carried for () {
    fn carried() -> Option<ValueType> {
        None
    }
}

macro_rules! simple {
    ($($type:ty: $value:ident,)*) => {$(
        impl ComponentValue for $type {
            fn value_type() -> ValueType {
                ValueType::$value
            }
        }
    )*};
}

simple! {
    bool: Bool,
    i8: S8,
    u8: U8,
    i16: S16,
    u16: U16,
    i32: S32,
    u32: U32,
    i64: S64,
    u64: U64,
    f32: F32,
    f64: F64,
    char: Char,
    String: String,
}

impl ComponentValue for Bytes {
    fn value_type() -> ValueType {
        Vec::<u8>::value_type()
    }
}

impl<T: ComponentValue> ComponentValue for Vec<T> {
    fn value_type() -> ValueType {
        ValueType::List(Box::new(T::value_type()))
    }
}

impl<T: ComponentValue> ComponentValue for Option<T> {
    fn value_type() -> ValueType {
        ValueType::Option(Box::new(T::value_type()))
    }
}

#[allow(private_bounds, reason = "what a case carries is no type of its own")]
impl<T: Carried, E: Carried> ComponentValue for Result<T, E> {
    fn value_type() -> ValueType {
        ValueType::Result { ok: T::carried().map(Box::new), err: E::carried().map(Box::new) }
    }
}

macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<$first: ComponentValue, $($rest: ComponentValue),*> ComponentValue for ($first, $($rest,)*) {
            fn value_type() -> ValueType {
                ValueType::Tuple(vec![$first::value_type(), $($rest::value_type()),*])
            }
        }
        tuples!($($rest)*);
    };
    () => {};
}

tuples!(A B C D E F G H I J K L M N O P);

/// Flags of a client: they travel by their names.
pub trait Flags: Copy {
    /// In the order of their bits.
    const NAMES: &'static [&'static str];
    /// Those that are set.
    fn bits(self) -> u64;
    /// The flags of these bits.
    fn from_bits(bits: u64) -> Self;
}

fn names<F: Flags>(flags: F) -> impl Iterator<Item = &'static str> {
    F::NAMES.iter().zip(0_u32..).filter(move |(_, place)| flags.bits() >> place & 1 == 1).map(|(name, _)| *name)
}

/// The type of these flags.
pub fn type_of_flags<F: Flags>() -> ValueType {
    ValueType::Flags(F::NAMES.iter().map(|name| (*name).to_owned()).collect())
}

/// The names of those that are set.
pub fn show_flags<F: Flags>(flags: F, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_set().entries(names(flags)).finish()
}

/// As a list of names.
pub fn write_flags<F: Flags, S: Serializer>(flags: F, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names(flags))
}

/// From a list of names.
pub fn read_flags<'de, F: Flags, D: Deserializer<'de>>(deserializer: D) -> Result<F, D::Error> {
    let mut bits = 0;
    for name in Vec::<String>::deserialize(deserializer)? {
        let place = F::NAMES.iter().position(|other| *other == name);
        bits |= 1 << place.ok_or_else(|| serde::de::Error::unknown_variant(&name, F::NAMES))?;
    }
    Ok(F::from_bits(bits))
}
