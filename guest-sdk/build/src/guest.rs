//! What it does: compiles the library of a package to a task module. Takes from: the user's build script.
//! Hands to: `#[task]` (which embeds the module) and the user's `include_bytes!`.
//! Never: runs while a guest is being compiled: for a wasm target it returns at once, which ends the recursion.

use crate::cargo::{Artifact, Run, TARGET_DIRECTORY};
use crate::{Error, dep_info, install, requests, toolchain};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Stack of a guest, unless its builder says otherwise. It lies before the data in memory, and a worker clears it for every
/// fresh instance: 16 µs for one with 64 KiB, 19 µs with 128 KiB, 22 µs with 256 KiB (measured). Workers keep the first
/// 512 KiB of a memory resident between tasks; a guest whose stack is as large as that, such as rustc's own default of
/// 1 MiB, pays for page faults instead. 64 KiB is little for recursive code.
const STACK_BYTES: u32 = 256 * 1024;

/// The profile that is used, with [`SETTINGS`] for guests, unless the builder names one.
pub(crate) const PROFILE: &str = "release";

/// Settings for guests in place of the workspace's own for that profile. `strip = debuginfo` keeps the names of functions,
/// for backtraces; a panic's file and line are in the code.
const SETTINGS: &[(&str, &str)] = &[
    ("OPT_LEVEL", "3"),
    ("PANIC", "abort"),
    ("CODEGEN_UNITS", "1"),
    ("INCREMENTAL", "false"),
    ("DEBUG_ASSERTIONS", "false"),
    ("OVERFLOW_CHECKS", "false"),
];

/// A compiled module: what [`Guest::compile`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The component: inside `OUT_DIR` from a build script, and empty on docs.rs; from [`Guest::build`], where it was wanted.
    pub module: PathBuf,
}

/// Compiles this package's own library to its task module, for `#[task]` to embed.
///
/// When the package is itself being compiled for the sandbox, this does nothing.
///
/// # Panics
/// It does not: if the module cannot be compiled it prints why, and ends the build script with code 1.
/// [`Guest::try_compile`] returns the error instead.
pub fn guest() -> Option<Built> {
    Guest::new().compile()
}

/// Compiles the library of the package in the folder `path` (relative to this package) to a task module, and sets the
/// environment variable `ISOPOOL_MODULE_<CRATE>` (in capitals, `_` for `-`) to the file while this package is compiled.
///
/// ```no_run
/// // build.rs; then `include_bytes!(env!("ISOPOOL_MODULE_RESIZE"))` is what `Executor::load` takes
/// isopool_build::guest_at("../plugins/resize");
/// ```
///
/// # Panics
/// As [`guest`].
pub fn guest_at(path: impl AsRef<Path>) -> Option<Built> {
    Guest::at(path).compile()
}

/// How to compile a task module.
///
/// ```no_run
/// // build.rs of a package whose tasks recurse deeply, and whose traps are to be traced to their lines
/// isopool_build::Guest::new().stack_bytes(1 << 20).line_tables(true).compile();
/// ```
#[derive(Clone, Debug)]
pub struct Guest {
    /// `None` for the package whose build script this is.
    path: Option<PathBuf>,
    pub(crate) profile: Option<String>,
    pub(crate) stack_bytes: u32,
    line_tables: bool,
    features: Vec<String>,
    default_features: bool,
    /// What the module asks for, in place of what the package's `Cargo.toml` says.
    requests: Option<PathBuf>,
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Guest {
    /// This package's own library, with the features that it is being compiled with.
    #[must_use]
    pub fn new() -> Self {
        Self {
            path: None,
            profile: None,
            stack_bytes: STACK_BYTES,
            line_tables: false,
            features: Vec::new(),
            default_features: true,
            requests: None,
        }
    }

    /// The library of the package in a folder, relative to this package.
    #[must_use]
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: Some(path.as_ref().to_owned()), ..Self::new() }
    }

    /// The stack, in bytes, a multiple of 16: default 256 KiB. More for deep recursion; 64 KiB for the cheapest fresh instances.
    /// A guest that needs more traps.
    #[must_use]
    pub fn stack_bytes(mut self, bytes: u32) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// A profile of the guest's workspace, used exactly as it is written there. The default is `release` with settings for
    /// guests: `opt-level = 3`, `panic = "abort"`, names of functions but no debug information; and `lto = "thin"` when this
    /// package is itself built for release, which takes some seconds more.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Whether backtraces of traps show file and line: a bigger module, and about 1 ms for each trap. Default: no.
    #[must_use]
    pub fn line_tables(mut self, yes: bool) -> Self {
        self.line_tables = yes;
        self
    }

    /// Features of the guest to turn on, besides its default ones.
    #[must_use]
    pub fn features<I: IntoIterator<Item: Into<String>>>(mut self, features: I) -> Self {
        self.features.extend(features.into_iter().map(Into::into));
        self
    }

    /// Whether the guest's default features are on (with [`Guest::new`]: if they are on for the host too). Default: yes.
    #[must_use]
    pub fn default_features(mut self, yes: bool) -> Self {
        self.default_features = yes;
        self
    }

    /// What the module asks for: a file of TOML, with the keys that are below `package.metadata.isopool.manifest` otherwise, in place of
    /// that table of the package's `Cargo.toml`. From a build script, relative to the package whose script it is.
    #[must_use]
    pub fn manifest(mut self, file: impl AsRef<Path>) -> Self {
        self.requests = Some(file.as_ref().to_owned());
        self
    }

    /// What the module asks for, as JSON: see [`manifest`](Self::manifest). The package's folder is taken from the current folder.
    ///
    /// # Errors
    /// The file is not there, or is no TOML.
    pub fn manifest_json(&self) -> Result<Option<String>, Error> {
        let manifest = self.folder().join("Cargo.toml");
        if self.requests.is_none() {
            manifest.canonicalize().map_err(Error::file("find the manifest", &manifest))?;
        }
        self.requests(&manifest)
    }

    /// The file that says it, if it is not the package's manifest.
    pub(crate) fn requests_file(&self) -> Option<&Path> {
        self.requests.as_deref()
    }

    pub(crate) fn requests(&self, manifest: &Path) -> Result<Option<String>, Error> {
        match &self.requests {
            Some(file) => requests::of_file(file).map(Some),
            None => requests::of_package(manifest),
        }
    }

    /// Compiles the module; gives `None` while a guest is being compiled, when there is nothing to do.
    ///
    /// # Panics
    /// It does not: if the module cannot be compiled it prints why, and ends the build script with code 1.
    pub fn compile(&self) -> Option<Built> {
        self.try_compile().unwrap_or_else(|error| {
            eprintln!("error: {}", error.chain());
            std::process::exit(1)
        })
    }

    /// As [`Guest::compile`], with the error.
    ///
    /// # Errors
    /// Not called by a build script; the target `wasm32-wasip2` is missing and rustup could not install it; the guest does
    /// not compile; files cannot be written.
    pub fn try_compile(&self) -> Result<Option<Built>, Error> {
        println!("cargo::rustc-check-cfg=cfg(isopool_module_root)");
        if variable("TARGET")?.to_string_lossy().starts_with("wasm") {
            // Without any such line cargo would watch the whole package; this does not depend on any file.
            println!("cargo::rerun-if-changed=Cargo.toml");
            return Ok(None);
        }
        let out_dir = PathBuf::from(variable("OUT_DIR")?);
        let manifest = self.package_manifest()?;
        if env::var_os("DOCS_RS").is_some() {
            return self.without_module(&out_dir, &manifest).map(Some);
        }
        toolchain::ensure_target()?;
        let target_dir = shared_target_dir(&out_dir);
        let lock = lock(&target_dir)?;
        let artifact = self.run(&manifest, &target_dir)?;
        let name = self.file_name(&artifact.crate_name);
        let asks = self.requests(&manifest)?;
        let module = install::install(&artifact.wasm, asks.as_deref(), &artifact.crate_name, &out_dir, &name)?;
        watch(&artifact, &manifest)?;
        if let Some(file) = &self.requests {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        drop(lock);
        self.announce(&artifact.crate_name, &module);
        Ok(Some(Built { module }))
    }

    /// The package's folder, as it was named.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| ".".into())
    }

    fn package_manifest(&self) -> Result<PathBuf, Error> {
        let folder = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
        let manifest = match &self.path {
            None => folder.join("Cargo.toml"),
            Some(path) => folder.join(path).join("Cargo.toml"),
        };
        manifest.canonicalize().map_err(Error::file("find the guest's manifest", &manifest))
    }

    fn run(&self, manifest: &Path, target_dir: &Path) -> Result<Artifact, Error> {
        let profile = self.profile.as_deref().unwrap_or(PROFILE);
        let (arguments, rustc_arguments) = (self.cargo_arguments()?, self.rustc_arguments());
        Run { manifest, target_dir, profile, arguments, rustc_arguments, environment: self.settings() }.run()
    }

    pub(crate) fn rustc_arguments(&self) -> Vec<OsString> {
        vec![
            // Marks the functions of this crate, so that they come before those of dependencies with the same name.
            "--cfg".into(),
            "isopool_module_root".into(),
            "-C".into(),
            format!("link-arg=-zstack-size={}", self.stack_bytes).into(),
        ]
    }

    fn cargo_arguments(&self) -> Result<Vec<OsString>, Error> {
        if self.path.is_some() {
            return Ok(self.feature_arguments());
        }
        // A workspace's root package would otherwise stand for its default members.
        let mut package = variable("CARGO_PKG_NAME")?;
        package.push("@");
        package.push(variable("CARGO_PKG_VERSION")?);
        // The features of the host's build; the list holds `default` if that is on.
        let of_host = env::var("CARGO_CFG_FEATURE").unwrap_or_default();
        let mut wanted = self.clone();
        wanted.features.extend(of_host.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
        if !self.default_features {
            wanted.features.retain(|name| name != "default");
        }
        wanted.default_features = false;
        let mut arguments: Vec<OsString> = vec!["--package".into(), package];
        arguments.extend(wanted.feature_arguments());
        Ok(arguments)
    }

    pub(crate) fn feature_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        if !self.default_features {
            arguments.push("--no-default-features".into());
        }
        if !self.features.is_empty() {
            arguments.extend(["--features".into(), self.features.join(",").into()]);
        }
        arguments
    }

    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let debug = if self.line_tables {
            [("DEBUG", "line-tables-only"), ("STRIP", "none")]
        } else {
            [("DEBUG", "none"), ("STRIP", "debuginfo")]
        };
        let name = self.profile.as_deref().unwrap_or(PROFILE).to_uppercase().replace('-', "_");
        let settings = if self.profile.is_none() { SETTINGS } else { &[] };
        // Optimising across crates takes seconds after every edit: it waits for the outer release build. Outside of a build
        // script there is no outer build, and what is made is what is used.
        let debug_build = env::var_os("PROFILE").is_some_and(|profile| profile == "debug");
        let lto = [("LTO", if debug_build { "off" } else { "thin" })];
        let lto = if self.profile.is_none() { &lto[..] } else { &[] };
        let debug = if self.profile.is_none() || self.line_tables { &debug[..] } else { &[] };
        settings
            .iter()
            .chain(debug)
            .chain(lto)
            .map(|(setting, value)| (format!("CARGO_PROFILE_{name}_{setting}"), (*value).to_owned()))
            .collect()
    }

    /// The macros look for `module`; another package's module has its crate's name.
    fn file_name(&self, crate_name: &str) -> String {
        if self.path.is_none() { "module".to_owned() } else { crate_name.to_owned() }
    }

    fn announce(&self, crate_name: &str, module: &Path) {
        if self.path.is_some() {
            println!("cargo::rustc-env=ISOPOOL_MODULE_{}={}", crate_name.to_uppercase(), module.display());
        }
    }

    /// docs.rs has neither network nor the target: documentation is made with an empty module.
    fn without_module(&self, out_dir: &Path, manifest: &Path) -> Result<Built, Error> {
        println!("cargo::warning=docs.rs: the task module of {} is left empty", manifest.display());
        let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
        let crate_name = folder.to_string_lossy().replace('-', "_");
        let module = out_dir.join("isopool").join(format!("{}.wasm", self.file_name(&crate_name)));
        install::write_if_changed(&module, b"")?;
        self.announce(&crate_name, &module);
        Ok(Built { module })
    }
}

pub(crate) fn variable(name: &'static str) -> Result<OsString, Error> {
    env::var_os(name).ok_or(Error::NotABuildScript { name })
}

/// `isopool/` in the outer target directory: one for all packages and for `build`, `check` and `clippy`, each of which has
/// an `OUT_DIR` of its own and would otherwise compile the guest again. Cargo marks its target directory with this file.
pub(crate) fn shared_target_dir(out_dir: &Path) -> PathBuf {
    let marked = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.or_else(|| out_dir.ancestors().nth(4)).unwrap_or(out_dir).join(TARGET_DIRECTORY)
}

/// Held from before the build until the module is copied: the same file is made again for other features or profiles.
pub(crate) fn lock(target_dir: &Path) -> Result<File, Error> {
    fs::create_dir_all(target_dir).map_err(Error::file("create", target_dir))?;
    let path = target_dir.join("isopool.lock");
    let file = File::create(&path).map_err(Error::file("create", &path))?;
    file.lock().map_err(Error::file("lock", &path))?;
    Ok(file)
}

fn watch(artifact: &Artifact, manifest: &Path) -> Result<(), Error> {
    for file in dep_info::read(&artifact.wasm, manifest)? {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_share_a_directory_beside_the_outer_cargo_s_own() {
        let target = tempfile::tempdir().expect("a temporary folder");
        let out_dir = target.path().join("x86_64-unknown-linux-gnu/debug/build/p-1/out");
        fs::create_dir_all(&out_dir).expect("writable");
        assert_eq!(shared_target_dir(&out_dir), target.path().join("x86_64-unknown-linux-gnu/isopool"));
        fs::write(target.path().join("CACHEDIR.TAG"), "").expect("writable");
        assert_eq!(shared_target_dir(&out_dir), target.path().join("isopool"));
    }

    #[test]
    fn a_named_profile_is_used_as_it_is() {
        assert!(Guest::new().profile("small").settings().is_empty());
        assert_eq!(Guest::new().profile("my-own").line_tables(true).settings()[0].0, "CARGO_PROFILE_MY_OWN_DEBUG");
        assert!(Guest::new().settings().contains(&("CARGO_PROFILE_RELEASE_STRIP".into(), "debuginfo".into())));
    }
}
