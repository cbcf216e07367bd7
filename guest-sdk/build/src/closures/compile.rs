//! What it does: compiles one target of the generated package. Takes from: `generate.rs`.
//! Hands to: `report.rs` (what rustc said) and `steps.rs` (the component). Never: prints errors; they belong to a task.

use super::package::{Package, Target};
use crate::Error;
use crate::cargo::{command, find_artifact};
use crate::guest::{Guest, PROFILE};
use crate::toolchain::TARGET;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How the build of one target ended.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// A component.
    Module(PathBuf),
    /// What rustc and cargo said.
    Failed { diagnostics: Vec<Diagnostic>, cargo: String },
}

/// One error of rustc.
#[derive(Debug, Clone)]
pub(crate) struct Diagnostic {
    /// As a person reads it.
    pub(crate) text: String,
    /// The first line of it.
    pub(crate) title: String,
    /// Places in the user's files: name, line, column; the best first.
    pub(crate) places: Vec<(String, usize, usize)>,
    /// The package, when it is not the generated one.
    pub(crate) foreign_package: Option<String>,
}

/// Runs cargo for one target.
pub(crate) fn compile(
    folder: &Path,
    target_dir: &Path,
    package: &Package,
    target: &Target,
    settings: &Guest,
) -> Result<Compiled, Error> {
    let mut command = command(target_dir);
    command.arg("rustc");
    if target.kind == "lib" {
        command.args(["--lib", "--crate-type", "cdylib"]);
    } else {
        command.arg("--example").arg(super::generate::target_name(target));
    }
    let manifest = folder.join("Cargo.toml");
    command.args(["--target", TARGET, "--profile", PROFILE, "--message-format=json"]);
    command.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(target_dir);
    command.args(["--", "-C", &format!("link-arg=-zstack-size={}", settings.stack_bytes)]);
    command.envs(settings.settings());
    // In the user's folder, so that its `.cargo/config.toml` (vendored crates, say) is found.
    command.current_dir(&package.folder);
    let output = command
        .output()
        .map_err(|source| Error::Start { program: command.get_program().to_string_lossy().into_owned(), source })?;
    if output.status.success() {
        let artifact = find_artifact(&output.stdout, &manifest);
        return artifact.map(|artifact| Compiled::Module(artifact.wasm)).ok_or(Error::NoLibrary { manifest });
    }
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let diagnostics = messages.filter_map(|message| diagnostic(&message, &manifest)).collect();
    Ok(Compiled::Failed { diagnostics, cargo: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

fn diagnostic(message: &Value, manifest: &Path) -> Option<Diagnostic> {
    let body = &message["message"];
    if message["reason"] != "compiler-message" || body["level"] != "error" {
        return None;
    }
    let text = body["rendered"].as_str()?.trim_end().to_owned();
    let title = text.lines().next().unwrap_or_default().to_owned();
    // "aborting due to 2 previous errors" has no place and says nothing.
    if title.starts_with("error: aborting due to") || title.starts_with("error: could not compile") {
        return None;
    }
    let mut places = Vec::new();
    for span in body["spans"].as_array()?.iter().filter(|span| span["is_primary"] == true) {
        collect_places(span, &mut places);
    }
    let own = message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    let foreign_package = (!own).then(|| message["target"]["name"].as_str().unwrap_or_default().to_owned());
    Some(Diagnostic { text, title, places, foreign_package })
}

/// The place of a span and of the macro calls that it came from.
fn collect_places(span: &Value, places: &mut Vec<(String, usize, usize)>) {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    if let Some(name) = span["file_name"].as_str() {
        places.push((name.replace('\\', "/"), number(&span["line_start"]), number(&span["column_start"])));
    }
    if span["expansion"].is_object() {
        collect_places(&span["expansion"]["span"], places);
    }
}
