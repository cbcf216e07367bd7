//! From a module's bytes to machine code and a description of it. Runs in a compile worker, which may be killed.

use super::guest::{Own, Purview};
use super::host_functions;
use super::instance::GuestEngine;
use super::manifest::manifest;
use super::recognise;
use super::snapshot::initialized;
use super::trap::{cut, error_outcome};
use crate::limits::{MAX_FUNCTIONS, MAX_MESSAGE_FRAME_BYTES};
use crate::task::{FunctionInfo, FunctionKind, InitializerCall, Manifest, ModuleInfo, Outcome, Refusal};
use std::collections::HashSet;
use wasmtime::component::Component;

/// A compiled module.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) info: ModuleInfo,
    /// What `Component::deserialize_file` takes.
    pub(crate) machine_code: Vec<u8>,
}

/// Compiles a module, runs its initializer if there is one, and asks it for its functions.
pub(crate) fn compile(
    engine: &GuestEngine,
    wasm: &[u8],
    initializer: Option<&InitializerCall>,
) -> Result<Artifact, Refusal> {
    let manifest = manifest(wasm)?;
    let wasm = recognise::component(wasm)?;
    let component = match initializer {
        None => new_component(engine, &wasm)?,
        Some(call) => new_component(engine, &initialized(engine, &wasm, call, manifest.as_ref())?)?,
    };
    let ty = component.component_type();
    let exports: Vec<String> = ty.exports(engine.engine()).map(|(name, _)| name.to_owned()).collect();
    let imports: Vec<String> = ty.imports(engine.engine()).map(|(name, _)| name.to_owned()).collect();
    let names = exports.iter().map(String::as_str);
    let is_task_module = recognise::is_task_module(names.clone());
    let contract = if is_task_module { recognise::contract_version(names.clone())? } else { String::new() };
    let host_functions = host_functions::imported(engine.engine(), &component)?;
    let functions = functions(engine, &component)?;
    let can_be_called = |function: &FunctionInfo| function.is_callable() || function.needs_live_instance();
    if !is_task_module && !functions.iter().any(can_be_called) {
        return Err(recognise::other_world(names));
    }
    let machine_code =
        component.serialize().map_err(|error| Refusal::Compile { message: cut(format!("{error:#}")) })?;
    let compiled_bytes = machine_code.len() as u64;
    let info = ModuleInfo { contract, functions, imports, exports, host_functions, compiled_bytes, manifest };
    check_text_size(&info)?;
    Ok(Artifact { info, machine_code })
}

/// Compiles the bytes of a component.
pub(super) fn new_component(engine: &GuestEngine, wasm: &[u8]) -> Result<Component, Refusal> {
    Component::new(engine.engine(), wasm).map_err(|error| {
        let message = cut(format!("{error:#}"));
        // What the parser says is the module's fault; anything else is the engine's limit. A component that was cut
        // short is found by the engine itself before the parser sees it.
        let is_parsers = error.downcast_ref::<wasmparser::BinaryReaderError>().is_some();
        if is_parsers || message.starts_with("failed to parse WebAssembly module") {
            Refusal::Invalid { message }
        } else {
            Refusal::Compile { message: with_name_of_limit(message) }
        }
    })
}

/// The engine counts the parts of a component and says how many there are and how many there may be; not where that comes from.
fn with_name_of_limit(message: String) -> String {
    let parts = [
        ("core module instances, which exceeds", "MAX_CORE_INSTANCES"),
        ("memories, which exceeds", "MAX_MEMORIES"),
        ("defined memories count", "MAX_MEMORIES"),
        ("tables, which exceeds", "MAX_TABLES"),
        ("defined tables count", "MAX_TABLES"),
    ];
    let limit = parts.iter().find(|(words, _)| message.contains(words));
    match limit {
        Some((_, limit)) => cut(format!("{message}: limits::{limit}, which no option raises; build it of fewer parts")),
        None => message,
    }
}

fn functions(engine: &GuestEngine, component: &Component) -> Result<Vec<FunctionInfo>, Refusal> {
    let describe = |message: String| Refusal::Describe { message: cut(message) };
    let pre = engine.link(component).map_err(unknown_import)?;
    let prepared = engine.prepare(pre).map_err(|error| describe(format!("{error:#}")))?;
    let of_exports = prepared.exports().describe();
    if !prepared.has_runner() {
        return Ok(of_exports);
    }
    let mut instance = engine.instance(Own::default(), engine.seed_of_no_task()).map_err(describe)?;
    let purview = Purview::of_no_task("functions", &engine.settings);
    instance.store.data_mut().begin(&purview);
    let listed = engine.wait(instance.functions(&prepared));
    instance.store.data_mut().end();
    let listed = listed.map_err(|error| describe(tell(error_outcome(&error, instance.store.data_mut()))))?;
    if listed.len() > MAX_FUNCTIONS {
        return Err(describe(format!("it lists {} functions; the limit is {MAX_FUNCTIONS}", listed.len())));
    }
    let mut names = HashSet::new();
    if let Some(twice) = listed.iter().find(|function| !names.insert(function.name.as_str())) {
        return Err(describe(format!("it lists the function `{}` twice", twice.name)));
    }
    let info = |function: super::contract::Function| FunctionInfo {
        name: function.name,
        signature: function.signature,
        docs: function.docs,
        codecs: function.codecs,
        kind: FunctionKind::Task,
    };
    Ok(listed.into_iter().map(info).chain(of_exports).collect())
}

/// The engine names the import and what it wanted there.
pub(super) fn unknown_import(error: wasmtime::Error) -> Refusal {
    Refusal::UnknownImport { message: cut(format!("{error:#}")) }
}

/// The description must fit into one message.
fn check_text_size(info: &ModuleInfo) -> Result<(), Refusal> {
    let of_functions = info.functions.iter().flat_map(|function| {
        let FunctionInfo { name, signature, docs, codecs, kind: _ } = function;
        // Twice: the types of a plain export take no more than their text.
        [name, signature, signature, docs].into_iter().chain(codecs)
    });
    let of_host = info.host_functions.iter().map(|import| import.name.len() + import.ty.to_string().len() + 9);
    let of_manifest = info.manifest.as_ref().map_or(0, Manifest::text_bytes);
    let bytes: usize =
        of_functions.chain(&info.imports).chain(&info.exports).map(|text| text.len() + 9).chain(of_host).sum();
    let limit = MAX_MESSAGE_FRAME_BYTES / 2;
    let bytes = bytes + of_manifest;
    if bytes > limit {
        let message = format!("its description takes {bytes} bytes; the limit is {limit}");
        return Err(Refusal::Describe { message });
    }
    Ok(())
}

/// An outcome in one text, for refusals.
pub(super) fn tell(outcome: Outcome) -> String {
    match outcome {
        Outcome::Returned => "it returned".to_owned(),
        Outcome::Failed(failure) => with_trace(failure.message, &failure.trace),
        Outcome::Panicked(panic) => match panic.location {
            Some(location) => format!("it panicked at {location}: {}", panic.message),
            None => format!("it panicked: {}", panic.message),
        },
        Outcome::Codec(failure) => format!("{} does not decode: {}", failure.side, failure.message),
        Outcome::Trapped(trap) => with_trace(format!("it trapped: {}", trap.message), &trap.backtrace),
        Outcome::OutOfMemory { limit, .. } => format!("it asked for more memory than its limit of {limit} bytes"),
        Outcome::ResultTooLarge { limit, .. } => format!("it returned more bytes than the limit of {limit}"),
        Outcome::ModuleFailed(message) | Outcome::GrantFailed(message) => message,
        Outcome::LimitExceeded(exceeded) => format!("it {exceeded}"),
        Outcome::Stopped => "it was stopped".to_owned(),
        Outcome::HostFunction(fault) => format!("it called the host function `{}`: {}", fault.function, fault.message),
    }
}

fn with_trace(message: String, trace: &[String]) -> String {
    trace.iter().fold(message, |text, entry| text + "\n  " + entry)
}
