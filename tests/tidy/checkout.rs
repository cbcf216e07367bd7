//! The files of the checkout.

use super::source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The top of the checkout.
pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is one level below the top")
}

/// Every file below a directory of the checkout, by its path from the top, without what builds and git keep there.
pub(crate) fn files(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&top().join(below), &mut found);
    found.sort();
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    // A build directory, whatever its name.
    if directory.join("CACHEDIR.TAG").exists() {
        return;
    }
    let Ok(items) = fs::read_dir(directory) else { return };
    for item in items {
        let path = item.expect("the directory can be read").path();
        let name = path.file_name().expect("an item has a name").to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path.strip_prefix(top()).expect("it is below the top").to_owned());
        }
    }
}

/// Every Rust file below a directory.
pub(crate) fn sources(below: &str) -> impl Iterator<Item = &'static Source> {
    static ALL: OnceLock<Vec<Source>> = OnceLock::new();
    ALL.get_or_init(read_all).iter().filter(move |source| source.path.starts_with(below))
}

fn read_all() -> Vec<Source> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let mut sources: Vec<_> = files("").into_iter().filter(is_rust).map(read).collect();
    let tests: BTreeSet<PathBuf> = sources.iter().flat_map(Source::test_files).collect();
    sources.iter_mut().filter(|source| tests.contains(&source.path)).for_each(Source::becomes_test);
    sources
}

fn read(path: PathBuf) -> Source {
    let text = fs::read_to_string(top().join(&path)).expect("a source is readable text");
    Source::new(path, text)
}

/// Fails with all that was found, one to a line, or passes if that is nothing.
pub(crate) fn expect_none(found: &[String], remedy: &str) {
    assert!(found.is_empty(), "{} found; {remedy}:\n  {}", found.len(), found.join("\n  "));
}

#[test]
fn checkout_is_found() {
    assert!(top().join("Cargo.toml").is_file());
    for path in ["host/src/lib.rs", "guest-sdk/src/codec.rs", "tests/tidy/mod.rs"] {
        assert!(sources("").any(|source| source.path == Path::new(path)), "{path}");
    }
}
