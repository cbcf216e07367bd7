//! The host functions of an executor by their names, and which of them a module gets.

use super::function::Implementation;
use super::recorded::Recorded;
use crate::audit;
use crate::error::ModuleErrorKind;
use crate::limits::MAX_HOST_FUNCTIONS;
use crate::task::{FunctionType, GrantKind, HostFunctionInfo, ModuleInfo};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Namespaces whose interfaces isopool itself gives, or refuses.
const OWN: [&str; 2] = ["wasi:", "isopool:"];

/// The host functions of an executor.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostFunctions(BTreeMap<String, Arc<Implementation>>, Option<Recorded>);

/// Equal when they are the very same functions: two closures cannot be compared.
impl PartialEq for HostFunctions {
    fn eq(&self, other: &Self) -> bool {
        let mut both = self.0.iter().zip(&other.0);
        let same_log = match (&self.1, &other.1) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(&a.0, &b.0),
            _ => false,
        };
        same_log && self.0.len() == other.0.len() && both.all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1))
    }
}

impl Eq for HostFunctions {}

/// A host function that a module imports, and gets.
#[derive(Debug)]
pub(crate) struct Given {
    /// As the module imports it.
    pub(super) name: Arc<str>,
    pub(super) ty: Arc<FunctionType>,
    pub(super) function: Arc<Implementation>,
}

impl HostFunctions {
    /// The last function that is given for a name counts.
    pub(crate) fn insert(&mut self, name: String, function: Implementation) {
        self.0.insert(name, Arc::new(function));
    }

    /// Instead of all functions.
    pub(crate) fn recorded(recorded: Recorded) -> Self {
        Self(BTreeMap::new(), Some(recorded))
    }

    /// Checks the names.
    pub(crate) fn check(&self) -> Result<(), String> {
        for name in self.0.keys() {
            let mut parts = name.split('#');
            let has_form = parts.clone().count() <= 2 && parts.all(|part| !part.is_empty());
            if !has_form {
                return Err(format!(
                    "`{name}` is no name of a host function; it is the name of an interface and of a function in it, \
                     `my:pkg/host#lookup`, or that of a function alone"
                ));
            }
            if OWN.iter().any(|own| name.starts_with(own)) {
                return Err(format!(
                    "`{name}` cannot be a host function: isopool itself gives what is in that namespace"
                ));
            }
        }
        Ok(())
    }

    /// The function for an import: with its name, or with its name but for the version.
    fn find(&self, name: &str) -> Option<&Arc<Implementation>> {
        self.0.get(name).or_else(|| self.0.get(&without_version(name)))
    }

    /// Whether there is a function for an import, and it fits.
    pub(crate) fn gives(&self, import: &HostFunctionInfo) -> bool {
        self.give(import).is_ok()
    }

    /// What a module gets of what it imports: all of it, or nothing.
    pub(crate) fn given_to(
        &self,
        module: &ModuleInfo,
        plugin: audit::Plugin<'_>,
    ) -> Result<HashMap<String, Arc<Given>>, ModuleErrorKind> {
        let imports = &module.host_functions;
        if imports.len() > MAX_HOST_FUNCTIONS {
            let message = format!(
                "it imports {} host functions, the limit is {MAX_HOST_FUNCTIONS} (limits::MAX_HOST_FUNCTIONS)",
                imports.len()
            );
            return Err(ModuleErrorKind::Describe { message });
        }
        let give = |import: &HostFunctionInfo| {
            let given = self.give(import).inspect_err(|_| {
                audit::refused(None, plugin, GrantKind::HostFunction, &import.name, "imported, not given");
            })?;
            Ok((import.name.clone(), Arc::new(given)))
        };
        imports.iter().map(give).collect()
    }

    fn give(&self, import: &HostFunctionInfo) -> Result<Given, ModuleErrorKind> {
        let HostFunctionInfo { name, ty } = import;
        if let Some(Recorded(function)) = &self.1 {
            let function = Arc::clone(function);
            return Ok(Given { name: name.as_str().into(), ty: Arc::new(ty.clone()), function });
        }
        let Some(function) = self.find(name) else {
            return Err(ModuleErrorKind::UnknownImport { message: how_to_give(import) });
        };
        let (wanted, arity) = (ty.params.len(), function.arity);
        if wanted != arity {
            let arguments = if arity == 1 { "argument" } else { "arguments" };
            let message = format!("the module imports `{name}: {ty}`, and the function takes {arity} {arguments}");
            return Err(ModuleErrorKind::HostFunction { message });
        }
        Ok(Given { name: name.as_str().into(), ty: Arc::new(ty.clone()), function: Arc::clone(function) })
    }
}

fn how_to_give(import: &HostFunctionInfo) -> String {
    let HostFunctionInfo { name, ty } = import;
    format!(
        "`{name}: {ty}`; if the module may call it, give the executor a function for it with \
         host_function(\"{name}\", …)"
    )
}

/// `my:pkg/host@1.0.0#lookup` → `my:pkg/host#lookup`
fn without_version(name: &str) -> String {
    match name.split_once('#') {
        Some((interface, function)) => {
            let interface = interface.split_once('@').map_or(interface, |(interface, _)| interface);
            format!("{interface}#{function}")
        }
        None => name.to_owned(),
    }
}
