//! What a module asks for, in its own words.

use super::grants::check_guest_path;
use super::{Access, AddressGrant};
use crate::limits::{MAX_ADDRESS_GRANTS, MAX_DIRECTORY_GRANTS, MAX_MANIFEST_BYTES};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::str::FromStr;

/// What a module asks for: the custom section `isopool:manifest` of its WebAssembly, in JSON.
///
/// A module that has one is given what it asks for **and** its caller grants, and nothing else: a variable, a directory, an address
/// that is granted to everyone is not there for a module that does not ask for it. A module without a manifest is given all that is
/// granted. To ask grants nothing. Functions of the caller's are asked for by importing them.
///
/// In a guest's `Cargo.toml` it is the table `package.metadata.isopool.manifest`, which `isopool-build` and `isopool build` put into the
/// module.
///
/// ```
/// let manifest: isopool::Manifest = r#"{
///     "name": "thumbnails",
///     "directories": [{ "path": "/pictures", "required": true }, { "path": "/out", "access": "read-write" }],
///     "variables": [{ "name": "LANG" }],
///     "addresses": [{ "to": "10.1.0.0/16:443" }],
///     "arguments": true
/// }"#
/// .parse()?;
/// assert!(manifest.directories[0].required && manifest.arguments);
///
/// let error = r#"{ "variable": [] }"#.parse::<isopool::Manifest>().expect_err("misspelled");
/// assert!(error.to_string().contains("unknown field `variable`, expected one of"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Manifest {
    /// The plugin's name for itself; may be empty. Tasks and errors have the one under which the module was loaded.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Directories, by the paths under which it finds them.
    pub directories: Vec<DirectoryRequest>,
    /// Variables of the environment.
    pub variables: Vec<VariableRequest>,
    /// Where it opens TCP connections to.
    pub addresses: Vec<AddressRequest>,
    /// Whether it reads its arguments, `std::env::args()` of a Rust guest. Its name, which is a program's first, it always has.
    pub arguments: bool,
}

/// A directory that a module asks for. See [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DirectoryRequest {
    /// Its path in the guest: it asks for what is granted there, or below it.
    pub path: String,
    /// `"read-only"`, which is the default, or `"read-write"`.
    #[serde(with = "AccessWord", default = "read_only")]
    pub access: Access,
    /// Whether the module is of no use without it: its tasks are refused then. Default: no.
    #[serde(default)]
    pub required: bool,
}

/// A variable that a module asks for. See [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VariableRequest {
    /// Its name.
    pub name: String,
    /// Whether the module is of no use without it: its tasks are refused then. Default: no.
    #[serde(default)]
    pub required: bool,
}

/// Addresses that a module asks for. See [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressRequest {
    /// Which: `"10.1.0.0/16:8000-8099"`.
    #[serde(with = "as_text")]
    pub to: AddressGrant,
    /// Whether the module is of no use without all of them: its tasks are refused then. Default: no.
    #[serde(default)]
    pub required: bool,
}

/// How a manifest writes an [`Access`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Access", rename_all = "kebab-case")]
enum AccessWord {
    ReadOnly,
    ReadWrite,
}

fn read_only() -> Access {
    Access::ReadOnly
}

/// How a manifest writes addresses.
mod as_text {
    use crate::task::AddressGrant;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(grant: &AddressGrant, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(grant)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AddressGrant, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidManifest {
    message: String,
}

/// Of its JSON.
impl FromStr for Manifest {
    type Err = InvalidManifest;

    fn from_str(json: &str) -> Result<Self, InvalidManifest> {
        let refused = |message: String| InvalidManifest { message };
        if json.len() > MAX_MANIFEST_BYTES {
            return Err(refused(too_long(json.len())));
        }
        let manifest: Self = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
        manifest.check().map_err(refused)?;
        Ok(manifest)
    }
}

fn too_long(bytes: usize) -> String {
    format!("it has {bytes} bytes, the limit is {MAX_MANIFEST_BYTES} (limits::MAX_MANIFEST_BYTES); ask for less")
}

impl Manifest {
    /// Checks what no type can.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bytes = self.text_bytes();
        if bytes > MAX_MANIFEST_BYTES {
            return Err(too_long(bytes));
        }
        for (what, count, limit) in [
            ("directories", self.directories.len(), MAX_DIRECTORY_GRANTS),
            ("addresses", self.addresses.len(), MAX_ADDRESS_GRANTS),
        ] {
            if count > limit {
                return Err(format!("it asks for {count} {what}, and no task is granted more than {limit}"));
            }
        }
        for text in [&self.name, &self.version, &self.description] {
            if text.chars().any(|letter| letter.is_control() && letter != '\n') {
                return Err(format!("{text:?} has control characters in it"));
            }
        }
        let mut names = HashSet::new();
        for VariableRequest { name, .. } in &self.variables {
            let is_odd = |letter: char| letter == '=' || letter.is_control();
            if name.is_empty() || name.contains(is_odd) {
                return Err(format!(
                    "{name:?} is no name of a variable: it is empty, or has `=` or control characters"
                ));
            }
            if !names.insert(name.as_str()) {
                return Err(format!("it asks for the variable `{name}` twice"));
            }
        }
        let mut paths = HashSet::new();
        for DirectoryRequest { path, .. } in &self.directories {
            check_guest_path(path)?;
            if path.chars().any(char::is_control) {
                return Err(format!("{path:?} has control characters in it"));
            }
            if !paths.insert(path.as_str()) {
                return Err(format!("it asks for the directory `{path}` twice"));
            }
        }
        Ok(())
    }

    /// All that it says, in bytes.
    pub(crate) fn text_bytes(&self) -> usize {
        let texts = [&self.name, &self.version, &self.description].into_iter();
        let texts = texts.chain(self.directories.iter().map(|directory| &directory.path));
        texts.chain(self.variables.iter().map(|variable| &variable.name)).map(String::len).sum()
    }

    /// Whether it asks for a variable.
    pub(crate) fn asks_for_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }
}

impl DirectoryRequest {
    /// Whether a directory at this path of a guest is what it asks for.
    pub(crate) fn covers(&self, guest: &str) -> bool {
        let below = guest.strip_prefix(self.path.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        json.parse::<Manifest>().expect_err(json).to_string()
    }

    #[test]
    fn everything_may_be_left_out_and_nothing_may_be_unknown() {
        assert_eq!("{}".parse(), Ok(Manifest::default()));
        let manifest: Manifest =
            r#"{ "directories": [{ "path": "/a" }], "variables": [{ "name": "A" }], "addresses": [{ "to": "[::1]:1" }] }"#
                .parse()
                .expect("is one");
        let [DirectoryRequest { path, access: Access::ReadOnly, required: false }] = &manifest.directories[..] else {
            panic!("{manifest:?}")
        };
        assert_eq!(path, "/a");
        assert!(!manifest.variables[0].required && !manifest.addresses[0].required && !manifest.arguments);
        for (json, key) in [
            (r#"{ "dirs": [] }"#, "dirs"),
            (r#"{ "directories": [{ "path": "/a", "acces": "read-only" }] }"#, "acces"),
            (r#"{ "variables": [{ "name": "A", "value": "1" }] }"#, "value"),
            (r#"{ "addresses": [{ "to": "[::1]:1", "udp": true }] }"#, "udp"),
        ] {
            assert!(refused(json).starts_with(&format!("unknown field `{key}`, expected ")), "{}", refused(json));
        }
    }

    #[test]
    fn what_nobody_could_grant_is_refused() {
        for (json, why) in [
            ("", "EOF"),
            ("{} {}", "trailing characters"),
            (r#"{ "arguments": true, "arguments": false }"#, "duplicate field"),
            (r#"{ "directories": [{ "path": "a" }] }"#, "it must begin with `/`"),
            (r#"{ "directories": [{ "path": "/a/../b" }] }"#, "`..`"),
            (r#"{ "directories": [{ "path": "/a" }, { "path": "/a" }] }"#, "twice"),
            (r#"{ "directories": [{ "path": "/a\n" }] }"#, "control characters"),
            (r#"{ "directories": [{ "path": "/a", "access": "all" }] }"#, "expected `read-only` or `read-write`"),
            (r#"{ "variables": [{ "name": "" }] }"#, "no name of a variable"),
            (r#"{ "variables": [{ "name": "A=B" }] }"#, "no name of a variable"),
            (r#"{ "variables": [{ "name": "A" }, { "name": "A" }] }"#, "twice"),
            (r#"{ "addresses": [{ "to": "localhost:80" }] }"#, "names no addresses"),
            (r#"{ "name": "\u001b[2J" }"#, "control characters"),
        ] {
            assert!(refused(json).contains(why), "{json}: {}", refused(json));
        }
        let many = |count: usize| {
            let paths: Vec<_> = (0..count).map(|n| format!(r#"{{ "path": "/{n}" }}"#)).collect();
            format!(r#"{{ "directories": [{}] }}"#, paths.join(","))
        };
        assert!(many(MAX_DIRECTORY_GRANTS).parse::<Manifest>().is_ok());
        assert!(refused(&many(MAX_DIRECTORY_GRANTS + 1)).contains("it asks for 65 directories"));
    }

    #[test]
    fn a_request_covers_its_path_and_what_is_below_it() {
        let request =
            |path: &str| DirectoryRequest { path: path.to_owned(), access: Access::ReadOnly, required: false };
        assert!(request("/a").covers("/a") && request("/a").covers("/a/b") && request("/").covers("/a"));
        assert!(request("/").covers("/"));
        assert!(!request("/a").covers("/ab") && !request("/a/b").covers("/a") && !request("/a").covers("/"));
    }
}
