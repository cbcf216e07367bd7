//! The exports of a component that never heard of isopool: its functions by their WIT names, and how they are called.

use super::contract::{Failure, FailureKind};
use super::guest::Guest;
use super::recognise::is_program;
use super::values::{BlockShape, Unfit, call, function_type};
use crate::limits::{MAX_COMPONENT_TYPES, MAX_FUNCTIONS};
use crate::task::{FunctionInfo, FunctionKind, FunctionType};
use std::collections::HashMap;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Instance};
use wasmtime::{Engine, Store};

/// The functions of one component.
pub(super) struct Exports {
    /// In the component's own order.
    all: Vec<Export>,
    by_name: HashMap<String, usize>,
    /// How many types there may be in further ones.
    types_left: usize,
}

struct Export {
    /// `score`, `my:pkg/math@1.0.0#add`.
    name: String,
    index: ComponentExportIndex,
    ty: FunctionType,
    shape: Option<BlockShape>,
}

impl Exports {
    /// Finds those whose names are wanted.
    ///
    /// # Errors
    /// In words: there are too many, or one has a type that is too large.
    pub(super) fn of(engine: &Engine, component: &Component, is_wanted: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut found = Self { all: Vec::new(), by_name: HashMap::new(), types_left: MAX_COMPONENT_TYPES };
        for (name, export) in component.component_type().exports(engine) {
            let Some(index) = component.get_export_index(None, name) else { continue };
            match export.ty {
                ComponentItem::ComponentFunc(function) if is_wanted(name) => {
                    found.add(name.to_owned(), index, &function)?;
                }
                ComponentItem::ComponentInstance(interface) => {
                    for (member, export) in interface.exports(engine) {
                        let whole = format!("{name}#{member}");
                        if let ComponentItem::ComponentFunc(function) = export.ty
                            && is_wanted(&whole)
                            && let Some(index) = component.get_export_index(Some(&index), member)
                        {
                            found.add(whole, index, &function)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn add(&mut self, name: String, index: ComponentExportIndex, function: &ComponentFunc) -> Result<(), String> {
        if self.all.len() >= MAX_FUNCTIONS {
            return Err(format!("it exports more than {MAX_FUNCTIONS} functions (limits::MAX_FUNCTIONS)"));
        }
        let ty = function_type(function, &mut self.types_left)
            .map_err(|problem| format!("the function `{name}` has {problem}"))?;
        let shape = BlockShape::of(&ty);
        self.by_name.insert(name.clone(), self.all.len());
        self.all.push(Export { name, index, ty, shape });
        Ok(())
    }

    /// What callers know of them.
    pub(super) fn describe(&self) -> Vec<FunctionInfo> {
        let describe = |export: &Export| FunctionInfo {
            name: export.name.clone(),
            signature: export.ty.to_string(),
            docs: String::new(),
            codecs: Vec::new(),
            kind: if is_program(&export.name) {
                FunctionKind::Program
            } else {
                FunctionKind::Export { ty: export.ty.clone(), blocks: export.shape.is_some() }
            },
        };
        self.all.iter().map(describe).collect()
    }

    /// Calls one of them, arguments and result as bytes.
    pub(super) async fn call(
        &self,
        instance: &Instance,
        store: &mut Store<Guest>,
        name: &str,
        argument: &[u8],
    ) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        let failure = |kind, message| Ok(Err(Failure { kind, message, trace: Vec::new() }));
        let Some(export) = self.by_name.get(name).map(|place| &self.all[*place]) else {
            return failure(FailureKind::UnknownFunction, String::new());
        };
        let Some(function) = instance.get_func(&mut *store, export.index) else {
            return failure(FailureKind::UnknownFunction, String::new());
        };
        // The arguments of a program are in its environment.
        let argument = if is_program(name) { &[] } else { argument };
        match call(function, &export.ty, export.shape, store, argument).await? {
            Ok(result) => Ok(Ok(result)),
            Err(Unfit::Argument(error)) => failure(FailureKind::ArgumentCodec, error.to_string()),
            Err(Unfit::Result(error)) => failure(FailureKind::ResultCodec, error.to_string()),
        }
    }
}
