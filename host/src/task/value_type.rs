//! The types of a component's functions, as a tree that travels: from the compile worker to the caller, who checks arguments
//! with it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A type of the component model. Displayed as in WIT, but that the types have no names: `list<record { x: f64, y: f64 }>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs)] // the names are those of WIT
pub enum ValueType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<ValueType>),
    /// Its fields.
    Record(Vec<(String, ValueType)>),
    Tuple(Vec<ValueType>),
    /// Its cases, each with what it carries.
    Variant(Vec<(String, Option<ValueType>)>),
    Enum(Vec<String>),
    Option(Box<ValueType>),
    Result {
        ok: Option<Box<ValueType>>,
        err: Option<Box<ValueType>>,
    },
    Flags(Vec<String>),
    /// A resource of the component's own, by its whole name, that the call gives away. Calls of a live instance carry it, and
    /// tasks do not.
    Own(String),
    /// As `Own`, lent for the call.
    Borrow(String),
    /// What cannot travel in a call: a resource of others, a stream, a future, in the words of WIT.
    Handle(String),
}

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionType {
    /// Its parameters, by name.
    pub params: Vec<(String, ValueType)>,
    /// What it returns, if anything.
    pub result: Option<ValueType>,
}

impl ValueType {
    /// The first part of it, at any depth, that is such a one.
    fn first(&self, is_such: fn(&Self) -> bool) -> Option<&Self> {
        match self {
            part if is_such(part) => Some(part),
            Self::List(element) | Self::Option(element) => element.first(is_such),
            Self::Record(fields) => fields.iter().find_map(|(_, ty)| ty.first(is_such)),
            Self::Tuple(types) => types.iter().find_map(|ty| ty.first(is_such)),
            Self::Variant(cases) => cases.iter().find_map(|(_, ty)| ty.as_ref()?.first(is_such)),
            Self::Result { ok, err } => [ok, err].into_iter().flatten().find_map(|ty| ty.first(is_such)),
            _ => None,
        }
    }
}

impl FunctionType {
    /// The first part of it that no task can carry.
    pub(crate) fn handle(&self) -> Option<&ValueType> {
        self.first(|ty| matches!(ty, ValueType::Own(_) | ValueType::Borrow(_) | ValueType::Handle(_)))
    }

    /// The first part of it that no call of a live instance can carry either.
    pub(crate) fn foreign_handle(&self) -> Option<&ValueType> {
        self.first(|ty| matches!(ty, ValueType::Handle(_)))
    }

    fn first(&self, is_such: fn(&ValueType) -> bool) -> Option<&ValueType> {
        self.params.iter().map(|(_, ty)| ty).chain(&self.result).find_map(|ty| ty.first(is_such))
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::S8 => f.write_str("s8"),
            Self::U8 => f.write_str("u8"),
            Self::S16 => f.write_str("s16"),
            Self::U16 => f.write_str("u16"),
            Self::S32 => f.write_str("s32"),
            Self::U32 => f.write_str("u32"),
            Self::S64 => f.write_str("s64"),
            Self::U64 => f.write_str("u64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Record(fields) => list(f, "record { ", fields, " }", |f, (name, ty)| write!(f, "{name}: {ty}")),
            Self::Tuple(types) => list(f, "tuple<", types, ">", |f, ty| write!(f, "{ty}")),
            Self::Variant(cases) => list(f, "variant { ", cases, " }", |f, (name, ty)| match ty {
                Some(ty) => write!(f, "{name}({ty})"),
                None => f.write_str(name),
            }),
            Self::Enum(names) => list(f, "enum { ", names, " }", |f, name| f.write_str(name)),
            Self::Option(some) => write!(f, "option<{some}>"),
            Self::Result { ok: None, err: None } => f.write_str("result"),
            Self::Result { ok: Some(ok), err: None } => write!(f, "result<{ok}>"),
            Self::Result { ok: None, err: Some(err) } => write!(f, "result<_, {err}>"),
            Self::Result { ok: Some(ok), err: Some(err) } => write!(f, "result<{ok}, {err}>"),
            Self::Flags(names) => list(f, "flags { ", names, " }", |f, name| f.write_str(name)),
            Self::Own(name) => write!(f, "own<{}>", short(name)),
            Self::Borrow(name) => write!(f, "borrow<{}>", short(name)),
            Self::Handle(kind) => f.write_str(kind),
        }
    }
}

/// `func(a: u32, b: u32) -> u32`
impl fmt::Display for FunctionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "func(", &self.params, ")", |f, (name, ty)| write!(f, "{name}: {ty}"))?;
        self.result.as_ref().map_or(Ok(()), |ty| write!(f, " -> {ty}"))
    }
}

/// `test:plain/things@1.2.0#thing` → `thing`
fn short(name: &str) -> &str {
    name.rsplit_once('#').map_or(name, |(_, short)| short)
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: &[T],
    close: &str,
    mut show: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(open)?;
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        show(f, item)?;
    }
    f.write_str(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_as_in_wit() {
        let point = ValueType::Record(vec![("x".into(), ValueType::F64), ("y".into(), ValueType::F64)]);
        let shape =
            ValueType::Variant(vec![("dot".into(), None), ("line".into(), Some(ValueType::List(Box::new(point))))]);
        let function = FunctionType {
            params: vec![("shape".into(), shape), ("times".into(), ValueType::U32)],
            result: Some(ValueType::Result { ok: None, err: Some(Box::new(ValueType::String)) }),
        };
        let shown =
            "func(shape: variant { dot, line(list<record { x: f64, y: f64 }>) }, times: u32) -> result<_, string>";
        assert_eq!(function.to_string(), shown);
    }

    #[test]
    fn handles_are_found_at_any_depth() {
        let deep = ValueType::Option(Box::new(ValueType::Tuple(vec![ValueType::Borrow("a:b/c#blob".into())])));
        let function = FunctionType { params: Vec::new(), result: Some(deep) };
        assert_eq!(function.handle().map(ToString::to_string).as_deref(), Some("borrow<blob>"));
        assert_eq!(function.foreign_handle(), None);
        let stream = ValueType::List(Box::new(ValueType::Handle("stream".into())));
        let function = FunctionType { params: vec![("of".into(), stream)], result: None };
        assert_eq!(function.foreign_handle(), Some(&ValueType::Handle("stream".into())));
    }
}
