//! Every file of the corpus, given to its target: what was found once is not found again. Needs no libFuzzer.

use isopool_fuzz::{TARGETS, replay};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(here(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let path = |entry: std::io::Result<fs::DirEntry>| entry.expect("it can be listed").path();
    entries.map(path).map(|path| path.file_stem().expect("it has a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_target_survives_its_corpus() {
    for (name, target) in TARGETS {
        let folder = here("corpus").join(name);
        let mut files: Vec<_> =
            fs::read_dir(&folder).expect("it is there").map(|entry| entry.expect("it can be listed").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        files.iter().for_each(|file| replay(*target, file));
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
}
