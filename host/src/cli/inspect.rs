//! `isopool inspect`: what a module says of itself.

use super::call::module_error;
use super::exit::Stop;
use isopool::{Executor, FunctionInfo, FunctionKind, Module, ModuleInfo};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Compiles the module in a worker process, as a task would, and prints what became known of it.
pub(super) fn inspect(path: &Path, as_json: bool) -> Result<(), Stop> {
    let executor = Executor::builder().max_workers(1).build()?;
    let module = executor.load_file(path).map_err(module_error)?;
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let text = if as_json { format!("{:#}\n", to_json(&module, bytes)) } else { to_text(&module, bytes) };
    std::io::stdout().write_all(text.as_bytes()).map_err(Stop::Output)
}

fn to_json(module: &Module, bytes: u64) -> Value {
    let ModuleInfo { contract, functions, imports, exports, compiled_bytes, .. } = module.info();
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
    json!({
        "name": module.name(),
        "hash": module.hash().to_string(),
        "bytes": bytes,
        "compiled_bytes": compiled_bytes,
        "contract": contract,
        "functions": functions,
        "imports": imports,
        "exports": exports,
    })
}

fn to_text(module: &Module, bytes: u64) -> String {
    let info = module.info();
    let mut text = format!(
        "module    {}\nhash      {}\nsize      {bytes} bytes, {} compiled\ncontract  {}\n",
        module.name(),
        module.hash(),
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
    text
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
