//! What it does: the `raw` codec: a byte buffer as itself, alone or as the only element of a tuple; `()` is no bytes.
//! Takes from: serde values. Hands to: `codec.rs`. Never: accepts a type that would need a format.

use crate::CodecError;
use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Impossible, SerializeTuple, Serializer};
use serde::{Serialize, forward_to_deserialize_any};
use std::fmt;

const WANTED: &str = "the raw codec takes one byte buffer (`isopool_guest::Bytes`) or nothing; use another codec";

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        CodecError::new(message.to_string())
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        CodecError::new(message.to_string())
    }
}

pub(crate) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CodecError> {
    value.serialize(RawSerializer)
}

pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    T::deserialize(RawDeserializer(bytes))
}

struct RawSerializer;

type Refused = Impossible<Vec<u8>, CodecError>;

/// Serializer methods for types that this codec refuses.
macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, CodecError> {
            Err(CodecError::new(WANTED))
        }
    )*};
}

impl Serializer for RawSerializer {
    type Ok = Vec<u8>;
    type Error = CodecError;
    type SerializeSeq = Refused;
    type SerializeTuple = OneElement;
    type SerializeTupleStruct = Refused;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Refused;
    type SerializeStruct = Refused;
    type SerializeStructVariant = Refused;

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }

    fn serialize_unit(self) -> Result<Vec<u8>, CodecError> {
        Ok(Vec::new())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Vec<u8>, CodecError> {
        value.serialize(self)
    }

    fn serialize_tuple(self, elements: usize) -> Result<OneElement, CodecError> {
        if elements == 1 { Ok(OneElement(Vec::new())) } else { Err(CodecError::new(WANTED)) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Vec<u8>, CodecError> {
        Err(CodecError::new(WANTED))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Vec<u8>, CodecError> {
        Err(CodecError::new(WANTED))
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
        serialize_none() -> Vec<u8>;
        serialize_unit_struct(&'static str) -> Vec<u8>;
        serialize_unit_variant(&'static str, u32, &'static str) -> Vec<u8>;
        serialize_seq(Option<usize>) -> Refused;
        serialize_tuple_struct(&'static str, usize) -> Refused;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Refused;
        serialize_map(Option<usize>) -> Refused;
        serialize_struct(&'static str, usize) -> Refused;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Refused;
    }
}

/// A tuple of one element is its element.
struct OneElement(Vec<u8>);

impl SerializeTuple for OneElement {
    type Ok = Vec<u8>;
    type Error = CodecError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.0 = value.serialize(RawSerializer)?;
        Ok(())
    }

    fn end(self) -> Result<Vec<u8>, CodecError> {
        Ok(self.0)
    }
}

struct RawDeserializer<'de>(&'de [u8]);

impl<'de> Deserializer<'de> for RawDeserializer<'de> {
    type Error = CodecError;

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_bytes(self.0)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_borrowed_bytes(self.0)
    }

    /// For `Vec<u8>`, which asks for a sequence: right, but it costs a call for each byte.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        SeqDeserializer::new(self.0.iter().copied()).deserialize_seq(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        if self.0.is_empty() {
            visitor.visit_unit()
        } else {
            Err(CodecError::new(format!("{} bytes where nothing is expected", self.0.len())))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, elements: usize, visitor: V) -> Result<V::Value, CodecError> {
        if elements == 1 { visitor.visit_seq(Once(Some(self))) } else { Err(CodecError::new(WANTED)) }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CodecError> {
        Err(CodecError::new(WANTED))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string option unit_struct tuple_struct map struct
        enum identifier ignored_any
    }
}

struct Once<'de>(Option<RawDeserializer<'de>>);

impl<'de> SeqAccess<'de> for Once<'de> {
    type Error = CodecError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, CodecError> {
        self.0.take().map(|element| seed.deserialize(element)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Bytes, Codec};

    #[test]
    fn a_buffer_is_itself_alone_and_in_a_tuple_of_one() {
        let bytes = Bytes::from(vec![0, 1, 255]);
        assert_eq!(Codec::Raw.encode(&bytes), Ok(vec![0, 1, 255]));
        assert_eq!(Codec::Raw.encode(&(&bytes,)), Ok(vec![0, 1, 255]));
        assert_eq!(Codec::Raw.decode::<Bytes>(&[0, 1, 255]), Ok(bytes.clone()));
        assert_eq!(Codec::Raw.decode::<(Bytes,)>(&[0, 1, 255]), Ok((bytes,)));
        assert_eq!(Codec::Raw.decode::<Vec<u8>>(&[7, 8]), Ok(vec![7, 8]));
        assert_eq!(Codec::Raw.encode(&()), Ok(vec![]));
        assert_eq!(Codec::Raw.decode::<()>(&[]), Ok(()));
    }

    #[test]
    fn every_other_type_is_refused_with_the_remedy() {
        let error = Codec::Raw.encode(&"text").expect_err("text is not a byte buffer");
        assert_eq!(
            error.to_string(),
            "the raw codec takes one byte buffer (`isopool_guest::Bytes`) or nothing; use another codec"
        );
        assert!(Codec::Raw.encode(&(Bytes::new(), Bytes::new())).is_err());
        assert!(Codec::Raw.encode(&Some(Bytes::new())).is_err());
        assert!(Codec::Raw.encode(&vec![1u8]).is_err());
        assert!(Codec::Raw.decode::<u64>(&[1]).is_err());
        assert!(Codec::Raw.decode::<(Bytes, Bytes)>(&[1]).is_err());
        assert!(Codec::Raw.decode::<()>(&[1]).is_err());
    }
}
