//! One value of the caller's as a value of the function's type.

use super::encode_compound::{Compound, Kind};
use super::enums::Chosen;
use super::names::{listed, position};
use super::resource::{RESOURCE, handle_type};
use super::{ValueError, Writer, flag_bytes};
use crate::task::ValueType;
use serde::ser::{Serialize, Serializer};

/// Writes a value by its type.
pub(super) struct ValueSerializer<'a> {
    pub(super) ty: &'a ValueType,
    pub(super) out: &'a mut Writer,
    /// Whether the engine holds the bytes of a block one by one.
    pub(super) counts_blocks: bool,
}

impl<'a> ValueSerializer<'a> {
    /// For a part of the value.
    pub(super) fn part<'b>(&'b mut self, ty: &'b ValueType) -> ValueSerializer<'b> {
        ValueSerializer { ty, out: self.out, counts_blocks: self.counts_blocks }
    }

    /// A value that is no option, where one may be, is there.
    pub(super) fn present(mut self) -> Result<Self, ValueError> {
        while let ValueType::Option(some) = self.ty {
            self.out.byte(1);
            self.ty = some;
        }
        self.out.count(1)?;
        Ok(self)
    }

    fn integer(self, number: i128) -> Result<(), ValueError> {
        let this = self.present()?;
        macro_rules! write_as {
            ($type:ty) => {{
                let fits = <$type>::try_from(number).map_err(|_| {
                    let (least, most) = (<$type>::MIN, <$type>::MAX);
                    ValueError::mismatch(this.ty, format_args!("{number}, which is not in {least}..={most}"))
                })?;
                this.out.raw(&fits.to_le_bytes());
            }};
        }
        match this.ty {
            ValueType::S8 => write_as!(i8),
            ValueType::U8 => write_as!(u8),
            ValueType::S16 => write_as!(i16),
            ValueType::U16 => write_as!(u16),
            ValueType::S32 => write_as!(i32),
            ValueType::U32 => write_as!(u32),
            ValueType::S64 => write_as!(i64),
            ValueType::U64 => write_as!(u64),
            ValueType::F64 if (number as f64) as i128 == number => this.out.raw(&(number as f64).to_le_bytes()),
            ValueType::F32 if (number as f32) as i128 == number => this.out.raw(&(number as f32).to_le_bytes()),
            ValueType::F32 | ValueType::F64 => {
                return Err(ValueError::mismatch(this.ty, format_args!("{number}, which it cannot hold exactly")));
            }
            ty => return Err(ValueError::mismatch(ty, "integer")),
        }
        Ok(())
    }

    fn float(self, number: f64) -> Result<(), ValueError> {
        let this = self.present()?;
        match this.ty {
            ValueType::F64 => this.out.raw(&number.to_le_bytes()),
            // Rounded, because JSON knows one kind of number; but not to infinity.
            ValueType::F32 if (number as f32).is_finite() || !number.is_finite() => {
                this.out.raw(&(number as f32).to_le_bytes());
            }
            ValueType::F32 => {
                return Err(ValueError::mismatch(this.ty, format_args!("{number}, which is out of range")));
            }
            ty => return Err(ValueError::mismatch(ty, format_args!("float {number:?}"))),
        }
        Ok(())
    }

    /// Nothing: an option that is empty.
    fn nothing(self) -> Result<(), ValueError> {
        match self.ty {
            ValueType::Option(_) => {
                self.out.count(1)?;
                self.out.byte(0);
                Ok(())
            }
            ty => Err(ValueError::mismatch(ty, "nothing")),
        }
    }

    fn compound(self, got: &'static str, kind: Kind) -> Result<Compound<'a>, ValueError> {
        Compound::new(self.present()?, got, kind)
    }
}

impl<'a> Serializer for ValueSerializer<'a> {
    type Ok = ();
    type Error = ValueError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), ValueError> {
        let this = self.present()?;
        match this.ty {
            ValueType::Bool => this.out.byte(u8::from(value)),
            ty => return Err(ValueError::mismatch(ty, "bool")),
        }
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_i128(self, value: i128) -> Result<(), ValueError> {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), ValueError> {
        self.integer(value.into())
    }

    fn serialize_u128(self, value: u128) -> Result<(), ValueError> {
        self.integer(i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn serialize_f32(self, value: f32) -> Result<(), ValueError> {
        self.float(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), ValueError> {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), ValueError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), ValueError> {
        let this = self.present()?;
        let mut letters = value.chars();
        match this.ty {
            ValueType::String => this.out.block(value.as_bytes()),
            ValueType::Char => match (letters.next(), letters.next()) {
                (Some(letter), None) => {
                    this.out.u32(letter.into());
                    Ok(())
                }
                _ => {
                    Err(ValueError::mismatch(this.ty, format_args!("a string of {} characters", value.chars().count())))
                }
            },
            ValueType::Enum(_) | ValueType::Variant(_) | ValueType::Result { .. } => Chosen::new(this, value)?.alone(),
            ty => Err(ValueError::mismatch(ty, "string")),
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), ValueError> {
        let this = self.present()?;
        match this.ty {
            ValueType::List(element) if **element == ValueType::U8 => {
                if this.counts_blocks {
                    this.out.count(value.len())?;
                }
                this.out.block(value)
            }
            ty => Err(ValueError::mismatch(ty, "bytes")),
        }
    }

    fn serialize_none(self) -> Result<(), ValueError> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ValueError> {
        match self.ty {
            ValueType::Option(some) => {
                self.out.byte(1);
                value.serialize(ValueSerializer { ty: some, ..self })
            }
            _ => value.serialize(self),
        }
    }

    fn serialize_unit(self) -> Result<(), ValueError> {
        self.nothing()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ValueError> {
        self.nothing()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), ValueError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), ValueError> {
        if name != RESOURCE {
            return value.serialize(self);
        }
        let mut this = self.present()?;
        match this.ty {
            ValueType::Own(_) | ValueType::Borrow(_) => value.serialize(this.part(&handle_type())),
            ty => Err(ValueError::mismatch(ty, "a resource")),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), ValueError> {
        Chosen::new(self.present()?, variant)?.carrying(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a>, ValueError> {
        self.compound("list", Kind::Sequence { len })
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a>, ValueError> {
        self.compound("tuple", Kind::Sequence { len: Some(len) })
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Compound<'a>, ValueError> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Compound<'a>, ValueError> {
        let (part, case) = Chosen::new(self.present()?, variant)?.part()?;
        Ok(part.compound("tuple", Kind::Sequence { len: Some(len) })?.inside(case))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, ValueError> {
        self.compound("record", Kind::Entries)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, ValueError> {
        self.compound("record", Kind::Entries)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, ValueError> {
        let (part, case) = Chosen::new(self.present()?, variant)?.part()?;
        Ok(part.compound("record", Kind::Entries)?.inside(case))
    }
}

/// Flags, set one by one and written at the end.
#[derive(Debug)]
pub(super) struct FlagBits<'a> {
    names: &'a [String],
    bits: Vec<u8>,
}

impl<'a> FlagBits<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        Self { names, bits: vec![0; flag_bytes(names.len())] }
    }

    pub(super) fn set(&mut self, name: &str) -> Result<(), ValueError> {
        let names = self.names.iter().map(String::as_str);
        let Some(place) = position(names.clone(), name) else {
            return Err(ValueError::new(format!("there is no flag \"{name}\"; there are {}", listed(names))));
        };
        self.bits[place / 8] |= 1 << (place % 8);
        Ok(())
    }

    pub(super) fn write(self, out: &mut Writer) {
        out.raw(&self.bits);
    }
}
