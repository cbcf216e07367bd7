//! Values with parts: lists, tuples, records, and the ways in which serde hands the parts over.

use super::encode::{FlagBits, ValueSerializer};
use super::enums::Chosen;
use super::fields::{Fields, name_of};
use super::{Step, ValueError};
use crate::task::ValueType;
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

/// How the parts come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One after another.
    Sequence { len: Option<usize> },
    /// Each with a name or a key.
    Entries,
}

/// A value whose parts are being written.
pub(super) struct Compound<'a> {
    serializer: ValueSerializer<'a>,
    state: State<'a>,
    /// The case that carries it.
    case: Option<String>,
    /// The key of a map whose value is still to come.
    key: Option<String>,
    /// Parts so far.
    done: usize,
}

enum State<'a> {
    List {
        element: &'a ValueType,
        place: usize,
    },
    Tuple(&'a [ValueType]),
    Flags(FlagBits<'a>),
    Record(Fields<'a>),
    /// A list of pairs, from a map.
    Pairs {
        pair: &'a [ValueType],
        place: usize,
    },
    /// A variant or a result, from a map with one entry.
    OneCase,
}

impl<'a> Compound<'a> {
    pub(super) fn new(serializer: ValueSerializer<'a>, got: &'static str, kind: Kind) -> Result<Self, ValueError> {
        let ty: &'a ValueType = serializer.ty;
        let state = match (kind, ty) {
            (Kind::Sequence { .. }, ValueType::List(element)) => {
                State::List { element, place: serializer.out.open_length() }
            }
            (Kind::Sequence { len }, ValueType::Tuple(types)) => {
                if let Some(len) = len.filter(|len| *len != types.len()) {
                    return Err(ValueError::mismatch(ty, format_args!("{len} elements")));
                }
                State::Tuple(types)
            }
            (Kind::Sequence { .. }, ValueType::Flags(names)) => State::Flags(FlagBits::new(names)),
            (Kind::Entries, ValueType::Record(fields)) => State::Record(Fields::new(fields)),
            (Kind::Entries, ValueType::List(element)) => match &**element {
                ValueType::Tuple(pair) if pair.len() == 2 => State::Pairs { pair, place: serializer.out.open_length() },
                _ => return Err(ValueError::mismatch(ty, got)),
            },
            (Kind::Entries, ValueType::Variant(_) | ValueType::Result { .. }) => State::OneCase,
            _ => return Err(ValueError::mismatch(ty, got)),
        };
        Ok(Self { serializer, state, case: None, key: None, done: 0 })
    }

    /// It is what a case carries.
    pub(super) fn inside(mut self, case: String) -> Self {
        self.case = Some(case);
        self
    }

    fn located<T>(&self, result: Result<T, ValueError>) -> Result<T, ValueError> {
        result.map_err(|error| match &self.case {
            Some(case) => error.at(Step::Case(case.clone())),
            None => error,
        })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.done += 1;
        let step = |error: ValueError| error.at(Step::Element(self.done));
        let written = match &mut self.state {
            State::List { element, .. } => value.serialize(self.serializer.part(element)),
            State::Tuple(types) => match types.get(self.done - 1) {
                Some(ty) => value.serialize(self.serializer.part(ty)),
                None => Err(ValueError::mismatch(self.serializer.ty, format_args!("{} elements", self.done))),
            },
            State::Flags(bits) => name_of(value).and_then(|name| bits.set(&name)),
            State::Record(_) | State::Pairs { .. } | State::OneCase => {
                unreachable!("a sequence is none of these: see `new`")
            }
        };
        let written = written.map_err(step);
        self.located(written)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), ValueError> {
        self.done += 1;
        let written = match &mut self.state {
            State::Record(fields) => fields.write(&mut self.serializer, name, value),
            State::OneCase if self.done > 1 => {
                Err(ValueError::mismatch(self.serializer.ty, "a record of several entries"))
            }
            State::OneCase => {
                let ty = self.serializer.ty;
                Chosen::new(self.serializer.part(ty), name).and_then(|case| case.carrying(value))
            }
            State::Pairs { pair, .. } => {
                let (pair, step) = (*pair, Step::Element(self.done));
                let key = name.serialize(self.serializer.part(&pair[0]));
                key.and_then(|()| value.serialize(self.serializer.part(&pair[1]))).map_err(|error| error.at(step))
            }
            State::List { .. } | State::Tuple(_) | State::Flags(_) => {
                unreachable!("entries are none of these: see `new`")
            }
        };
        self.located(written)
    }

    fn finish(mut self) -> Result<(), ValueError> {
        let state = std::mem::replace(&mut self.state, State::OneCase);
        let finished = match state {
            State::List { place, .. } | State::Pairs { place, .. } => {
                self.serializer.out.close_length(place, self.done)
            }
            State::Tuple(types) if types.len() != self.done => {
                Err(ValueError::mismatch(self.serializer.ty, format_args!("{} elements", self.done)))
            }
            State::Tuple(_) => Ok(()),
            State::Flags(bits) => {
                bits.write(self.serializer.out);
                Ok(())
            }
            State::Record(fields) => fields.finish(&mut self.serializer),
            State::OneCase if self.done == 0 => Err(ValueError::mismatch(self.serializer.ty, "a record of no entries")),
            State::OneCase => Ok(()),
        };
        self.located(finished)
    }
}

macro_rules! sequence {
    ($($trait:ident $method:ident;)*) => {$(
        impl $trait for Compound<'_> {
            type Ok = ();
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                self.element(value)
            }

            fn end(self) -> Result<(), ValueError> {
                self.finish()
            }
        }
    )*};
}

sequence! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! entries {
    ($($trait:ident)*) => {$(
        impl $trait for Compound<'_> {
            type Ok = ();
            type Error = ValueError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ValueError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), ValueError> {
                self.finish()
            }
        }
    )*};
}

entries! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        let State::Pairs { pair, .. } = &self.state else {
            self.key = Some(name_of(key)?);
            return Ok(());
        };
        let ty = &pair[0];
        self.done += 1;
        key.serialize(self.serializer.part(ty)).map_err(|error| error.at(Step::Element(self.done)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        if let State::Pairs { pair, .. } = &self.state {
            let ty = &pair[1];
            return value.serialize(self.serializer.part(ty)).map_err(|error| error.at(Step::Element(self.done)));
        }
        let name = self.key.take().ok_or_else(|| ValueError::new("a map gives a value without its key"))?;
        self.field(&name, value)
    }

    fn end(self) -> Result<(), ValueError> {
        self.finish()
    }
}
