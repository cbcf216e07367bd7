//! What it does: runs the fuzz targets, under libFuzzer or over files that are there.
//! Takes from: `fuzz_targets/`, `corpus/`. Hands to: the library's decoders. Never: needs libFuzzer for files.

pub mod codec;
#[cfg(fuzzing)]
mod libfuzzer;

use std::path::PathBuf;

/// One target: it panics if its bytes do what no bytes may do.
pub type Target = fn(&[u8]);

/// Every target, by the name of its program and of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("replies", isopool::__fuzz::replies),
    ("requests", isopool::__fuzz::requests),
    ("codec", codec::values),
    ("module", isopool::__fuzz::module),
    ("cache_entry", isopool::__fuzz::cache_entry),
    ("queue", isopool::__fuzz::queue),
];

/// The whole life of a target's program: libFuzzer, in a build for it; otherwise each file named on the command line.
///
/// # Panics
/// As the target does, and when a file cannot be read.
pub fn run(target: Target) {
    #[cfg(fuzzing)]
    libfuzzer::run(target);
    #[cfg(not(fuzzing))]
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        replay(target, &path);
    }
}

/// Gives a target the bytes of a file.
///
/// # Panics
/// As the target does, and when the file cannot be read.
pub fn replay(target: Target, path: &PathBuf) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("{} ({} bytes)", path.display(), bytes.len());
    target(&bytes);
}
