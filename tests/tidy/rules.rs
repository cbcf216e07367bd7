//! The rules that one file can break on its own.

use super::checkout::{expect_none, files, sources, top};
use super::source::{Source, word_offsets};
use std::fs;
use std::path::Path;

/// Longest file, in lines. None is longer; whoever splits one badly to satisfy this has missed the point.
const MAX_LINES: usize = 500;

/// The function outside of `sys` that may contain an unsafe block: it loads machine code.
const UNSAFE_FUNCTION: (&str, &str) = ("host/src/engine/module_cache.rs", "deserialize");

/// Programs that tests compile: written as their users write.
const FIXTURES: &[&str] = &["guest-sdk/tests/ui", "guest-sdk/build/tests/app"];

/// The only file that names bincode.
const BINCODE_FILE: &str = "guest-sdk/src/codec.rs";

fn is_below(source: &Source, folders: &[&str]) -> bool {
    folders.iter().any(|folder| source.path.starts_with(folder))
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let missing = |source: &Source| {
        (!is_below(source, FIXTURES) && !source.text.starts_with("//! ")).then(|| source.path.display().to_string())
    };
    let found: Vec<_> = sources("").filter_map(missing).collect();
    expect_none(&found, "open each with `//!` and a sentence");
}

#[test]
fn every_room_says_what_it_does_takes_hands_on_and_never_does() {
    let rooms = sources("").filter(|source| source.path.ends_with("mod.rs") && !is_below(source, FIXTURES));
    let found: Vec<_> = rooms.filter_map(missing_part_of_header).collect();
    expect_none(&found, "open each with `//! What it does: …`, `Takes from: …`, `Hands to: …`, `Never: …`");
}

fn missing_part_of_header(source: &Source) -> Option<String> {
    let header: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let mut rest = header.strip_prefix("//! ")?;
    for part in ["What it does: ", "Takes from: ", "Hands to: ", "Never: "] {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return Some(format!("{}: no `{}` in its place", source.path.display(), part.trim())),
        }
    }
    None
}

#[test]
fn unsafe_stays_where_it_is_watched() {
    let found: Vec<_> = sources("host/src").flat_map(unsafe_places).collect();
    expect_none(&found, "put it into host/src/sys, behind a safe function");
}

fn unsafe_places(source: &Source) -> Vec<String> {
    if is_below(source, &["host/src/sys"]) {
        return Vec::new();
    }
    // Not `unsafe` in an attribute: `#[ctor(unsafe)]`.
    let blocks = word_offsets(&source.code, "unsafe")
        .filter(|offset| !source.code[..*offset].ends_with('(') && !source.code[..*offset].ends_with("#["));
    let allowed = |offset: usize| {
        let (file, function) = UNSAFE_FUNCTION;
        source.path == Path::new(file) && function_around(&source.code, offset) == Some(function)
    };
    blocks.filter(|offset| !allowed(*offset)).map(|offset| source.place(offset)).collect()
}

/// The name of the last function that begins before an offset.
fn function_around(code: &str, offset: usize) -> Option<&str> {
    let start = word_offsets(&code[..offset], "fn").last()? + 2;
    let name = code[start..].trim_start();
    Some(&name[..name.find(|c: char| !(c.is_alphanumeric() || c == '_'))?])
}

#[test]
fn one_file_names_bincode() {
    let others = sources("").filter(|source| source.path != Path::new(BINCODE_FILE));
    let found: Vec<_> = others.flat_map(|source| source.places(&source.code, "bincode")).collect();
    expect_none(&found, "go through isopool_guest::Codec, so that bincode can be replaced in one place");
}

#[test]
fn nothing_is_left_undone_or_unwrapped() {
    let mut found: Vec<String> = Vec::new();
    for source in sources("") {
        let in_product = ["todo!", "unimplemented!", ".unwrap()"];
        found.extend(in_product.iter().flat_map(|word| source.places(&source.product, word)));
        found.extend(source.places(&source.code, "dbg!"));
    }
    expect_none(&found, "finish it; instead of `unwrap`, `expect` with the reason why it cannot fail");
}

#[test]
fn no_file_is_too_long() {
    let length = |source: &Source| source.text.lines().count();
    let found: Vec<_> = sources("")
        .filter(|source| length(source) > MAX_LINES)
        .map(|source| format!("{}: {} lines, more than {MAX_LINES}", source.path.display(), length(source)))
        .collect();
    expect_none(&found, "a file this long does two things; find the second one's name");
}

#[test]
fn every_guest_has_a_test_that_names_it() {
    let is_test =
        |source: &&Source| source.path.iter().any(|part| part == "tests") && !source.path.starts_with("tests/guests");
    let tests: Vec<_> = sources("").filter(is_test).collect();
    // Files beside the guests (a manifest, a page about them) are no guests.
    let guests = files("tests/guests").into_iter().filter_map(|path| {
        let mut parts = path.strip_prefix("tests/guests").ok()?.iter();
        let name = parts.next()?.to_string_lossy().into_owned();
        parts.next().map(|_| name)
    });
    let is_named = |guest: &String| {
        // The package of `guests/basic` is `guest-basic`.
        let crate_name = format!("guest_{}", guest.replace('-', "_"));
        // A guest that is no package of tasks is named by its folder.
        let folder = format!("guests/{guest}\"");
        let names = |source: &Source| word_offsets(&source.code, &crate_name).next().is_some();
        tests.iter().any(|source| names(source) || source.text.contains(&folder))
    };
    let mut found: Vec<_> = guests.filter(|guest| !is_named(guest)).collect();
    found.dedup();
    expect_none(&found, "write the test that it was made for, or remove it");
}

#[test]
fn no_path_of_a_machine_is_in_the_repository() {
    let mut private: Vec<String> = ["/home/", "/root/", "/Users/"].map(str::to_owned).to_vec();
    private.push(top().display().to_string());
    private.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1));
    let mut found = Vec::new();
    for path in files("") {
        let Ok(text) = fs::read_to_string(top().join(&path)) else { continue };
        // This file names them.
        if path == Path::new("tests/tidy/rules.rs") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if private.iter().any(|private| names_path(line, private)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    expect_none(&found, "write a path that holds on every machine");
}

/// Whether a line names an absolute path: `see /home/me`, not `docs/home/`.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(offset, _)| {
        let before = line[..offset].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/<>}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.into(), text.to_owned())
    }

    #[test]
    fn header_without_a_part_is_found() {
        let whole = "//! What it does: a.\n//! Takes from: b. Hands to: c.\n//! Never: d.\n\nmod x;";
        assert_eq!(missing_part_of_header(&source("host/src/x/mod.rs", whole)), None);
        for part in ["What it does: ", "Takes from: ", "Hands to: ", "Never: "] {
            assert!(missing_part_of_header(&source("host/src/x/mod.rs", &whole.replace(part, ""))).is_some());
        }
    }

    #[test]
    fn unsafe_outside_of_its_two_places_is_found() {
        let text = "unsafe fn a() {}\nfn deserialize() { unsafe { b() } }\n#[ctor(unsafe)] fn c() {}\n// unsafe";
        assert_eq!(unsafe_places(&source("host/src/sys/linux/a.rs", text)).len(), 0);
        assert_eq!(unsafe_places(&source("host/src/engine/a.rs", text)).len(), 2);
        assert_eq!(unsafe_places(&source(UNSAFE_FUNCTION.0, text)), ["host/src/engine/module_cache.rs:1"]);
    }

    #[test]
    fn absolute_paths_are_told_from_relative_ones() {
        for line in ["see /home/me", "`/home/me`", "\"/home/me\"", "=/home/me"] {
            assert!(names_path(line, "/home/"), "{line}");
        }
        for line in ["docs/home/", "https://a.b/home/", "./home/", "{}/home/"] {
            assert!(!names_path(line, "/home/"), "{line}");
        }
    }
}
