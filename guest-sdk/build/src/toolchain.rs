//! What it does: makes sure that the compiler can compile for the sandbox. Takes from: rustc, rustup.
//! Hands to: `guest.rs`. Never: installs a toolchain; changes anything but the one target.

use crate::Error;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every guest: WASI 0.2 components.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Checks that the target is installed, and installs it if rustup can.
pub(crate) fn ensure_target() -> Result<(), Error> {
    let here = Path::new(".");
    if is_installed(here)? {
        return Ok(());
    }
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let arguments = arguments(toolchain.as_deref());
    let remedy = format!("rustup {}", arguments.join(" "));
    // Without a toolchain's name rustup is not what started this compiler, and must not change another one.
    let attempt = match toolchain.is_some().then(|| Command::new("rustup").args(&arguments).output()) {
        None => {
            "; this compiler was not started by rustup, so it may need its distributor's package for that".to_owned()
        }
        Some(Err(error)) => format!(" (tried: {error})"),
        Some(Ok(output)) if output.status.success() && is_installed(here)? => return Ok(()),
        Some(Ok(output)) => format!(" (tried: {})", String::from_utf8_lossy(&output.stderr).trim()),
    };
    Err(Error::TargetMissing { target: TARGET, remedy, attempt })
}

/// Checks that the target is installed for the compiler that a folder asks for.
pub(crate) fn require_target(folder: &Path) -> Result<(), Error> {
    if is_installed(folder)? {
        return Ok(());
    }
    let remedy = format!("rustup {}", arguments(env::var("RUSTUP_TOOLCHAIN").ok().as_deref()).join(" "));
    Err(Error::TargetMissing { target: TARGET, remedy, attempt: String::new() })
}

/// What rustup is to do.
fn arguments(toolchain: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["target", "add", TARGET];
    arguments.extend(toolchain.into_iter().flat_map(|toolchain| ["--toolchain", toolchain]));
    arguments.into_iter().map(str::to_owned).collect()
}

fn is_installed(folder: &Path) -> Result<bool, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .output()
        .map_err(|source| Error::Start { program: rustc.to_string_lossy().into_owned(), source })?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && folder.is_dir())
}
