//! What it does: says from which files a component was made, and whether one of them has changed since.
//! Takes from: `component.rs`. Hands to: whoever builds again when something changes.
//! Never: follows a link to a folder; names a file that a build has made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The files that a component is made from: those that the compiler has read, and whatever else is in the `src` folders of
/// their packages, where a file may be missing that the compiler looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

/// The [`Sources`] as they are at one moment: equal to another while no file was changed, added or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcesState(BTreeMap<PathBuf, Mark>);

/// By what a change is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Sources {
    /// Of a package that was not built yet: its own files.
    pub(crate) fn of_package(manifest: &Path) -> Self {
        Self::of_files(BTreeSet::from([manifest.to_owned()]), Path::new(""))
    }

    /// Of a build that has read these files, manifests among them; what is in `target` it has made itself.
    pub(crate) fn of_files(mut files: BTreeSet<PathBuf>, target: &Path) -> Self {
        files.retain(|file| target.as_os_str().is_empty() || !file.starts_with(target));
        let manifests = files.iter().filter(|file| file.ends_with("Cargo.toml"));
        let packages: Vec<PathBuf> = manifests.filter_map(|file| file.parent()).map(Path::to_owned).collect();
        files.extend(packages.iter().map(|package| package.join("build.rs")));
        Self { files, folders: packages.iter().map(|package| package.join("src")).collect() }
    }

    /// And this file.
    pub(crate) fn with(mut self, file: Option<&Path>) -> Self {
        self.files.extend(file.map(Path::to_owned));
        self
    }

    /// How they are now.
    pub fn state(&self) -> SourcesState {
        let mut found = BTreeMap::new();
        for file in &self.files {
            // One that is not there, or cannot be read, is found when that changes.
            if let Ok(metadata) = fs::metadata(file) {
                found.insert(file.clone(), Mark::of(&metadata));
            }
        }
        for folder in &self.folders {
            add_folder(folder, &mut found);
        }
        SourcesState(found)
    }
}

impl SourcesState {
    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This state, of the files that `now` has: one that was not among the sources yet is taken as it is now.
    #[must_use]
    pub fn with_files_of(&self, now: SourcesState) -> Self {
        let before = |file: &PathBuf, mark: Mark| *self.0.get(file).unwrap_or(&mark);
        Self(now.0.into_iter().map(|(file, mark)| (file.clone(), before(&file, mark))).collect())
    }
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), bytes: metadata.len() }
    }
}

fn add_folder(folder: &Path, found: &mut BTreeMap<PathBuf, Mark>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.is_ok_and(|kind| kind.is_dir()) {
            add_folder(&path, found);
        } else if let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            found.insert(path, Mark::of(&metadata));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("src/deep")).and_then(|()| fs::create_dir(path("target"))).expect("writable");
        for name in ["Cargo.toml", "src/lib.rs", "src/deep/mod.rs", "text.txt", "target/made.rs"] {
            fs::write(path(name), name).expect("writable");
        }
        let read = ["Cargo.toml", "src/lib.rs", "src/deep/mod.rs", "text.txt", "target/made.rs"].map(path);
        let sources = Sources::of_files(read.into(), &path("target"));
        (folder, sources)
    }

    #[test]
    fn what_was_read_and_what_is_beside_it_is_watched_and_what_was_made_is_not() {
        let (folder, sources) = package();
        let path = |name: &str| folder.path().join(name);
        let first = sources.state();
        assert_eq!((first.len(), first.is_empty()), (4, false));
        fs::write(path("target/made.rs"), "again, and longer").expect("writable");
        fs::write(path("notes.txt"), "of nobody").expect("writable");
        assert_eq!(sources.state(), first);
        for changed in ["Cargo.toml", "src/lib.rs", "text.txt", "src/deep/new.rs", "build.rs"] {
            let before = sources.state();
            fs::write(path(changed), "longer than its name was before").expect("writable");
            assert_ne!(sources.state(), before, "{changed}");
        }
        let before = sources.state();
        fs::remove_file(path("src/deep/new.rs")).expect("it is there");
        assert_ne!(sources.state(), before);
    }

    #[test]
    fn package_that_was_not_built_has_its_own_files() {
        let (folder, _) = package();
        let sources = Sources::of_package(&folder.path().join("Cargo.toml"));
        assert_eq!(sources.state().len(), 3, "{sources:?}");
    }

    #[test]
    fn files_that_a_build_has_found_are_as_they_are_and_others_as_they_were() {
        let (folder, sources) = package();
        let own = Sources::of_package(&folder.path().join("Cargo.toml"));
        let before = own.state();
        fs::write(folder.path().join("src/lib.rs"), "changed while it was built").expect("writable");
        let now = sources.state();
        let seen = before.with_files_of(now.clone());
        assert_eq!(seen.len(), now.len());
        assert_ne!(seen, now, "that is a change still to be seen");
        let seen = own.state().with_files_of(now.clone());
        assert_eq!(seen, now);
    }
}
