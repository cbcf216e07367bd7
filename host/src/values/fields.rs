//! The fields of a record, which come in the order of the caller's type and go in the order of the function's.

use super::encode::ValueSerializer;
use super::names::{listed, position};
use super::{Reader, Step, ValueError, Writer};
use crate::task::ValueType;
use serde::Serialize;
use std::collections::BTreeMap;

/// What was written of a record.
pub(super) struct Fields<'a> {
    fields: &'a [(String, ValueType)],
    /// All before this one are written.
    next: usize,
    /// Fields that came before their turn, as bytes.
    early: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(fields: &'a [(String, ValueType)]) -> Self {
        Self { fields, next: 0, early: BTreeMap::new() }
    }

    pub(super) fn write<T: Serialize + ?Sized>(
        &mut self,
        record: &mut ValueSerializer<'_>,
        given: &str,
        value: &T,
    ) -> Result<(), ValueError> {
        let names = self.fields.iter().map(|(name, _)| name.as_str());
        let Some(index) = position(names.clone(), given) else {
            return Err(ValueError::new(format!("there is no field \"{given}\"; there are {}", listed(names))));
        };
        let (name, ty) = &self.fields[index];
        if index < self.next || self.early.contains_key(&index) {
            return Err(ValueError::new("it comes twice").at(Step::Field(name.clone())));
        }
        let place = record.out.len();
        value.serialize(record.part(ty)).map_err(|error| error.at(Step::Field(name.clone())))?;
        if index == self.next {
            self.next += 1;
            self.catch_up(record.out);
        } else {
            self.early.insert(index, record.out.split_off(place));
        }
        Ok(())
    }

    fn catch_up(&mut self, out: &mut Writer) {
        while let Some(bytes) = self.early.remove(&self.next) {
            out.raw(&bytes);
            self.next += 1;
        }
    }

    /// Options that did not come are empty.
    pub(super) fn finish(mut self, record: &mut ValueSerializer<'_>) -> Result<(), ValueError> {
        while let Some((name, ty)) = self.fields.get(self.next) {
            if !matches!(ty, ValueType::Option(_)) {
                return Err(ValueError::new(format!("expected {ty}, got nothing")).at(Step::Field(name.clone())));
            }
            record.out.count(1)?;
            record.out.byte(0);
            self.next += 1;
            self.catch_up(record.out);
        }
        Ok(())
    }
}

/// A name that comes as a value: the key of a map, a flag.
pub(super) fn name_of<T: Serialize + ?Sized>(value: &T) -> Result<String, ValueError> {
    let mut out = Writer::default();
    value.serialize(ValueSerializer { ty: &ValueType::String, out: &mut out, counts_blocks: false })?;
    let bytes = out.into_bytes();
    Reader::new(&bytes).text().map(str::to_owned)
}
