//! One case of several: variants, enums and results.

use super::encode::ValueSerializer;
use super::names::{listed, position};
use super::{Step, ValueError};
use crate::task::ValueType;
use serde::Serialize;

/// The two cases of a result, as serde names them.
pub(super) const RESULT_CASES: [&str; 2] = ["Ok", "Err"];

/// A case that was chosen, and whose number was written.
pub(super) struct Chosen<'a> {
    serializer: ValueSerializer<'a>,
    name: String,
    carries: Option<&'a ValueType>,
}

impl<'a> Chosen<'a> {
    /// Finds the case that a caller names.
    pub(super) fn new(serializer: ValueSerializer<'a>, given: &str) -> Result<Self, ValueError> {
        let ty = serializer.ty;
        let names: Vec<&str> = match ty {
            ValueType::Enum(names) => names.iter().map(String::as_str).collect(),
            ValueType::Variant(cases) => cases.iter().map(|(name, _)| name.as_str()).collect(),
            ValueType::Result { .. } => RESULT_CASES.to_vec(),
            ty => return Err(ValueError::mismatch(ty, format_args!("case \"{given}\""))),
        };
        let Some(case) = position(names.iter().copied(), given) else {
            let known = listed(names.iter().copied());
            return Err(ValueError::new(format!("there is no case \"{given}\"; there are {known}")));
        };
        let carries = match ty {
            ValueType::Variant(cases) => cases[case].1.as_ref(),
            ValueType::Result { ok, err } => [ok, err][case].as_deref(),
            _ => None,
        };
        match ty {
            ValueType::Result { .. } => serializer.out.byte(u8::from(case == 1)),
            _ => serializer.out.length(case)?,
        }
        Ok(Self { name: names[case].to_owned(), serializer, carries })
    }

    /// It stands alone.
    pub(super) fn alone(self) -> Result<(), ValueError> {
        match self.carries {
            None => Ok(()),
            Some(ty) => Err(ValueError::mismatch(ty, "nothing").at(Step::Case(self.name))),
        }
    }

    /// It carries a value; one that carries none may be given an empty one.
    pub(super) fn carrying<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ValueError> {
        match self.carries {
            Some(ty) => {
                let Self { serializer, name, .. } = self;
                value.serialize(ValueSerializer { ty, ..serializer }).map_err(|error| error.at(Step::Case(name)))
            }
            None if is_nothing(value) => Ok(()),
            None => Err(ValueError::new("it carries no value").at(Step::Case(self.name))),
        }
    }

    /// What it carries is written by somebody else.
    pub(super) fn part(self) -> Result<(ValueSerializer<'a>, String), ValueError> {
        match self.carries {
            Some(ty) => Ok((ValueSerializer { ty, ..self.serializer }, self.name)),
            None => Err(ValueError::new("it carries no value").at(Step::Case(self.name))),
        }
    }
}

/// Whether a value is `()`, `None` or JSON's `null`.
fn is_nothing<T: Serialize + ?Sized>(value: &T) -> bool {
    let empty = ValueType::Option(Box::new(ValueType::Enum(Vec::new())));
    let mut out = super::Writer::default();
    value.serialize(ValueSerializer { ty: &empty, out: &mut out, counts_blocks: false }).is_ok()
}
