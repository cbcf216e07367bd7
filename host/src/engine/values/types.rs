//! The engine's types as types that travel.

use crate::limits::{MAX_COMPONENT_TYPES, MAX_SIGNATURE_TYPES, MAX_TYPE_DEPTH};
use crate::task::{FunctionType, ValueType};
use wasmtime::component::ResourceType;
use wasmtime::component::types::{ComponentFunc, Type};

/// The type of a function; an error in words if it is larger than any that a person writes. `left` is how many types all of its
/// component may still have.
pub(in crate::engine) fn function_type(
    function: &ComponentFunc,
    resources: &[(ResourceType, String)],
    left: &mut usize,
) -> Result<FunctionType, String> {
    let mut walk = Walk { resources, left: MAX_SIGNATURE_TYPES, left_of_all: left };
    let params = function.params().map(|(name, ty)| Ok((name.to_owned(), walk.part(&ty, 0)?)));
    let params = params.collect::<Result<_, String>>()?;
    let result = function.results().next().map(|ty| walk.part(&ty, 0)).transpose()?;
    Ok(FunctionType { params, result })
}

/// Types share their parts, and a tree does not: a signature of some lines may be a tree of billions.
struct Walk<'a> {
    /// Those of the component's own, by their whole names.
    resources: &'a [(ResourceType, String)],
    left: usize,
    left_of_all: &'a mut usize,
}

impl Walk<'_> {
    fn count(&mut self, types: usize) -> Result<(), String> {
        let Some(left) = self.left.checked_sub(types) else {
            return Err(format!(
                "more than {MAX_SIGNATURE_TYPES} types in its signature (limits::MAX_SIGNATURE_TYPES)"
            ));
        };
        let Some(left_of_all) = self.left_of_all.checked_sub(types) else {
            return Err(format!(
                "types that make more than {MAX_COMPONENT_TYPES} of those of all functions (limits::MAX_COMPONENT_TYPES)"
            ));
        };
        (self.left, *self.left_of_all) = (left, left_of_all);
        Ok(())
    }

    fn boxed(&mut self, ty: &Type, depth: usize) -> Result<Box<ValueType>, String> {
        self.part(ty, depth).map(Box::new)
    }

    fn maybe(&mut self, ty: Option<Type>, depth: usize) -> Result<Option<ValueType>, String> {
        ty.map(|ty| self.part(&ty, depth)).transpose()
    }

    fn part(&mut self, ty: &Type, depth: usize) -> Result<ValueType, String> {
        self.count(1)?;
        if depth > MAX_TYPE_DEPTH {
            return Err(format!("types nested more than {MAX_TYPE_DEPTH} deep (limits::MAX_TYPE_DEPTH)"));
        }
        let depth = depth + 1;
        Ok(match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(list) => ValueType::List(self.boxed(&list.ty(), depth)?),
            Type::Record(record) => {
                let fields = record.fields().map(|field| Ok((field.name.to_owned(), self.part(&field.ty, depth)?)));
                ValueType::Record(fields.collect::<Result<_, String>>()?)
            }
            Type::Tuple(tuple) => {
                ValueType::Tuple(tuple.types().map(|ty| self.part(&ty, depth)).collect::<Result<_, _>>()?)
            }
            Type::Variant(variant) => {
                let cases = variant.cases().map(|case| Ok((case.name.to_owned(), self.maybe(case.ty, depth)?)));
                ValueType::Variant(cases.collect::<Result<_, String>>()?)
            }
            Type::Enum(names) => ValueType::Enum(self.names(names.names())?),
            Type::Option(option) => ValueType::Option(self.boxed(&option.ty(), depth)?),
            Type::Result(result) => ValueType::Result {
                ok: self.maybe(result.ok(), depth)?.map(Box::new),
                err: self.maybe(result.err(), depth)?.map(Box::new),
            },
            Type::Flags(names) => ValueType::Flags(self.names(names.names())?),
            other => self.handle(other),
        })
    }

    fn handle(&self, ty: &Type) -> ValueType {
        let named = match ty {
            Type::Own(resource) => self.name(resource).map(ValueType::Own),
            Type::Borrow(resource) => self.name(resource).map(ValueType::Borrow),
            _ => None,
        };
        named.unwrap_or_else(|| ValueType::Handle(handle_name(ty).to_owned()))
    }

    fn name(&self, resource: &ResourceType) -> Option<String> {
        self.resources.iter().find(|(ty, _)| ty == resource).map(|(_, name)| name.clone())
    }

    fn names<'a>(&mut self, names: impl ExactSizeIterator<Item = &'a str>) -> Result<Vec<String>, String> {
        self.count(names.len())?;
        Ok(names.map(str::to_owned).collect())
    }
}

/// What no call can carry, in the words of WIT.
fn handle_name(ty: &Type) -> &'static str {
    match ty {
        Type::Own(_) => "own<resource>",
        Type::Borrow(_) => "borrow<resource>",
        Type::Future(_) => "future",
        Type::Stream(_) => "stream",
        Type::ErrorContext => "error-context",
        Type::Map(_) => "map",
        _ => "list of fixed length",
    }
}
