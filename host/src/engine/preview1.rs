//! Core modules for WASI preview 1: an adapter that becomes part of the component does for them what they import.

use super::trap::cut;
use std::convert::Infallible;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::reencode::{Error, Reencode};
use wasmparser::{Import, Imports, Parser};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What such a module calls its imports.
pub(super) const PREVIEW1: &str = WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;

/// Ends a program. The adapter's own knows success and failure, and no codes between; the function that does takes what
/// `proc_exit` takes, so that it can stand in its place.
const PROC_EXIT: &str = "proc_exit";
const EXIT: (&str, &str) = ("wasi:cli/exit@0.2.12", "exit-with-code");
const EXIT_WIT: &str = "package wasi:cli@0.2.12;
    interface exit { exit-with-code: func(status-code: u8); }
    world exits { import exit; }";

/// Gives a program the exit that knows its code.
pub(super) fn with_exit_codes(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = wasm_encoder::Module::new();
    let mut exits = Exits { found: false };
    exits.parse_core_module(&mut module, Parser::new(0), wasm).map_err(|error| cut(error.to_string()))?;
    let mut module = module.finish();
    if exits.found {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("exit.wit", EXIT_WIT).expect("this WIT is sound");
        let world = resolve.select_world(&[package], None).expect("it has one world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("its world can be encoded");
    }
    Ok(module)
}

/// The encoder with the adapter that a module needs.
pub(super) fn with_adapter(encoder: ComponentEncoder, is_program: bool) -> Result<ComponentEncoder, String> {
    let adapter =
        if is_program { WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER } else { WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER };
    encoder.adapter(PREVIEW1, adapter).map_err(|error| format!("{error:#}"))
}

/// Puts the one import in the place of the other.
struct Exits {
    found: bool,
}

impl Reencode for Exits {
    type Error = Infallible;

    fn parse_imports(
        &mut self,
        section: &mut wasm_encoder::ImportSection,
        imports: Imports<'_>,
    ) -> Result<(), Error<Infallible>> {
        let imports = match imports {
            Imports::Single(at, Import { module: PREVIEW1, name: PROC_EXIT, ty }) => {
                self.found = true;
                Imports::Single(at, Import { module: EXIT.0, name: EXIT.1, ty })
            }
            other => other,
        };
        wasm_encoder::reencode::utils::parse_imports(self, section, imports)
    }
}
