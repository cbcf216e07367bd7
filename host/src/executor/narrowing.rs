//! What a task is given: what its executor and its caller grant, and of that what its module's manifest asks for.

use super::handle::Executor;
use super::loaded_module::Module;
use super::task::Task;
use crate::audit;
use crate::error::{Error, ErrorKind};
use crate::ipc::RunOptions;
use crate::limits::MAX_ADDRESS_GRANTS;
use crate::module::Prepared;
use crate::task::{
    Access, AddressGrant, Class, Decision, DirectoryGrant, FunctionKind, GrantKind, Grants, HostFunctionInfo, Manifest,
    ModuleInfo,
};
use std::sync::Arc;

/// What a task that may be sent is given.
#[derive(Default)]
pub(super) struct Given {
    pub(super) class: Arc<Class>,
    /// In place of the task's own.
    pub(super) own: Option<RunOptions>,
    /// Empty while nobody wants to know.
    pub(super) decisions: Vec<Decision>,
}

/// What a task would be given without a manifest.
struct Offer<'a> {
    class: &'a Class,
    /// The executor's, without what the task has of its own.
    environment: &'a [(String, String)],
    arguments: &'a [String],
    own: &'a RunOptions,
    /// How many of the task's own arguments are its name.
    name: usize,
}

/// What is left of it.
#[derive(Default)]
struct Narrowed {
    class: Class,
    own: RunOptions,
    decisions: Vec<Decision>,
    /// The first thing that is required, and nobody has granted.
    missing: Option<Missing>,
}

struct Missing {
    kind: GrantKind,
    name: String,
    /// How to grant it.
    remedy: String,
}

impl Executor {
    /// What a module's tasks are given here: each thing that its [manifest](Module::manifest) asks for or this executor grants, with
    /// what becomes of it. Without a manifest, all that is granted. What a task is granted of its own is not known here.
    ///
    /// ```
    /// use guest_basic::value::add; // a package without a manifest
    /// use isopool::{Executor, GrantKind};
    ///
    /// let executor = Executor::builder().max_workers(1).env("LANG", "C").build()?;
    /// let decisions = executor.decisions(&executor.module_of(add::task(2, 3))?);
    /// assert_eq!((decisions[0].kind, &*decisions[0].name), (GrantKind::Variable, "LANG"));
    /// assert!(decisions[0].granted && decisions[0].why == "no manifest");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decisions(&self, module: &Module) -> Vec<Decision> {
        self.decisions_of(&module.prepared.info)
    }

    pub(super) fn decisions_of(&self, info: &ModuleInfo) -> Vec<Decision> {
        let own = RunOptions::default();
        let narrowed = decided(info, &self.offer(&self.inner.class, &own, 0));
        let imports = info.host_functions.iter().map(|import| imported(import, self.inner.library.gives(import)));
        narrowed.decisions.into_iter().chain(imports).collect()
    }

    /// What a task of a module is given.
    ///
    /// # Errors
    /// Its manifest requires what nobody has granted.
    pub(super) fn given<A, R>(
        &self,
        module: &Prepared,
        task: &Task<A, R>,
        class: Arc<Class>,
        kind: &FunctionKind,
    ) -> Result<Given, Error> {
        let is_heard = audit::is_heard();
        if module.info.manifest.is_none() && !is_heard {
            return Ok(Given { class, ..Given::default() });
        }
        let none = RunOptions::default();
        let own = task.options.as_deref().unwrap_or(&none);
        let has_own = task.asked.is_some() || !own.environment.is_empty() || !own.arguments.is_empty();
        if let Some(class) = module.class.get().filter(|_| !has_own && !is_heard) {
            return Ok(Given { class: Arc::clone(class), ..Given::default() });
        }
        let name = usize::from(matches!(kind, FunctionKind::Program)).min(own.arguments.len());
        let Narrowed { class: left, own: own_left, mut decisions, missing } =
            decided(&module.info, &self.offer(&class, own, name));
        if let Some(missing) = missing {
            return Err(refused(module, missing));
        }
        if left.grants.addresses.len() > MAX_ADDRESS_GRANTS {
            let count = left.grants.addresses.len();
            let name = module.display_name();
            return Err(Error::invalid(format!(
                "what module {name} asks for and what is granted have {count} ranges of addresses in common, the limit is \
                 {MAX_ADDRESS_GRANTS}; grant fewer, that are wider"
            )));
        }
        // The executor's own class is known at a glance.
        let class = if left == *class { class } else { Arc::new(left) };
        if !has_own && module.info.manifest.is_some() {
            // Found by two at the same time, it is the same.
            let _ = module.class.set(Arc::clone(&class));
        }
        if is_heard {
            decisions.extend(module.info.host_functions.iter().map(|import| imported(import, true)));
        } else {
            decisions.clear();
        }
        Ok(Given { class, own: has_own.then_some(own_left), decisions })
    }

    fn offer<'a>(&'a self, class: &'a Class, own: &'a RunOptions, name: usize) -> Offer<'a> {
        let options = &self.inner.options;
        Offer { class, environment: &options.environment, arguments: &options.arguments, own, name }
    }
}

/// What becomes of all that is asked for or granted, imports left aside.
fn decided(info: &ModuleInfo, offer: &Offer<'_>) -> Narrowed {
    match &info.manifest {
        Some(manifest) => narrow(manifest, offer),
        None => everything(offer),
    }
}

/// To import a function is to ask for it.
fn imported(import: &HostFunctionInfo, is_given: bool) -> Decision {
    let why = if is_given { "imported" } else { "imported, not given" };
    Decision { kind: GrantKind::HostFunction, name: import.name.clone(), granted: is_given, why }
}

/// Something is required, and nobody has granted it.
fn refused(module: &Prepared, Missing { kind, name, remedy }: Missing) -> Error {
    audit::refused(None, module.plugin(), kind, &name, REQUIRED);
    let module = module.display_name();
    let message =
        format!("module {module} requires the {kind} `{name}`, and that is not granted; if it may have it, {remedy}");
    Error::new(ErrorKind::NotGranted, message)
}

impl Offer<'_> {
    /// The names of all variables, each once.
    fn variables(&self) -> impl Iterator<Item = &String> {
        let own = self.own.environment.iter();
        let is_own = move |name: &String| own.clone().any(|(other, _)| other == name);
        let of_executor = self.environment.iter().map(|(name, _)| name).filter(move |name| !is_own(name));
        of_executor.chain(self.own.environment.iter().map(|(name, _)| name))
    }

    fn has_arguments(&self) -> bool {
        !self.arguments.is_empty() || self.own.arguments.len() > self.name
    }
}

/// A module without a manifest is given all there is.
fn everything(offer: &Offer<'_>) -> Narrowed {
    let mut left = Narrowed { class: offer.class.clone(), own: offer.own.clone(), ..Narrowed::default() };
    let why = "no manifest";
    let Grants { directories, addresses } = &offer.class.grants;
    directories.iter().for_each(|directory| left.decide(GrantKind::Directory, &directory.guest, true, why));
    offer.variables().for_each(|name| left.decide(GrantKind::Variable, name, true, why));
    addresses.iter().for_each(|address| left.decide(GrantKind::Address, &address.to_string(), true, why));
    if offer.has_arguments() {
        left.decide(GrantKind::Arguments, "", true, why);
    }
    left
}

/// What is granted and asked for.
fn narrow(manifest: &Manifest, offer: &Offer<'_>) -> Narrowed {
    let mut left = Narrowed::default();
    left.class.tenant.clone_from(&offer.class.tenant);
    left.own.clone_from(offer.own);
    left.directories(manifest, &offer.class.grants.directories);
    left.variables(manifest, offer);
    left.addresses(manifest, &offer.class.grants.addresses);
    left.arguments(manifest, offer);
    left
}

const NOT_REQUESTED: &str = "not requested";
const NOT_GRANTED: &str = "requested, not granted";
const REQUIRED: &str = "required, not granted";
const BOTH: &str = "requested and granted";

impl Narrowed {
    fn decide(&mut self, kind: GrantKind, name: &str, granted: bool, why: &'static str) {
        self.decisions.push(Decision { kind, name: name.to_owned(), granted, why });
    }

    /// Something that is asked for is not granted.
    fn lacks(&mut self, kind: GrantKind, name: &str, is_required: bool, remedy: impl FnOnce() -> String) {
        self.decide(kind, name, false, if is_required { REQUIRED } else { NOT_GRANTED });
        if is_required && self.missing.is_none() {
            self.missing = Some(Missing { kind, name: name.to_owned(), remedy: remedy() });
        }
    }

    fn directories(&mut self, manifest: &Manifest, granted: &[DirectoryGrant]) {
        for grant in granted {
            // What is nearest says how it is used.
            let requests = manifest.directories.iter().filter(|request| request.covers(&grant.guest));
            let Some(request) = requests.max_by_key(|request| request.path.len()) else {
                self.decide(GrantKind::Directory, &grant.guest, false, NOT_REQUESTED);
                continue;
            };
            let (access, why) = match (request.access, grant.access) {
                (Access::ReadWrite, Access::ReadWrite) => (Access::ReadWrite, BOTH),
                (Access::ReadOnly, Access::ReadWrite) => (Access::ReadOnly, "requested to read only"),
                (Access::ReadWrite, Access::ReadOnly) => (Access::ReadOnly, "granted to read only"),
                (Access::ReadOnly, Access::ReadOnly) => (Access::ReadOnly, BOTH),
            };
            self.decide(GrantKind::Directory, &grant.guest, true, why);
            self.class.grants.directories.push(DirectoryGrant { access, ..grant.clone() });
        }
        for request in &manifest.directories {
            let is_enough = |access: Access| request.access == Access::ReadOnly || access == Access::ReadWrite;
            let given = granted.iter().filter(|grant| request.covers(&grant.guest));
            let is_met = if request.required {
                given.clone().any(|grant| is_enough(grant.access))
            } else {
                given.clone().next().is_some()
            };
            if !is_met {
                self.lacks(GrantKind::Directory, &request.path, request.required, || {
                    how_to_preopen(&request.path, request.access)
                });
            }
        }
    }

    fn variables(&mut self, manifest: &Manifest, offer: &Offer<'_>) {
        for name in offer.variables() {
            let asked = manifest.asks_for_variable(name);
            self.decide(GrantKind::Variable, name, asked, if asked { BOTH } else { NOT_REQUESTED });
        }
        let of_executor = offer.environment.iter().map(|(name, _)| name);
        self.class.withheld.variables = of_executor.filter(|name| !manifest.asks_for_variable(name)).cloned().collect();
        self.own.environment.retain(|(name, _)| manifest.asks_for_variable(name));
        for request in &manifest.variables {
            if !offer.variables().any(|name| *name == request.name) {
                self.lacks(GrantKind::Variable, &request.name, request.required, || {
                    format!("give it a value with env({0:?}, …), at a shell --env {0}=…", request.name)
                });
            }
        }
    }

    fn addresses(&mut self, manifest: &Manifest, granted: &[AddressGrant]) {
        for grant in granted {
            let common = manifest.addresses.iter().filter_map(|request| request.to.common(grant));
            let common: Vec<AddressGrant> = common.collect();
            if common.is_empty() {
                self.decide(GrantKind::Address, &grant.to_string(), false, NOT_REQUESTED);
            }
            for both in common {
                let addresses = &mut self.class.grants.addresses;
                if !addresses.contains(&both) {
                    addresses.push(both);
                    self.decide(GrantKind::Address, &both.to_string(), true, BOTH);
                }
            }
        }
        for request in &manifest.addresses {
            let is_met = granted.iter().filter_map(|grant| grant.common(&request.to));
            let is_met = if request.required {
                is_met.clone().any(|both| both == request.to)
            } else {
                is_met.clone().next().is_some()
            };
            if !is_met {
                let name = request.to.to_string();
                self.lacks(GrantKind::Address, &name, request.required, || {
                    format!("grant all of it with allow_address(), at a shell --allow {name}")
                });
            }
        }
    }

    fn arguments(&mut self, manifest: &Manifest, offer: &Offer<'_>) {
        let (asked, has) = (manifest.arguments, offer.has_arguments());
        if !asked {
            self.class.withheld.arguments = !offer.arguments.is_empty();
            self.own.arguments.truncate(offer.name);
        }
        match (asked, has) {
            (true, true) => self.decide(GrantKind::Arguments, "", true, BOTH),
            (false, true) => self.decide(GrantKind::Arguments, "", false, NOT_REQUESTED),
            (true, false) => self.decide(GrantKind::Arguments, "", false, NOT_GRANTED),
            (false, false) => {}
        }
    }
}

fn how_to_preopen(path: &str, access: Access) -> String {
    let word = match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    };
    format!("grant it with preopen(…, {path:?}, Access::{access:?}), at a shell --dir …:{path}:{word}")
}
