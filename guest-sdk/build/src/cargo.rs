//! What it does: runs cargo for a guest, apart from the cargo that runs the build script.
//! Takes from: `guest.rs`. Hands to: `guest.rs`: the file that was made.
//! Never: shares a target directory, flags or wrappers with the outer cargo, which would deadlock or miscompile.

use crate::Error;
use crate::toolchain::TARGET;
use serde_json::Value;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variables of the outer build that must not reach the guest's: flags for another target, the outer directories (one lock
/// for both would wait for ever), and compiler wrappers such as clippy's.
const CLEARED: &[&str] = &[
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTDOCFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// The folder of guests' builds in a target directory.
pub(crate) const TARGET_DIRECTORY: &str = "isopool";

/// A library that cargo made.
pub(crate) struct Artifact {
    /// The crate's name, as in `use`.
    pub(crate) crate_name: String,
    /// The component.
    pub(crate) wasm: PathBuf,
}

/// One run of `cargo rustc` for a guest.
pub(crate) struct Run<'a> {
    pub(crate) manifest: &'a Path,
    pub(crate) target_dir: &'a Path,
    pub(crate) profile: &'a str,
    /// More arguments for cargo.
    pub(crate) arguments: Vec<OsString>,
    /// More arguments for rustc, for the guest's own crate only.
    pub(crate) rustc_arguments: Vec<OsString>,
    /// Settings for the profile, as cargo reads them from the environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Run<'_> {
    /// Compiles, with cargo's messages going to stderr.
    pub(crate) fn run(self) -> Result<Artifact, Error> {
        let mut command = command(self.target_dir);
        command.args(["rustc", "--lib", "--crate-type", "cdylib", "--target", TARGET, "--profile", self.profile]);
        command.arg("--manifest-path").arg(self.manifest).arg("--target-dir").arg(self.target_dir);
        command.arg("--message-format=json-render-diagnostics").args(&self.arguments);
        command.arg("--").args(&self.rustc_arguments);
        command.envs(self.environment);
        // In the guest's folder, so that its `.cargo/config.toml` (vendored crates, say) is found.
        if let Some(folder) = self.manifest.parent() {
            command.current_dir(folder);
        }
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| Error::Start { program: command.get_program().to_string_lossy().into_owned(), source })?;
        if !output.status.success() {
            let manifest = self.manifest.to_owned();
            return Err(Error::Compile { manifest, target: TARGET, status: output.status });
        }
        find_artifact(&output.stdout, self.manifest)
            .ok_or_else(|| Error::NoLibrary { manifest: self.manifest.to_owned() })
    }
}

/// A cargo that has nothing of the outer one.
pub(crate) fn command(target_dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for name in CLEARED {
        command.env_remove(name);
    }
    // A build directory set in a configuration file would be shared with the outer cargo, and so would its lock.
    command.env("CARGO_BUILD_BUILD_DIR", target_dir);
    command
}

/// Finds, in cargo's messages (one JSON object a line), the library of the package with this manifest.
pub(crate) fn find_artifact(messages: &[u8], manifest: &Path) -> Option<Artifact> {
    let messages = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut artifacts = messages.filter(|message| message["reason"] == "compiler-artifact");
    artifacts.find_map(|message| {
        let files = message["filenames"].as_array()?;
        let wasm = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
        let same = message["manifest_path"].as_str().is_some_and(|path| same_file(Path::new(path), manifest));
        let crate_name = message["target"]["name"].as_str()?.replace('-', "_");
        same.then(|| Artifact { crate_name, wasm: wasm.into() })
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_s_own_library_is_found_among_the_messages() {
        let messages = br#"{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","target":{"name":"dep"},"filenames":["/t/libdep.rlib"]}
not json
{"reason":"compiler-artifact","manifest_path":"/other/Cargo.toml","target":{"name":"other"},"filenames":["/t/other.wasm"]}
{"reason":"compiler-artifact","manifest_path":"/guest/Cargo.toml","target":{"name":"my-guest"},"filenames":["/t/my_guest.wasm"]}
{"reason":"build-finished","success":true}"#;
        let artifact = find_artifact(messages, Path::new("/guest/Cargo.toml")).expect("it is there");
        assert_eq!(artifact.crate_name, "my_guest");
        assert_eq!(artifact.wasm, Path::new("/t/my_guest.wasm"));
        assert!(find_artifact(messages, Path::new("/dep/Cargo.toml")).is_none());
    }
}
