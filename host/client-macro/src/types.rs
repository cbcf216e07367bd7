//! The types of a world's functions, as Rust's.

use crate::definitions::{self, Part};
use crate::functions::MAX_TUPLE;
use crate::names::{camel, ident};
use crate::world::{self, Exported, World};
use proc_macro2::{Ident, TokenStream as Tokens};
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};
use wit_parser::{Docs, Handle, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

/// What holds flags.
const MAX_FLAGS: usize = 64;

/// What there is in a type that no call can carry, or no type of Rust's.
pub(crate) fn unsupported(resolve: &Resolve, ty: &Type) -> Option<String> {
    let inside = |ty: &Type| unsupported(resolve, ty);
    let id = match ty {
        Type::Id(id) => id,
        Type::ErrorContext => return Some("an error-context".to_owned()),
        _ => return None,
    };
    match &resolve.types[*id].kind {
        TypeDefKind::Record(record) => record.fields.iter().find_map(|field| inside(&field.ty)),
        TypeDefKind::Tuple(tuple) if tuple.types.len() > MAX_TUPLE => {
            Some(format!("a tuple of more than {MAX_TUPLE} elements"))
        }
        TypeDefKind::Tuple(tuple) => tuple.types.iter().find_map(inside),
        TypeDefKind::Variant(variant) => variant.cases.iter().find_map(|case| case.ty.as_ref().and_then(inside)),
        TypeDefKind::Flags(flags) if flags.flags.len() > MAX_FLAGS => Some(format!("more than {MAX_FLAGS} flags")),
        TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => None,
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => inside(ty),
        TypeDefKind::Result(result) => [&result.ok, &result.err].into_iter().flatten().find_map(inside),
        TypeDefKind::Resource | TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) => {
            Some("a resource".to_owned())
        }
        other => Some(format!("a {}", other.as_str())),
    }
}

/// Those that have names, and that functions need.
pub(crate) struct Types<'a> {
    world: &'a World,
    seen: BTreeSet<TypeId>,
    modules: BTreeMap<Option<InterfaceId>, Vec<Tokens>>,
}

impl<'a> Types<'a> {
    pub(crate) fn of<'b>(world: &'a World, functions: impl Iterator<Item = &'b Exported<'b>>) -> Self {
        let mut types = Self { world, seen: BTreeSet::new(), modules: BTreeMap::new() };
        for exported in functions {
            types.modules.entry(exported.interface).or_default();
            let params = exported.function.params.iter().map(|param| &param.ty);
            params.chain(&exported.function.result).for_each(|ty| types.take(ty));
        }
        types
    }

    /// Those that have functions or types.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = InterfaceId> {
        self.modules.keys().filter_map(|interface| *interface)
    }

    pub(crate) fn of_module(&self, interface: Option<InterfaceId>) -> &[Tokens] {
        self.modules.get(&interface).map_or(&[], Vec::as_slice)
    }

    /// Takes a type, and what it is made of.
    fn take(&mut self, ty: &Type) {
        let Type::Id(id) = ty else { return };
        if !self.seen.insert(*id) {
            return;
        }
        let def = &self.world.resolve.types[*id];
        match &def.kind {
            TypeDefKind::Record(record) => record.fields.iter().for_each(|field| self.take(&field.ty)),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().for_each(|ty| self.take(ty)),
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().filter_map(|case| case.ty.as_ref()).for_each(|ty| self.take(ty));
            }
            TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => self.take(ty),
            TypeDefKind::Result(result) => [&result.ok, &result.err].into_iter().flatten().for_each(|ty| self.take(ty)),
            _ => {}
        }
        if let Some(name) = &def.name {
            let here = owner(def);
            let definition = self.definition(&ident(&camel(name)), def, here);
            self.modules.entry(here).or_default().push(definition);
        }
    }

    /// A type, as it is named in the module of an interface, or beside the client.
    pub(crate) fn rust(&self, ty: &Type, here: Option<InterfaceId>) -> Tokens {
        match ty {
            Type::Bool => quote!(bool),
            Type::U8 => quote!(u8),
            Type::U16 => quote!(u16),
            Type::U32 => quote!(u32),
            Type::U64 => quote!(u64),
            Type::S8 => quote!(i8),
            Type::S16 => quote!(i16),
            Type::S32 => quote!(i32),
            Type::S64 => quote!(i64),
            Type::F32 => quote!(f32),
            Type::F64 => quote!(f64),
            Type::Char => quote!(char),
            Type::String => quote!(::std::string::String),
            Type::ErrorContext => unreachable!("`unsupported` has it"),
            Type::Id(id) => {
                let def = &self.world.resolve.types[*id];
                match &def.name {
                    Some(name) => self.path(&ident(&camel(name)), owner(def), here),
                    None => self.without_name(&def.kind, here),
                }
            }
        }
    }

    fn path(&self, name: &Ident, owner: Option<InterfaceId>, here: Option<InterfaceId>) -> Tokens {
        if owner == here {
            return quote!(#name);
        }
        let up = here.map(|_| quote!(super::));
        let down = owner.map(|interface| {
            let module = ident(self.world.module(interface).unwrap_or_default());
            quote!(#module::)
        });
        quote!(#up #down #name)
    }

    fn without_name(&self, kind: &TypeDefKind, here: Option<InterfaceId>) -> Tokens {
        let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| quote!(()), |ty| self.rust(ty, here));
        match kind {
            TypeDefKind::List(Type::U8) => quote!(::isopool::Bytes),
            TypeDefKind::List(ty) => {
                let ty = self.rust(ty, here);
                quote!(::std::vec::Vec<#ty>)
            }
            TypeDefKind::Option(ty) => {
                let ty = self.rust(ty, here);
                quote!(::std::option::Option<#ty>)
            }
            TypeDefKind::Result(result) => {
                let (ok, err) = (maybe(&result.ok), maybe(&result.err));
                quote!(::std::result::Result<#ok, #err>)
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.rust(ty, here));
                quote!((#(#types,)*))
            }
            TypeDefKind::Type(ty) => self.rust(ty, here),
            other => unreachable!("a {} has a name, or `unsupported` has it", other.as_str()),
        }
    }

    fn definition(&self, name: &Ident, def: &TypeDef, here: Option<InterfaceId>) -> Tokens {
        let part = |name: &str, docs: &Docs, ty: Option<&Type>| Part {
            name: name.to_owned(),
            about: world::docs(docs),
            ty: ty.map(|ty| self.rust(ty, here)),
        };
        let about = world::docs(&def.docs);
        match &def.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| part(&field.name, &field.docs, Some(&field.ty)));
                definitions::record(name, &about, &fields.collect::<Vec<_>>())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| part(&case.name, &case.docs, case.ty.as_ref()));
                definitions::variant(name, &about, &cases.collect::<Vec<_>>())
            }
            TypeDefKind::Enum(names) => {
                let cases = names.cases.iter().map(|case| part(&case.name, &case.docs, None));
                definitions::enumeration(name, &about, &cases.collect::<Vec<_>>())
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter().map(|flag| part(&flag.name, &flag.docs, None));
                definitions::flags(name, &about, &flags.collect::<Vec<_>>())
            }
            other => {
                let ty = self.without_name(other, here);
                quote!(#[doc = #about] pub type #name = #ty;)
            }
        }
    }
}

fn owner(def: &TypeDef) -> Option<InterfaceId> {
    match def.owner {
        TypeOwner::Interface(interface) => Some(interface),
        TypeOwner::World(_) | TypeOwner::None => None,
    }
}
