//! All arguments of a call.

use super::encode::ValueSerializer;
use super::{Step, ValueError, Writer};
use crate::task::FunctionType;
use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeTuple, SerializeTupleStruct, Serializer};

/// Encodes a tuple, or a list, of arguments. `counts_blocks`: the engine holds the bytes of a `list<u8>` one by one.
pub(crate) fn encode_arguments<A: Serialize + ?Sized>(
    function: &FunctionType,
    arguments: &A,
    counts_blocks: bool,
) -> Result<Vec<u8>, ValueError> {
    arguments.serialize(Arguments { function, out: Writer::default(), counts_blocks, done: 0 })
}

struct Arguments<'a> {
    function: &'a FunctionType,
    out: Writer,
    counts_blocks: bool,
    done: usize,
}

impl Arguments<'_> {
    fn wrong_number(&self, got: usize) -> ValueError {
        let wanted = self.function.params.len();
        let arguments = if wanted == 1 { "argument" } else { "arguments" };
        ValueError::new(format!("the function takes {wanted} {arguments}, got {got}: {}", self.function))
    }

    fn argument<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.done += 1;
        // Too many: they are counted to the end.
        let Some((_, ty)) = self.function.params.get(self.done - 1) else { return Ok(()) };
        let serializer = ValueSerializer { ty, out: &mut self.out, counts_blocks: self.counts_blocks };
        value.serialize(serializer).map_err(|error| error.at(Step::Argument(self.done)))
    }

    fn finish(self) -> Result<Vec<u8>, ValueError> {
        if self.done == self.function.params.len() {
            Ok(self.out.into_bytes())
        } else {
            Err(self.wrong_number(self.done))
        }
    }
}

macro_rules! parts {
    ($($trait:ident $method:ident;)*) => {$(
        impl $trait for Arguments<'_> {
            type Ok = Vec<u8>;
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                self.argument(value)
            }

            fn end(self) -> Result<Vec<u8>, ValueError> {
                self.finish()
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
}

/// Serializer methods for what is no list of arguments.
macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, ValueError> {
            Err(not_a_tuple())
        }
    )*};
}

fn not_a_tuple() -> ValueError {
    ValueError::new("the arguments of a function are a tuple, `(x,)` for one, or a list")
}

type Refused = Impossible<Vec<u8>, ValueError>;

impl Serializer for Arguments<'_> {
    type Ok = Vec<u8>;
    type Error = ValueError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Refused;
    type SerializeStruct = Refused;
    type SerializeStructVariant = Refused;

    fn serialize_unit(self) -> Result<Vec<u8>, ValueError> {
        self.finish()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Vec<u8>, ValueError> {
        self.finish()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Vec<u8>, ValueError> {
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, ValueError> {
        match len {
            Some(len) => self.serialize_tuple(len),
            None => Ok(self),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Self, ValueError> {
        if len == self.function.params.len() { Ok(self) } else { Err(self.wrong_number(len)) }
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self, ValueError> {
        self.serialize_tuple(len)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Vec<u8>, ValueError> {
        Err(not_a_tuple())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Vec<u8>, ValueError> {
        Err(not_a_tuple())
    }

    refuse! {
        serialize_bool(bool) -> Vec<u8>;
        serialize_i8(i8) -> Vec<u8>;
        serialize_i16(i16) -> Vec<u8>;
        serialize_i32(i32) -> Vec<u8>;
        serialize_i64(i64) -> Vec<u8>;
        serialize_u8(u8) -> Vec<u8>;
        serialize_u16(u16) -> Vec<u8>;
        serialize_u32(u32) -> Vec<u8>;
        serialize_u64(u64) -> Vec<u8>;
        serialize_f32(f32) -> Vec<u8>;
        serialize_f64(f64) -> Vec<u8>;
        serialize_char(char) -> Vec<u8>;
        serialize_str(&str) -> Vec<u8>;
        serialize_bytes(&[u8]) -> Vec<u8>;
        serialize_none() -> Vec<u8>;
        serialize_unit_variant(&'static str, u32, &'static str) -> Vec<u8>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Refused;
        serialize_map(Option<usize>) -> Refused;
        serialize_struct(&'static str, usize) -> Refused;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Refused;
    }
}
