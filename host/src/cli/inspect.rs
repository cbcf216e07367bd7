//! `isopool inspect`: what a module says of itself, and what it is given.

use super::call::{builder, module_error};
use super::config::Pool;
use super::exit::Stop;
use isopool::{Access, Decision, FunctionInfo, FunctionKind, Inspection, Manifest, ModuleInfo};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Compiles the module in a worker process, as a task would, and prints what became known of it.
pub(super) fn inspect(path: &Path, as_json: bool, pool: &Pool) -> Result<(), Stop> {
    let executor = builder(pool).build()?;
    let inspected = executor.inspect_file(path).map_err(module_error)?;
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let text = if as_json { format!("{:#}\n", to_json(&inspected, bytes)) } else { to_text(&inspected, bytes) };
    std::io::stdout().write_all(text.as_bytes()).map_err(Stop::Output)
}

fn to_json(inspected: &Inspection, bytes: u64) -> Value {
    let Inspection { name, hash, info, decisions, .. } = inspected;
    let ModuleInfo { contract, functions, imports, exports, compiled_bytes, manifest, .. } = info;
    let functions: Vec<Value> = functions
        .iter()
        .map(|function| {
            json!({
                "name": function.name,
                "signature": function.signature,
                "docs": function.docs,
                "codecs": function.codecs,
                "callable": function.is_callable(),
            })
        })
        .collect();
    let decisions: Vec<Value> = decisions
        .iter()
        .map(|Decision { kind, name, granted, why, .. }| {
            json!({ "kind": kind.to_string(), "name": name, "granted": granted, "why": why })
        })
        .collect();
    json!({
        "name": name,
        "hash": hash.to_string(),
        "bytes": bytes,
        "compiled_bytes": compiled_bytes,
        "contract": contract,
        "functions": functions,
        "imports": imports,
        "exports": exports,
        "manifest": manifest,
        "decisions": decisions,
    })
}

fn to_text(Inspection { name, hash, info, decisions, .. }: &Inspection, bytes: u64) -> String {
    let mut text = format!(
        "module    {name}\nhash      {hash}\nsize      {bytes} bytes, {} compiled\ncontract  {}\n",
        info.compiled_bytes,
        if info.contract.is_empty() { "its own".to_owned() } else { format!("isopool:task {}", info.contract) }
    );
    text.push_str("\nfunctions\n");
    for function in &info.functions {
        let signature = if function.signature.is_empty() { "(signature not given)" } else { &function.signature };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}: {signature}  [{}]", function.name, how(function));
        for line in function.docs.lines() {
            let _ = writeln!(text, "{}", format!("      {line}").trim_end());
        }
    }
    for (title, names) in [("imports", &info.imports), ("exports", &info.exports)] {
        let _ = writeln!(text, "\n{title}");
        for name in names {
            let _ = writeln!(text, "  {name}");
        }
    }
    if let Some(manifest) = &info.manifest {
        text.push_str("\nasks for\n");
        asked(manifest, &mut text);
    }
    if !decisions.is_empty() {
        text.push_str("\nis given\n");
    }
    for Decision { kind, name, granted, why, .. } in decisions {
        let verdict = if *granted { "granted" } else { "denied" };
        let what = format!("{kind} {name}");
        let _ = writeln!(text, "  {verdict:7}  {}: {why}", what.trim_end());
    }
    text
}

/// What a module asks for, and what it says that it is.
fn asked(manifest: &Manifest, text: &mut String) {
    let required = |is_required: bool| if is_required { ", required" } else { "" };
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    let Manifest { name, version, description, directories, variables, addresses, arguments, .. } = manifest;
    let title = format!("{name} {version}");
    let said = [title.trim(), description].into_iter().filter(|words| !words.is_empty());
    said.flat_map(str::lines).for_each(|words| line(format!("({words})")));
    for directory in directories {
        let access = match directory.access {
            Access::ReadOnly => "to read only",
            Access::ReadWrite => "to read and write",
        };
        line(format!("directory {}, {access}{}", directory.path, required(directory.required)));
    }
    variables.iter().for_each(|variable| line(format!("variable {}{}", variable.name, required(variable.required))));
    addresses.iter().for_each(|address| line(format!("address {}{}", address.to, required(address.required))));
    if *arguments {
        line("arguments".to_owned());
    }
}

/// How a function is called.
fn how(function: &FunctionInfo) -> String {
    match function.kind {
        FunctionKind::Program => "a program: isopool run MODULE -- ARGUMENTS".to_owned(),
        FunctionKind::Export { .. } if function.is_callable() => "values".to_owned(),
        FunctionKind::Export { .. } if function.needs_live_instance() => {
            "values and resources, in a live instance".to_owned()
        }
        FunctionKind::Export { .. } => "not callable: only values and the component's own resources travel".to_owned(),
        _ => function.codecs.join(", "),
    }
}
