//! What it does: makes sure that the compiler can compile for the sandbox. Takes from: rustc, rustup.
//! Hands to: `guest.rs`. Never: installs a toolchain; changes anything but the one target.

use crate::Error;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The target of every guest: WASI 0.2 components.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Checks that the target is installed, and installs it if rustup can.
pub(crate) fn ensure_target() -> Result<(), Error> {
    if is_installed()? {
        return Ok(());
    }
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut arguments = vec!["target".to_owned(), "add".to_owned(), TARGET.to_owned()];
    if let Some(toolchain) = &toolchain {
        arguments.extend(["--toolchain".to_owned(), toolchain.clone()]);
    }
    let remedy = format!("rustup {}", arguments.join(" "));
    // Without a toolchain's name rustup is not what started this compiler, and must not change another one.
    let attempt = match toolchain.is_some().then(|| Command::new("rustup").args(&arguments).output()) {
        None => {
            "; this compiler was not started by rustup, so it may need its distributor's package for that".to_owned()
        }
        Some(Err(error)) => format!(" (tried: {error})"),
        Some(Ok(output)) if output.status.success() && is_installed()? => return Ok(()),
        Some(Ok(output)) => format!(" (tried: {})", String::from_utf8_lossy(&output.stderr).trim()),
    };
    Err(Error::TargetMissing { target: TARGET, remedy, attempt })
}

fn is_installed() -> Result<bool, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|source| Error::Start { program: rustc.to_string_lossy().into_owned(), source })?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(output.status.success() && folder.is_dir())
}
