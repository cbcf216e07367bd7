//! The exports of a component that never heard of isopool: its functions by their WIT names, and how they are called.

use super::contract::{Failure, FailureKind};
use super::guest::Guest;
use super::recognise::is_program;
use super::values::{BlockShape, Unfit, call, drop_resource, function_type};
use crate::limits::{MAX_COMPONENT_TYPES, MAX_FUNCTIONS};
use crate::task::{Failure as Failed, FunctionInfo, FunctionKind, FunctionType, ValueType};
use crate::values::{NoValue, decode_result};
use serde::de::IgnoredAny;
use std::collections::HashMap;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Instance, ResourceType};
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
    /// `None`: it drops a resource.
    index: Option<ComponentExportIndex>,
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
        let resources = found.add_resources(engine, component, &is_wanted)?;
        for (name, export) in component.component_type().exports(engine) {
            let Some(index) = component.get_export_index(None, name) else { continue };
            match export.ty {
                ComponentItem::ComponentFunc(function) if is_wanted(name) => {
                    found.add(name.to_owned(), index, &function, &resources)?;
                }
                ComponentItem::ComponentInstance(interface) => {
                    for (member, export) in interface.exports(engine) {
                        let whole = format!("{name}#{member}");
                        if let ComponentItem::ComponentFunc(function) = export.ty
                            && is_wanted(&whole)
                            && let Some(index) = component.get_export_index(Some(&index), member)
                        {
                            found.add(whole, index, &function, &resources)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The resources that a component has of its own, by their whole names; to drop one is a function of it too.
    fn add_resources(
        &mut self,
        engine: &Engine,
        component: &Component,
        is_wanted: &impl Fn(&str) -> bool,
    ) -> Result<Vec<(ResourceType, String)>, String> {
        let mut resources: Vec<(ResourceType, String)> = Vec::new();
        let imported = imported_resources(engine, component);
        let mut found = |resource, interface: &str, name: &str| {
            let drop = format!("{interface}[resource-drop]{name}");
            let whole = format!("{interface}{name}");
            let is_known = imported.contains(&resource) || resources.iter().any(|(other, _)| *other == resource);
            if is_known || !is_wanted(&drop) {
                return Ok(());
            }
            resources.push((resource, whole.clone()));
            let params = vec![("self".to_owned(), ValueType::Own(whole))];
            self.push(Export { name: drop, index: None, ty: FunctionType { params, result: None }, shape: None })
        };
        for (name, export) in component.component_type().exports(engine) {
            match export.ty {
                ComponentItem::Resource(resource) => found(resource, "", name)?,
                ComponentItem::ComponentInstance(interface) => {
                    for (member, export) in interface.exports(engine) {
                        if let ComponentItem::Resource(resource) = export.ty {
                            found(resource, &format!("{name}#"), member)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(resources)
    }

    fn add(
        &mut self,
        name: String,
        index: ComponentExportIndex,
        function: &ComponentFunc,
        resources: &[(ResourceType, String)],
    ) -> Result<(), String> {
        let ty = function_type(function, resources, &mut self.types_left)
            .map_err(|problem| format!("the function `{name}` has {problem}"))?;
        let shape = BlockShape::of(&ty);
        self.push(Export { name, index: Some(index), ty, shape })
    }

    fn push(&mut self, export: Export) -> Result<(), String> {
        if self.all.len() >= MAX_FUNCTIONS {
            return Err(format!("it exports more than {MAX_FUNCTIONS} functions (limits::MAX_FUNCTIONS)"));
        }
        self.by_name.insert(export.name.clone(), self.all.len());
        self.all.push(export);
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

    /// What a call of one of them that returned has failed with, if its result is the error of a `result`.
    pub(super) fn failure(&self, name: &str, result: &[u8]) -> Option<Failed> {
        let export = &self.all[*self.by_name.get(name)?];
        match decode_result::<IgnoredAny>(export.ty.result.as_ref(), result) {
            Err(NoValue::Failed(failure)) => Some(failure),
            _ => None,
        }
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
        // The arguments of a program are in its environment.
        let argument = if is_program(name) { &[] } else { argument };
        let called = match export.index {
            None => drop_resource(&export.ty, store, argument).await?,
            Some(index) => {
                let Some(function) = instance.get_func(&mut *store, index) else {
                    return failure(FailureKind::UnknownFunction, String::new());
                };
                call(function, &export.ty, export.shape, store, argument).await?
            }
        };
        match called {
            Ok(result) => Ok(Ok(result)),
            Err(Unfit::Argument(error)) => failure(FailureKind::ArgumentCodec, error.to_string()),
            Err(Unfit::Result(error)) => failure(FailureKind::ResultCodec, error.to_string()),
        }
    }
}

/// An interface that uses a resource of the host exports its type again, and it is the host's all the same.
fn imported_resources(engine: &Engine, component: &Component) -> Vec<ResourceType> {
    let mut found = Vec::new();
    for (_, import) in component.component_type().imports(engine) {
        match import.ty {
            ComponentItem::Resource(resource) => found.push(resource),
            ComponentItem::ComponentInstance(interface) => {
                found.extend(interface.exports(engine).filter_map(|(_, item)| match item.ty {
                    ComponentItem::Resource(resource) => Some(resource),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    found
}
