//! What it does: tells cargo which files a module was made from, so that the build script runs again when one changes.
//! Takes from: the `.d` file that the guest's cargo wrote (it covers path dependencies, however deep).
//! Never: names a file that does not exist, which would make the script run every time.

use crate::Error;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file that a component was made from.
pub(crate) fn read(wasm: &Path, manifest: &Path) -> Result<BTreeSet<PathBuf>, Error> {
    let path = wasm.with_extension("d");
    let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    Ok(files(&text, manifest))
}

/// Every file whose change must rebuild the module.
pub(crate) fn files(dep_info: &str, manifest: &Path) -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<PathBuf> = parse(dep_info).into_iter().collect();
    files.insert(manifest.to_owned());
    let folders: BTreeSet<PathBuf> = files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
    for folder in &folders {
        // The packages of the sources: their features and dependencies are inputs too.
        files.extend(folder.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file()));
    }
    // The lock file and the workspace's manifest (profiles, shared dependencies) are in the first folder that has a lock.
    let root = manifest.ancestors().skip(1).find(|folder| folder.join("Cargo.lock").is_file());
    files.extend(root.into_iter().flat_map(|folder| [folder.join("Cargo.lock"), folder.join("Cargo.toml")]));
    files.retain(|file| file.exists());
    files
}

/// The right side of `output: input input …`, where a space in a name is written `\ `.
fn parse(dep_info: &str) -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    for line in dep_info.lines() {
        let Some((_, right)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut rest = right.chars().peekable();
        while let Some(next) = rest.next() {
            match next {
                '\\' if rest.peek() == Some(&' ') => name.extend(rest.next()),
                ' ' => inputs.push(PathBuf::from(std::mem::take(&mut name))),
                other => name.push(other),
            }
        }
        inputs.push(PathBuf::from(name));
    }
    inputs.retain(|input| !input.as_os_str().is_empty());
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_are_read() {
        let text = "/t/guest.wasm: /a/src/lib.rs /a\\ b/src/mod.rs\n\n/t/other: /c.rs\n";
        let expected = ["/a/src/lib.rs", "/a b/src/mod.rs", "/c.rs"].map(PathBuf::from);
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn only_files_that_exist_are_watched() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
        let files = files(&format!("x: {} /nowhere/x.rs", source.display()), &manifest);
        assert!(files.contains(&manifest) && files.contains(&source));
        assert!(files.iter().all(|file| file.exists()));
    }
}
