//! What kind of bytes a module is: a component, a core module that can be made into one, or neither.

use super::contract::{CONTRACT_VERSION, RUNNER};
use super::preview1::{PREVIEW1, with_adapter, with_exit_codes};
use super::trap::cut;
use crate::task::Refusal;
use std::borrow::Cow;
use std::panic::catch_unwind;
use wasmparser::{Import, Parser, Payload, TypeRef};
use wit_component::ComponentEncoder;

const MAGIC: &[u8] = b"\0asm";

/// How many of the first bytes a refusal shows.
const SHOWN_BYTES: usize = 16;

/// Most names that a refusal lists.
const MAX_NAMES: usize = 64;

/// The component in these bytes. A core module that carries the types of its world is made into one.
pub(super) fn component(wasm: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    if !wasm.starts_with(MAGIC) {
        return Err(Refusal::NotWasm { starts_with: wasm[..wasm.len().min(SHOWN_BYTES)].to_vec() });
    }
    if Parser::is_component(wasm) {
        return Ok(Cow::Borrowed(wasm));
    }
    let core = inspect(wasm).map_err(|error| Refusal::Invalid { message: cut(error.to_string()) })?;
    if let Some(message) = core.wants_threads {
        return Err(Refusal::UnknownImport { message });
    }
    if !core.has_world {
        if !(core.is_program && core.wants_preview1) {
            return Err(Refusal::CoreModule { exports: core.exports });
        }
        if let Some(import) = core.other_import {
            let message = format!("{import}, and a program is given WASI preview 1 (`{PREVIEW1}`) and nothing else");
            return Err(Refusal::UnknownImport { message });
        }
    }
    encode(wasm, &core).map(Cow::Owned).map_err(|message| Refusal::Invalid {
        message: cut(format!("the core module cannot be made into a component: {message}")),
    })
}

/// Makes a component of a core module. What it imports of WASI preview 1 is done by an adapter, which is part of it then.
///
/// The encoder asserts what its own tools would never write (found by fuzzing): a hostile module is invalid all the same.
fn encode(wasm: &[u8], core: &CoreModule) -> Result<Vec<u8>, String> {
    let encode = || {
        let mut wasm = Cow::Borrowed(wasm);
        if core.wants_preview1 && core.is_program {
            wasm = Cow::Owned(with_exit_codes(&wasm)?);
        }
        let mut encoder = ComponentEncoder::default().module(&wasm).map_err(told)?;
        if core.wants_preview1 {
            encoder = with_adapter(encoder, core.is_program)?;
        }
        encoder.validate(true).encode().map_err(told)
    };
    match catch_unwind(encode) {
        Ok(encoded) => encoded,
        Err(_) => Err("the types of its world make no sense".to_owned()),
    }
}

fn told(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

/// What matters of a core module.
#[derive(Default)]
struct CoreModule {
    has_world: bool,
    wants_preview1: bool,
    /// Why, in words.
    wants_threads: Option<String>,
    /// The first import that is not of WASI preview 1.
    other_import: Option<String>,
    /// It exports `_start`.
    is_program: bool,
    exports: Vec<String>,
}

impl CoreModule {
    fn import(&mut self, import: &Import<'_>) {
        let Import { module, name, ty } = import;
        let is_shared = matches!(ty, TypeRef::Memory(memory) if memory.shared);
        if is_shared || module.starts_with("wasi") && *name == "thread-spawn" {
            let message = format!("it wants threads (`{module}` `{name}`), and a task has one");
            self.wants_threads.get_or_insert(cut(message));
        } else if *module == PREVIEW1 {
            self.wants_preview1 = true;
        } else {
            self.other_import.get_or_insert(cut(format!("`{module}` `{name}`")));
        }
    }
}

fn inspect(wasm: &[u8]) -> wasmparser::Result<CoreModule> {
    let mut core = CoreModule::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::CustomSection(section) => core.has_world |= section.name().starts_with("component-type"),
            Payload::ExportSection(section) => {
                for export in section {
                    let name = export?.name;
                    core.is_program |= name == "_start";
                    if core.exports.len() < MAX_NAMES {
                        core.exports.push(cut(name.to_owned()));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    core.import(&import?);
                }
            }
            _ => {}
        }
    }
    Ok(core)
}

/// Whether a function is a program's `main`: `wasi:cli/run@0.2.6#run`.
pub(super) fn is_program(function: &str) -> bool {
    function.strip_prefix("wasi:cli/run@0.2.").is_some_and(|rest| rest.ends_with("#run"))
}

/// Whether a component with these exports is a task module.
pub(super) fn is_task_module<'a>(mut exports: impl Iterator<Item = &'a str>) -> bool {
    exports.any(|name| name.strip_prefix(RUNNER).is_some_and(|rest| rest.starts_with('@')))
}

/// Checks that a task module with these exports is one that this host can run; gives the version of the contract that it was
/// made for.
pub(super) fn contract_version<'a>(exports: impl Iterator<Item = &'a str> + Clone) -> Result<String, Refusal> {
    let versions = exports.clone().filter_map(|name| name.strip_prefix(RUNNER)?.strip_prefix('@'));
    let mut newest = None;
    for version in versions {
        if is_compatible(version) {
            return Ok(version.to_owned());
        }
        newest = Some(version);
    }
    match newest {
        Some(module) => {
            Err(Refusal::OtherVersion { module: cut(module.to_owned()), host: CONTRACT_VERSION.to_owned() })
        }
        None => Err(other_world(exports)),
    }
}

/// Nothing in a component with these exports can be called.
pub(super) fn other_world<'a>(exports: impl Iterator<Item = &'a str>) -> Refusal {
    Refusal::OtherWorld { exports: exports.take(MAX_NAMES).map(|name| cut(name.to_owned())).collect() }
}

/// Semantic versioning below 1.0: the second number must be the same.
fn is_compatible(version: &str) -> bool {
    let series = |version: &str| {
        let mut numbers = version.split('.').map(|number| number.parse::<u64>().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    series(version).is_some_and(|found| Some(found) == series(CONTRACT_VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_series_is_compatible() {
        assert!(is_compatible("0.1.0") && is_compatible("0.1.17"));
        for other in ["0.2.0", "1.1.0", "0", "", "0.x.1", "0.10.0"] {
            assert!(!is_compatible(other), "{other}");
        }
    }

    #[test]
    fn exports_say_what_is_wrong() {
        let other = contract_version(["wasi:cli/run@0.2.3", "score"].into_iter());
        assert_eq!(other, Err(Refusal::OtherWorld { exports: vec!["wasi:cli/run@0.2.3".into(), "score".into()] }));
        let newer = contract_version(["isopool:task/runner@0.9.0"].into_iter());
        assert_eq!(newer, Err(Refusal::OtherVersion { module: "0.9.0".into(), host: "0.1.0".into() }));
        assert_eq!(contract_version(["isopool:task/runner@0.1.4"].into_iter()), Ok("0.1.4".into()));
    }

    #[test]
    fn bytes_that_are_no_webassembly_are_shown() {
        let refused = component(b"\x7fELF and more than sixteen bytes").expect_err("not wasm");
        assert_eq!(refused, Refusal::NotWasm { starts_with: b"\x7fELF and more th".to_vec() });
        assert!(matches!(component(b""), Err(Refusal::NotWasm { .. })));
        assert!(matches!(component(b"\0asm\x01\0\0\0\x07"), Err(Refusal::Invalid { .. })));
    }
}
