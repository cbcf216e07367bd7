//! What it does: compiles a package outside of build scripts. Takes from: `isopool build`, and programs like it.
//! Hands to: them, or a file. Never: installs the compilation target; whoever asks at a shell is told the command.

use crate::cargo::{Run, TARGET_DIRECTORY};
use crate::guest::{Built, Guest, PROFILE, lock};
use crate::requests::with_manifest;
use crate::sources::Sources;
use crate::{Error, dep_info, install, toolchain};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A package that was compiled: what [`Guest::component`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Component {
    /// The package's name.
    pub package: String,
    /// The component.
    pub wasm: Vec<u8>,
    /// What it was made from.
    pub sources: Sources,
}

impl Component {
    /// Writes it to the file `output`, which is whole at every moment, or was never there; `None` stands for the package's name
    /// with `.wasm`, in the current folder. Gives the file's name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, output: Option<&Path>) -> Result<PathBuf, Error> {
        let module = output.map_or_else(|| PathBuf::from(format!("{}.wasm", self.package)), Path::to_owned);
        install::replace(&self.wasm, &module)?;
        Ok(module)
    }
}

/// What cargo says of a package.
struct Package {
    name: String,
    version: String,
    has_library: bool,
    target_directory: PathBuf,
}

impl Guest {
    /// Compiles the library of the package to the file `output`, outside of a build script; `None` stands for the package's
    /// name with `.wasm`, in the current folder. What cargo prints goes to standard error.
    ///
    /// [`Guest::at`] is taken from the current folder here, and [`Guest::new`] is the package in it. What the package's
    /// own build script would choose (a larger stack, say) is not known.
    ///
    /// Where [`Guest::at`] names a file, that is a module of another language: it is given the [manifest](Self::manifest), and its own name
    /// is the package's.
    ///
    /// # Errors
    /// There is no such package, or it has no library; the target `wasm32-wasip2` is not installed; the package does not
    /// compile; files cannot be written.
    pub fn build(&self, output: Option<&Path>) -> Result<Built, Error> {
        Ok(Built { module: self.component()?.write(output)? })
    }

    /// The files of the package, as far as they are known before it is [built](Self::component): its manifest, its build script, and
    /// its `src` folder.
    ///
    /// # Errors
    /// There is no such package.
    pub fn sources(&self) -> Result<Sources, Error> {
        let folder = self.folder();
        let sources = match folder.is_file() {
            true => Sources::of_files(BTreeSet::from([folder]), Path::new("")),
            false => Sources::of_package(&self.found_manifest()?),
        };
        Ok(sources.with(self.requests_file()))
    }

    fn found_manifest(&self) -> Result<PathBuf, Error> {
        let manifest = self.folder().join("Cargo.toml");
        manifest.canonicalize().map_err(Error::file("find the manifest", &manifest))
    }

    /// As [`Guest::build`], without the file.
    ///
    /// # Errors
    /// As `build`.
    pub fn component(&self) -> Result<Component, Error> {
        let folder = self.folder();
        if folder.is_file() {
            return self.foreign(&folder);
        }
        let manifest = self.found_manifest()?;
        let package = Package::read(&manifest)?;
        if !package.has_library {
            return Err(Error::NoLibrary { manifest });
        }
        let asks = self.requests(&manifest)?;
        toolchain::require_target(&folder)?;
        let target_dir = package.target_directory.join(TARGET_DIRECTORY);
        let lock = lock(&target_dir)?;
        let mut arguments = vec!["--package".into(), format!("{}@{}", package.name, package.version).into()];
        arguments.extend(self.feature_arguments());
        let artifact = Run {
            manifest: &manifest,
            target_dir: &target_dir,
            profile: self.profile.as_deref().unwrap_or(PROFILE),
            arguments,
            rustc_arguments: self.rustc_arguments(),
            environment: self.settings(),
        }
        .run()?;
        let wasm = install::component(&artifact.wasm, asks.as_deref())?;
        let files = dep_info::read(&artifact.wasm, &manifest)?;
        drop(lock);
        let sources = Sources::of_files(files, &package.target_directory).with(self.requests_file());
        Ok(Component { package: package.name, wasm, sources })
    }
}

impl Guest {
    /// A module that was made elsewhere, with its manifest.
    fn foreign(&self, module: &Path) -> Result<Component, Error> {
        // There is no package that it could be in.
        let asks = self.requests(&module.join("Cargo.toml"))?.unwrap_or_default();
        let wasm = fs::read(module).map_err(Error::file("read", module))?;
        let package = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Component { package, wasm: with_manifest(&wasm, &asks)?, sources: self.sources()? })
    }
}

impl Package {
    fn read(manifest: &Path) -> Result<Self, Error> {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(&program)
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest)
            // As for the build: the toolchain that the package's folder asks for.
            .current_dir(manifest.parent().unwrap_or(manifest))
            .output()
            .map_err(|source| Error::Start { program: program.to_string_lossy().into_owned(), source })?;
        let refused = |message: String| Error::Metadata { manifest: manifest.to_owned(), message };
        if !output.status.success() {
            return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| refused(error.to_string()))?;
        Self::find(&metadata, manifest).ok_or_else(|| refused(no_package(&metadata)))
    }

    fn find(metadata: &Value, manifest: &Path) -> Option<Self> {
        let mut packages = metadata["packages"].as_array()?.iter();
        let package = packages.find(|package| package["manifest_path"].as_str().map(Path::new) == Some(manifest))?;
        let kinds = package["targets"].as_array()?.iter().filter_map(|target| target["kind"].as_array()).flatten();
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            version: package["version"].as_str()?.to_owned(),
            has_library: kinds
                .filter_map(Value::as_str)
                .any(|kind| matches!(kind, "lib" | "rlib" | "cdylib" | "dylib")),
            target_directory: metadata["target_directory"].as_str()?.into(),
        })
    }
}

/// A workspace's manifest may be no package's.
fn no_package(metadata: &Value) -> String {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let folders: Vec<String> = packages
        .filter_map(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(|folder| folder.display().to_string())
        .collect();
    format!("it is no package's manifest; name the folder of a package: {}", folders.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_is_found_by_its_manifest() {
        let metadata = serde_json::json!({
            "target_directory": "/w/target",
            "packages": [
                { "name": "a", "version": "1.0.0", "manifest_path": "/w/a/Cargo.toml", "targets": [{ "kind": ["bin"] }] },
                { "name": "b", "version": "0.1.0", "manifest_path": "/w/b/Cargo.toml",
                  "targets": [{ "kind": ["custom-build"] }, { "kind": ["lib"] }] },
            ],
        });
        let of = |manifest: &str| Package::find(&metadata, Path::new(manifest));
        assert!(!of("/w/a/Cargo.toml").expect("it is there").has_library);
        let b = of("/w/b/Cargo.toml").expect("it is there");
        assert!(b.has_library && b.target_directory == Path::new("/w/target"));
        assert_eq!((b.name.as_str(), b.version.as_str()), ("b", "0.1.0"));
        assert!(of("/w/Cargo.toml").is_none());
        assert!(no_package(&metadata).ends_with(": /w/a, /w/b"));
    }
}
