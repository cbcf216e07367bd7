//! Where a new project gets isopool from.

use super::super::exit::Stop;
use std::path::{Path, PathBuf};

/// Where this program's own package was when it was compiled.
const BUILT_FROM: &str = env!("CARGO_MANIFEST_DIR");

/// What a project can depend on, and where each is in a checkout.
const PACKAGES: &[(&str, &str)] =
    &[("isopool", "host"), ("isopool-guest", "guest-sdk"), ("isopool-build", "guest-sdk/build")];

/// Where isopool comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A checkout.
    Checkout(PathBuf),
    /// The registry, in this program's version.
    Registry,
}

impl Source {
    /// The checkout that was named; else the one that this program was built from, if it is still there; else the registry.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, Stop> {
        let Some(named) = named else {
            let checkout = Path::new(BUILT_FROM).parent().filter(|folder| is_checkout(folder));
            return Ok(checkout.map_or(Self::Registry, |folder| Self::Checkout(folder.to_owned())));
        };
        let folder = named.canonicalize().map_err(|error| {
            Stop::Usage(format!("--isopool is {}, which cannot be found: {error}", named.display()))
        })?;
        if !is_checkout(&folder) {
            let missing = PACKAGES.iter().map(|(_, path)| folder.join(path).join("Cargo.toml"));
            let missing = missing.filter(|manifest| !manifest.is_file()).map(|manifest| manifest.display().to_string());
            let missing = missing.collect::<Vec<_>>().join(", ");
            return Err(Stop::Usage(format!(
                "--isopool is {}, which is no checkout of isopool: it lacks {missing}",
                named.display()
            )));
        }
        if folder.to_str().is_none() {
            return Err(Stop::Usage(format!(
                "--isopool is {}, which cannot be written in a manifest: it is not UTF-8",
                named.display()
            )));
        }
        Ok(Self::Checkout(folder))
    }

    /// Every package with what stands for it behind `=` in a manifest.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (&'static str, String)> {
        PACKAGES.iter().map(move |(name, path)| {
            let requirement = match self {
                Self::Registry => quoted(env!("CARGO_PKG_VERSION")),
                Self::Checkout(folder) => format!("{{ path = {} }}", quoted(&folder.join(path).to_string_lossy())),
            };
            (*name, requirement)
        })
    }
}

fn is_checkout(folder: &Path) -> bool {
    PACKAGES.iter().all(|(_, path)| folder.join(path).join("Cargo.toml").is_file())
}

/// A string of TOML. What JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_come_from_where_the_source_says() {
        let of = |source: Source| source.requirements().collect::<Vec<_>>();
        let checkout = of(Source::Checkout("/a \"b\"".into()));
        assert_eq!(checkout[1], ("isopool-guest", r#"{ path = "/a \"b\"/guest-sdk" }"#.to_owned()));
        assert_eq!(of(Source::Registry)[0], ("isopool", format!("\"{}\"", env!("CARGO_PKG_VERSION"))));
    }

    #[test]
    fn checkout_that_is_none_is_refused_with_what_it_lacks() {
        let refusal = |path: &Path| Source::find(Some(path)).expect_err("it is no checkout").to_string();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        assert!(refusal(folder.path()).contains("guest-sdk/build/Cargo.toml"));
        assert!(refusal(&folder.path().join("none")).contains("cannot be found"));
    }
}
