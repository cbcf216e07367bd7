//! What it does: finds files, one at a time, and reads them. Takes from: the command line's paths.
//! Hands to: `main.rs`. Never: follows a link out of a directory, nor holds more than one file.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Endings of names of text and source files.
const TEXT_EXTENSIONS: &[&str] = &[
    "adoc",
    "asm",
    "bash",
    "bib",
    "bzl",
    "c",
    "cc",
    "cfg",
    "clj",
    "cmake",
    "conf",
    "cpp",
    "cs",
    "css",
    "csv",
    "cxx",
    "dart",
    "diff",
    "el",
    "erl",
    "ex",
    "exs",
    "fish",
    "fs",
    "go",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "hh",
    "hpp",
    "hs",
    "htm",
    "html",
    "hxx",
    "ini",
    "ipynb",
    "java",
    "jl",
    "js",
    "json",
    "jsonl",
    "jsx",
    "kt",
    "kts",
    "less",
    "lisp",
    "lock",
    "log",
    "lua",
    "m",
    "make",
    "markdown",
    "md",
    "ml",
    "mli",
    "mm",
    "nix",
    "nim",
    "org",
    "pas",
    "patch",
    "php",
    "pl",
    "plist",
    "pm",
    "properties",
    "proto",
    "ps1",
    "py",
    "pyi",
    "r",
    "rb",
    "rs",
    "rst",
    "s",
    "sass",
    "scala",
    "scm",
    "scss",
    "sh",
    "sql",
    "srt",
    "svelte",
    "svg",
    "swift",
    "tcl",
    "tex",
    "tf",
    "toml",
    "ts",
    "tsv",
    "tsx",
    "txt",
    "vim",
    "vue",
    "wat",
    "wit",
    "wast",
    "xml",
    "xsd",
    "yaml",
    "yml",
    "zig",
    "zsh",
];

/// Beginnings of names of text files that have no ending.
const TEXT_NAMES: &[&str] = &[
    "AUTHORS",
    "CHANGELOG",
    "CHANGES",
    "CONTRIBUTING",
    "COPYING",
    "COPYRIGHT",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README",
    "TODO",
];

/// Which files of a directory are taken. A file that is named itself is always taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Those whose names say that they are text or source.
    Text,
    /// All but hidden ones.
    Any,
}

/// A file, or what took its place.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its path, as it is shown.
    pub(crate) name: String,
    /// What is in it, or why that is not known.
    pub(crate) bytes: Result<Vec<u8>, String>,
}

/// The files that the paths name or hold, read when they are asked for.
pub(crate) fn found(paths: &[PathBuf], choice: Choice, max_bytes: u64) -> impl Iterator<Item = Found> {
    walk(paths, choice).map(move |item| match item {
        Ok(path) => Found { name: shown(&path), bytes: read(&path, max_bytes) },
        Err(error) => {
            let name = error.path().map_or_else(|| "?".to_owned(), shown);
            let reason = error.io_error().map_or_else(|| error.to_string(), reason);
            Found { name, bytes: Err(format!("cannot be read: {reason}")) }
        }
    })
}

/// How many there are.
pub(crate) fn count(paths: &[PathBuf], choice: Choice) -> u64 {
    walk(paths, choice).count() as u64
}

fn walk(paths: &[PathBuf], choice: Choice) -> impl Iterator<Item = Result<PathBuf, walkdir::Error>> {
    paths.iter().flat_map(move |root| {
        let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(|entry| !is_skipped(entry));
        entries.filter_map(move |entry| match entry {
            Ok(entry) if is_taken(&entry, choice) => Some(Ok(entry.into_path())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    })
}

/// Hidden things and cargo's target directories. What is named itself is not skipped.
fn is_skipped(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let is_build = || name == "target" && entry.path().join("CACHEDIR.TAG").exists();
    entry.depth() > 0 && (name.starts_with('.') || is_build())
}

fn is_taken(entry: &DirEntry, choice: Choice) -> bool {
    if entry.depth() == 0 {
        return !entry.path().is_dir();
    }
    entry.file_type().is_file() && (choice == Choice::Any || has_text_name(entry.path()))
}

fn has_text_name(path: &Path) -> bool {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (name, extension) = (text(path.file_name()), text(path.extension()).to_lowercase());
    TEXT_EXTENSIONS.contains(&extension.as_str()) || TEXT_NAMES.iter().any(|start| name.starts_with(start))
}

/// The file's bytes. A pipe or a device is refused: it may never end.
fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let refused = |error: std::io::Error| format!("cannot be read: {}", reason(&error));
    let metadata = fs::metadata(path).map_err(refused)?;
    if !metadata.is_file() {
        return Err("cannot be read: not a regular file".to_owned());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(max_bytes)).unwrap_or_default());
    // One byte more than allowed, because a file can grow while it is read.
    File::open(path).and_then(|file| file.take(max_bytes + 1).read_to_end(&mut bytes)).map_err(refused)?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("larger than {} MiB; raise it with --max-mib", max_bytes >> 20));
    }
    Ok(bytes)
}

/// What the system said, in lower case and without its number, so that files with the same reason are shown together.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The path without `./`. A name can hold what a terminal would obey.
fn shown(path: &Path) -> String {
    let name = path.strip_prefix(".").unwrap_or(path).to_string_lossy();
    name.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_text_from_the_rest() {
        for name in ["a.rs", "b/README", "LICENSE-MIT", "c.TXT", "Dockerfile"] {
            assert!(has_text_name(Path::new(name)), "{name}");
        }
        for name in ["a.png", "b.wasm", "noending", "c.rs.gz"] {
            assert!(!has_text_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn this_package_is_found_without_hidden_files_and_builds() {
        let here = [PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
        let names: Vec<_> = walk(&here, Choice::Text).map(|path| path.expect("is readable")).collect();
        assert_eq!(names.len() as u64, count(&here, Choice::Text));
        assert!(names.iter().any(|path| path.ends_with("survey/files.rs")));
        assert!(!names.iter().any(|path| path.components().any(|part| part.as_os_str() == "target")));
    }

    #[test]
    fn names_cannot_command_the_terminal() {
        assert_eq!(shown(Path::new("./a\u{1b}[31m\n")), "a\u{fffd}[31m\u{fffd}");
    }

    #[test]
    fn what_is_no_file_or_is_missing_says_so() {
        let said = |path: &str| read(Path::new(path), 10).expect_err(path);
        assert_eq!(said("/dev/null"), "cannot be read: not a regular file");
        assert_eq!(said("/no/such/file"), "cannot be read: no such file or directory");
        assert_eq!(said("/"), "cannot be read: not a regular file");
    }

    #[test]
    fn a_file_over_the_limit_is_refused_with_the_remedy() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let size = fs::metadata(&path).expect("it is there").len();
        assert_eq!(read(&path, size).map(|bytes| bytes.len() as u64), Ok(size));
        assert_eq!(read(&path, size - 1), Err("larger than 0 MiB; raise it with --max-mib".to_owned()));
    }

    #[test]
    fn what_a_tree_holds_besides_readable_files_is_told_or_left_and_never_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("good.txt"), "good").expect("writable");
        std::os::unix::fs::symlink("nowhere", at("broken.txt")).expect("writable");
        std::os::unix::fs::symlink(".", at("loop")).expect("writable");
        nix::unistd::mkfifo(&at("pipe.txt"), nix::sys::stat::Mode::S_IRWXU).expect("writable");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.txt")).expect("writable");
        let here = folder.path().to_owned();
        let look = |paths: &[PathBuf]| {
            found(paths, Choice::Text, 100)
                .map(|found| found.bytes.map_err(|reason| reason.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(look(std::slice::from_ref(&here)), [Ok(b"good".to_vec())]);
        let refused = |reason: &str| Err(format!("cannot be read: {reason}"));
        let named = ["broken.txt", "pipe.txt", "socket.txt", "gone/away.txt"].map(at);
        assert_eq!(
            look(&named),
            [
                refused("no such file or directory"),
                refused("not a regular file"),
                refused("not a regular file"),
                refused("no such file or directory"),
            ]
        );
        // A folder that vanishes between the walk and the reading of its file.
        let mut walking = found(std::slice::from_ref(&here), Choice::Text, 100);
        drop(folder);
        assert_eq!(walking.next().map(|found| found.bytes), Some(refused("no such file or directory")));
    }
}
