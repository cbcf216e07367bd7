//! Reads source files so that byte offsets, lines and columns are those that rustc sees.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One source file of the user's package.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to the package, with `/`: the form that task ids have.
    pub(crate) name: String,
    /// The text as rustc reads it: without a byte order mark, and with a shebang line blanked.
    pub(crate) text: String,
}

/// Why a file is not in the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not Rust: rustc says it better, so this is only a warning.
    #[error("cannot parse {}:{line}:{column}: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// One-based.
        line: usize,
        /// One-based, in characters.
        column: usize,
        /// What the parser said.
        message: String,
    },
    /// The file is not inside the package, so that a copy would have no place.
    #[error("{} is outside the package: task! and what it names must be in files below the package's directory", path.display())]
    Outside {
        /// The file.
        path: PathBuf,
    },
}

/// Reads and parses one file.
pub(crate) fn read(package: &Path, path: &Path) -> Result<(SourceFile, syn::File), SourceError> {
    let name = relative_name(package, path).ok_or_else(|| SourceError::Outside { path: path.to_owned() })?;
    let text = fs::read_to_string(path).map_err(|source| SourceError::Read { path: path.to_owned(), source })?;
    parse(name, &text, path)
}

/// Parses a text that is already in memory.
pub(crate) fn parse(name: String, text: &str, path: &Path) -> Result<(SourceFile, syn::File), SourceError> {
    let text = as_rustc_reads(text);
    let tree = syn::parse_file(&text).map_err(|error| {
        let start = error.span().start();
        SourceError::Parse {
            path: path.to_owned(),
            line: start.line,
            column: start.column + 1,
            message: error.to_string(),
        }
    })?;
    Ok((SourceFile { name, text }, tree))
}

/// `src/net/mod.rs` for a file of the package, with `.` and `..` resolved.
fn relative_name(package: &Path, path: &Path) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.strip_prefix(package).ok()?.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                parts.pop()?;
            }
            other => parts.push(other.as_os_str().to_str()?.to_owned()),
        }
    }
    Some(parts.join("/"))
}

/// Drops the byte order mark, blanks a shebang line: syn would cut it off and shift every offset.
fn as_rustc_reads(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first_line = text.lines().next().unwrap_or("");
    if first_line.starts_with("#!") && !first_line[2..].trim_start().starts_with('[') {
        format!("{}{}", " ".repeat(first_line.len()), &text[first_line.len()..])
    } else {
        text.to_owned()
    }
}

/// Where a span is in its file, in bytes.
pub(crate) fn bytes(span: proc_macro2::Span) -> Range<usize> {
    span.byte_range()
}
