//! What it does: reads what the user's package is: its targets, dependencies, features, workspace.
//! Takes from: `cargo metadata --no-deps`, which needs no network and no lock. Hands to: `steps.rs`.
//! Never: resolves versions; the lock file does that for the guest's own cargo.

use crate::Error;
use crate::prune::Root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that the host library comes in.
const LIBRARY_PACKAGE: &str = "isopool";

/// The user's package.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) targets: Vec<Target>,
    /// By the name that code uses.
    pub(crate) dependencies: BTreeMap<String, Dependency>,
    /// The name by which code knows the host library, and the key in the manifest.
    pub(crate) library: String,
    pub(crate) library_key: String,
    /// Where the package says that this builder is, if it says a path.
    pub(crate) builder: Option<PathBuf>,
    /// Features that are on.
    pub(crate) features: Vec<String>,
    pub(crate) workspace_root: PathBuf,
    /// The folders of the workspace's packages.
    pub(crate) members: Vec<PathBuf>,
}

/// One target that can hold closures.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test`, `example` or `bench`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) root: Root,
}

/// One dependency as the manifest has it, workspace inheritance already applied by cargo.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The key in the manifest.
    pub(crate) key: String,
    pub(crate) package: String,
    pub(crate) requirement: String,
    pub(crate) source: Option<String>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) registry: Option<String>,
    pub(crate) features: BTreeSet<String>,
    pub(crate) default_features: bool,
    pub(crate) target: Option<String>,
    /// Only for tests, examples and benches.
    pub(crate) dev: bool,
}

impl Package {
    /// Asks cargo about the package in `folder`.
    ///
    /// # Errors
    /// Cargo cannot be started, or does not know the package.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = folder.join("Cargo.toml");
        let output = Command::new(&program)
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(&manifest)
            .current_dir(folder)
            .output()
            .map_err(|source| Error::Start { program: program.to_string_lossy().into_owned(), source })?;
        let refused = |message: String| Error::Metadata { manifest: manifest.clone(), message };
        if !output.status.success() {
            return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| refused(error.to_string()))?;
        Self::find(&metadata, folder).ok_or_else(|| refused("cargo metadata does not list this package".to_owned()))
    }

    fn find(metadata: &Value, folder: &Path) -> Option<Self> {
        let packages = metadata["packages"].as_array()?;
        let manifest = folder.join("Cargo.toml");
        let same = |package: &&Value| {
            let path = package["manifest_path"].as_str().map(Path::new);
            path.is_some_and(|path| path == manifest || path.canonicalize().ok() == manifest.canonicalize().ok())
        };
        let package = packages.iter().find(same)?;
        let features = active_features(&package["features"]);
        let mut dependencies = read_dependencies(&package["dependencies"]);
        add_features_of_features(&mut dependencies, &package["features"], &features);
        let library = dependencies.iter().find(|(_, dependency)| dependency.package == LIBRARY_PACKAGE);
        let (library, library_key) = library.map_or_else(
            || (LIBRARY_PACKAGE.to_owned(), LIBRARY_PACKAGE.to_owned()),
            |(name, dependency)| (name.clone(), dependency.key.clone()),
        );
        let members = packages.iter().filter_map(|package| package["manifest_path"].as_str());
        Some(Self {
            folder: folder.to_owned(),
            name: text(&package["name"]),
            version: text(&package["version"]),
            edition: text(&package["edition"]),
            targets: read_targets(&package["targets"], &features),
            dependencies,
            library,
            library_key,
            builder: builder(&package["dependencies"]),
            features,
            workspace_root: PathBuf::from(text(&metadata["workspace_root"])),
            members: members.filter_map(|path| Path::new(path).parent()).map(Path::to_owned).collect(),
        })
    }

    /// The library, when there is one.
    pub(crate) fn library_target(&self) -> Option<&Target> {
        self.targets.iter().find(|target| target.kind == "lib")
    }
}

fn read_targets(targets: &Value, features: &[String]) -> Vec<Target> {
    let read = |target: &Value| {
        let kind = match target["kind"][0].as_str()? {
            kind @ ("bin" | "test" | "example" | "bench") => kind,
            "lib" | "rlib" | "dylib" | "cdylib" | "staticlib" => "lib",
            // A build script or a proc macro runs in the compiler, never in a pool.
            _ => return None,
        };
        let required = target["required-features"].as_array();
        let is_on = |feature: &Value| features.iter().any(|on| feature == on);
        if required.is_some_and(|required| !required.iter().all(is_on)) {
            return None;
        }
        let name = text(&target["name"]);
        let root = Root {
            crate_name: name.replace('-', "_"),
            path: PathBuf::from(text(&target["src_path"])),
            is_library: kind == "lib",
        };
        Some(Target { kind: kind.to_owned(), name, root })
    };
    targets.as_array().into_iter().flatten().filter_map(read).collect()
}

fn builder(dependencies: &Value) -> Option<PathBuf> {
    let mut entries = dependencies.as_array()?.iter();
    let entry = entries.find(|entry| entry["name"] == env!("CARGO_PKG_NAME") && entry["kind"] == "build")?;
    entry["path"].as_str().map(PathBuf::from)
}

fn read_dependencies(list: &Value) -> BTreeMap<String, Dependency> {
    let mut found: BTreeMap<String, Dependency> = BTreeMap::new();
    for entry in list.as_array().into_iter().flatten() {
        if entry["kind"] == "build" {
            continue;
        }
        let package = text(&entry["name"]);
        let key = entry["rename"].as_str().unwrap_or(&package).to_owned();
        let features = entry["features"].as_array().into_iter().flatten().map(text).collect();
        let dependency = Dependency {
            requirement: text(&entry["req"]),
            source: entry["source"].as_str().map(str::to_owned),
            path: entry["path"].as_str().map(PathBuf::from),
            registry: entry["registry"].as_str().map(str::to_owned),
            features,
            default_features: entry["uses_default_features"].as_bool().unwrap_or(true),
            target: entry["target"].as_str().map(str::to_owned),
            dev: entry["kind"] == "dev",
            package,
            key: key.clone(),
        };
        match found.get_mut(&key.replace('-', "_")) {
            // The same crate for tests with more features: the guest has one table for both.
            Some(known) => {
                known.features.extend(dependency.features);
                known.default_features |= dependency.default_features;
                if known.dev && !dependency.dev {
                    known.target = dependency.target;
                    known.dev = false;
                }
            }
            None => {
                found.insert(key.replace('-', "_"), dependency);
            }
        }
    }
    found
}

/// `[features] fast = ["rand/small_rng"]` turns features of dependencies on.
fn add_features_of_features(dependencies: &mut BTreeMap<String, Dependency>, table: &Value, active: &[String]) {
    for feature in active {
        for value in table[feature].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some((key, feature)) = value.split_once('/') {
                let key = key.trim_end_matches('?').replace('-', "_");
                if let Some(dependency) = dependencies.get_mut(&key) {
                    dependency.features.insert(feature.to_owned());
                }
            }
        }
    }
}

/// Cargo tells a build script the features as `CARGO_FEATURE_<NAME>`, in capitals and with `_` for `-`.
fn active_features(table: &Value) -> Vec<String> {
    let names = table.as_object().into_iter().flat_map(|table| table.keys());
    let is_on =
        |name: &&String| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"))).is_some();
    names.filter(is_on).cloned().collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn renamed_and_repeated_dependencies_are_one_each() {
        let list = json!([
            {"name": "serde", "req": "^1", "kind": null, "rename": null, "features": ["derive"], "uses_default_features": false},
            {"name": "serde", "req": "^1", "kind": "dev", "rename": null, "features": ["rc"], "uses_default_features": true},
            {"name": "my-lib", "req": "*", "kind": null, "rename": "other-name", "features": [], "path": "/p"},
            {"name": "cc", "req": "^1", "kind": "build", "features": []},
        ]);
        let found = read_dependencies(&list);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["other_name", "serde"]);
        assert_eq!(found["serde"].features, BTreeSet::from(["derive".to_owned(), "rc".to_owned()]));
        assert!(found["serde"].default_features && !found["serde"].dev);
        assert_eq!((found["other_name"].key.as_str(), found["other_name"].package.as_str()), ("other-name", "my-lib"));
    }

    #[test]
    fn a_feature_can_turn_on_a_dependency_s() {
        let mut found = read_dependencies(&json!([{"name": "rand", "req": "^0.9", "features": []}]));
        let table = json!({"fast": ["rand?/small_rng", "other"], "slow": ["rand/std"]});
        add_features_of_features(&mut found, &table, &["fast".to_owned()]);
        assert_eq!(found["rand"].features, BTreeSet::from(["small_rng".to_owned()]));
    }
}
