//! Functions that a component imports of its caller: what they are, and how a call goes out and comes back.

use super::guest::Guest;
use super::trap::cut;
use super::values::{BlockShape, Outgoing, function_type, passed, returned};
use crate::limits::MAX_COMPONENT_TYPES;
use crate::task::{FunctionType, HostAnswer, HostFault, HostFaultKind, HostFunctionInfo, Refusal, TaskId};
use crate::values::ValueError;
use std::fmt;
use std::sync::Arc;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, StoreContextMut};

/// The way to the caller, whose functions they are.
pub(crate) trait HostCalls: Send + Sync {
    /// Calls one, and waits for its answer, with what it returned.
    ///
    /// # Errors
    /// The caller is gone, or the channel to it is of no use any more.
    fn call(&self, task: TaskId, call: u64, function: &str, argument: &[u8])
    -> wasmtime::Result<(HostAnswer, Vec<u8>)>;
}

/// A call came to nothing: the engine carries this out of the guest.
#[derive(Debug)]
pub(super) struct EndedByHost(pub(super) HostFault);

impl fmt::Display for EndedByHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for EndedByHost {}

/// Namespaces of which no caller's function comes: what is not in `imports` is unknown there.
const OWN: [&str; 2] = ["wasi:", "isopool:"];

/// One import: its interface, if it has one, its name there, its type.
struct Import {
    interface: Option<String>,
    name: String,
    ty: FunctionType,
}

impl Import {
    fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What a component imports of its caller.
pub(super) fn imported(engine: &Engine, component: &Component) -> Result<Vec<HostFunctionInfo>, Refusal> {
    let imports = imports(engine, component).map_err(|message| Refusal::UnknownImport { message: cut(message) })?;
    Ok(imports.into_iter().map(|import| HostFunctionInfo { name: import.full_name(), ty: import.ty }).collect())
}

/// Whether it imports anything of its caller.
pub(super) fn has_any(engine: &Engine, component: &Component) -> bool {
    component.component_type().imports(engine).any(|(name, _)| !is_own(name))
}

fn is_own(name: &str) -> bool {
    OWN.iter().any(|own| name.starts_with(own))
}

fn imports(engine: &Engine, component: &Component) -> Result<Vec<Import>, String> {
    let (mut found, mut types_left) = (Vec::new(), MAX_COMPONENT_TYPES);
    let ty = component.component_type();
    for (name, import) in ty.imports(engine).filter(|(name, _)| !is_own(name)) {
        match import.ty {
            ComponentItem::ComponentFunc(function) => {
                found.push(Import {
                    interface: None,
                    name: name.to_owned(),
                    ty: checked_type(name, &function, &mut types_left)?,
                });
            }
            ComponentItem::ComponentInstance(interface) => {
                for (function, item) in interface.exports(engine) {
                    match item.ty {
                        ComponentItem::ComponentFunc(ty) => {
                            let ty = checked_type(&format!("{name}#{function}"), &ty, &mut types_left)?;
                            found.push(Import { interface: Some(name.to_owned()), name: function.to_owned(), ty });
                        }
                        // A name for a type of values.
                        ComponentItem::Type(_) => {}
                        _ => return Err(not_a_function(&format!("{name}#{function}"))),
                    }
                }
            }
            ComponentItem::Type(_) => {}
            _ => return Err(not_a_function(name)),
        }
    }
    Ok(found)
}

fn not_a_function(name: &str) -> String {
    format!("`{name}` is no function; a caller can give functions of values, and no resources")
}

fn checked_type(name: &str, function: &ComponentFunc, types_left: &mut usize) -> Result<FunctionType, String> {
    let ty = function_type(function, &[], types_left).map_err(|message| format!("`{name}` has {message}"))?;
    if function.async_() {
        return Err(format!("`{name}` is an async function, which the engine is not configured for"));
    }
    match ty.handle() {
        Some(handle) => Err(format!("`{name}: {ty}` has a {handle}, which cannot travel to the caller and back")),
        None => Ok(ty),
    }
}

/// A linker that also has what a component imports of its caller; `None` if it imports nothing.
pub(super) fn linker(
    base: &Linker<Guest>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<Option<Linker<Guest>>> {
    let imports = imports(engine, component).map_err(wasmtime::Error::msg)?;
    if imports.is_empty() {
        return Ok(None);
    }
    let mut linker = base.clone();
    for import in imports {
        let (name, ty): (Arc<str>, _) = (import.full_name().into(), import.ty);
        let mut place = match &import.interface {
            Some(interface) => linker.instance(interface)?,
            None => linker.root(),
        };
        let call = CallOut { name };
        if let Some(shape) = BlockShape::of(&ty) {
            shape.import(&mut place, &import.name, call)?;
            continue;
        }
        place.func_new(&import.name, move |mut store: StoreContextMut<'_, Guest>, _, arguments, results| {
            call.call(store.data_mut(), passed(&ty, arguments), |bytes| {
                if let (Some(place), Some(ty)) = (results.first_mut(), &ty.result) {
                    *place = returned(ty, bytes)?;
                }
                Ok(())
            })
        })?;
    }
    Ok(Some(linker))
}

/// Calls of one host function.
struct CallOut {
    name: Arc<str>,
}

impl Outgoing for CallOut {
    fn call<R>(
        &self,
        guest: &mut Guest,
        argument: Result<Vec<u8>, ValueError>,
        read: impl FnOnce(&[u8]) -> Result<R, ValueError>,
    ) -> wasmtime::Result<R> {
        let bytes = guest.called().call_host(&self.name, argument)?;
        read(&bytes).map_err(|error| fault(&self.name, HostFaultKind::WrongType, error.to_string()))
    }
}

/// A call that came to nothing.
fn fault(function: &str, kind: HostFaultKind, message: String) -> wasmtime::Error {
    wasmtime::Error::new(EndedByHost(HostFault::new(function, kind, message)))
}

impl Guest {
    /// Calls a host function, and waits for what it returns.
    fn call_host(&mut self, function: &str, argument: Result<Vec<u8>, ValueError>) -> wasmtime::Result<Vec<u8>> {
        let fault = |kind, message| fault(function, kind, message);
        let Some(task) = self.task() else {
            let message = "only a task can call host functions; this is none (an initializer, say)".to_owned();
            return Err(fault(HostFaultKind::Refused, message));
        };
        let limit = self.settings.max_host_function_calls;
        if self.host_function_calls >= limit {
            let message = format!(
                "the task has called host functions {limit} times, and may not call them more often; raise it with \
                 max_host_function_calls()"
            );
            return Err(fault(HostFaultKind::TooMany, message));
        }
        let argument = argument.map_err(|error| fault(HostFaultKind::WrongType, error.to_string()))?;
        let (size, limit) = (argument.len() as u64, self.settings.max_host_function_bytes);
        if size > limit {
            let message = format!(
                "its arguments have {size} bytes, the limit is {limit}; raise it with max_host_function_bytes()"
            );
            return Err(fault(HostFaultKind::TooLarge, message));
        }
        self.host_function_calls += 1;
        let link = Arc::clone(&self.settings.host);
        match link.call(task, self.host_function_calls, function, &argument)? {
            (HostAnswer::Returned, bytes) => Ok(bytes),
            (HostAnswer::Fault(fault), _) => Err(EndedByHost(fault).into()),
        }
    }
}
