//! The form of the file: two lines of text (what it is, and the hash of the rest), one of JSON, then bytes.

use super::contents::{Answer, Contents};
use crate::limits::{
    MAX_BUNDLE_ARGUMENT_BYTES, MAX_BUNDLE_DESCRIPTION_BYTES, MAX_BUNDLE_HOST_CALL_BYTES, MAX_BUNDLE_MODULE_BYTES,
};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The version of the form. Raise it with every change of [`Contents`].
pub(crate) const BUNDLE_FORMAT: u32 = 1;

const FIRST_LINE: &str = "isopool crash bundle, format ";

/// Of the whole file, in bytes: each part at its largest, with the argument of an initializer and some lines of text.
const MAX_BUNDLE_BYTES: usize = MAX_BUNDLE_DESCRIPTION_BYTES
    + 2 * MAX_BUNDLE_ARGUMENT_BYTES
    + MAX_BUNDLE_MODULE_BYTES
    + MAX_BUNDLE_HOST_CALL_BYTES
    + 1024;

/// A crash bundle in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bundle {
    pub(crate) contents: Contents,
    /// The initializer's argument; empty without one.
    pub(crate) initializer: Vec<u8>,
    pub(crate) argument: Vec<u8>,
    pub(crate) module: Option<Vec<u8>>,
    /// What each call was given, and what it returned.
    pub(crate) calls: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The file's bytes.
pub(super) fn write(bundle: &Bundle) -> Result<Vec<u8>, String> {
    let mut rest = serde_json::to_vec(&bundle.contents).map_err(|error| error.to_string())?;
    check("its description", rest.len(), MAX_BUNDLE_DESCRIPTION_BYTES)?;
    check("its argument", bundle.argument.len(), MAX_BUNDLE_ARGUMENT_BYTES)?;
    check("the argument of its initializer", bundle.initializer.len(), MAX_BUNDLE_ARGUMENT_BYTES)?;
    rest.push(b'\n');
    rest.extend_from_slice(&bundle.initializer);
    rest.extend_from_slice(&bundle.argument);
    rest.extend_from_slice(bundle.module.as_deref().unwrap_or_default());
    for (argument, returned) in &bundle.calls {
        rest.extend_from_slice(argument);
        rest.extend_from_slice(returned);
    }
    let mut file = format!("{FIRST_LINE}{BUNDLE_FORMAT}\n{}\n", blake3::hash(&rest)).into_bytes();
    file.extend_from_slice(&rest);
    Ok(file)
}

/// The hash of all of it, for its name.
pub(super) fn hash_of(file: &[u8]) -> String {
    blake3::hash(file).to_string()
}

fn check(what: &str, bytes: usize, limit: usize) -> Result<(), String> {
    if bytes > limit {
        return Err(format!("{what} has {bytes} bytes, the limit is {limit}"));
    }
    Ok(())
}

/// Reads a file of whatever origin.
pub(crate) fn read(path: &Path) -> Result<Bundle, String> {
    let mut bytes = Vec::new();
    let most = MAX_BUNDLE_BYTES as u64 + 1;
    let file = File::open(path).map_err(|error| format!("it cannot be opened: {error}"))?;
    file.take(most).read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(format!("it has more than {MAX_BUNDLE_BYTES} bytes, the most that a crash bundle can have"));
    }
    parse(&bytes)
}

/// See [`read`].
pub(super) fn parse(bytes: &[u8]) -> Result<Bundle, String> {
    let Some(rest) = bytes.strip_prefix(FIRST_LINE.as_bytes()) else {
        return Err("it is no crash bundle of isopool".to_owned());
    };
    let (version, rest) = line(rest, 20)?;
    if version != BUNDLE_FORMAT.to_string().as_bytes() {
        let version = String::from_utf8_lossy(version);
        return Err(format!(
            "its format is {version:?}, and this isopool ({}) reads format {BUNDLE_FORMAT}; replay it with the isopool that wrote it",
            env!("CARGO_PKG_VERSION")
        ));
    }
    let (hash, rest) = line(rest, 64)?;
    if hash != blake3::hash(rest).to_string().as_bytes() {
        return Err("it is damaged: its bytes are not those that were written, or some are missing".to_owned());
    }
    let (description, mut rest) = line(rest, MAX_BUNDLE_DESCRIPTION_BYTES)?;
    let contents: Contents =
        serde_json::from_slice(description).map_err(|error| format!("its description: {error}"))?;
    let mut part = |bytes: usize| -> Result<Vec<u8>, String> {
        let (part, left) = rest.split_at_checked(bytes).ok_or("it is damaged: a part of it is missing")?;
        rest = left;
        Ok(part.to_vec())
    };
    let initializer = part(contents.initializer.as_ref().map_or(0, |call| call.argument_bytes))?;
    let argument = part(contents.argument_bytes)?;
    let module = contents.module_bytes.map(&mut part).transpose()?;
    let mut calls = Vec::new();
    for call in &contents.host_calls {
        let returned = match call.answer {
            Some(Answer::Returned { bytes }) => bytes,
            _ => 0,
        };
        calls.push((part(call.argument_bytes)?, part(returned)?));
    }
    if !rest.is_empty() {
        return Err(format!("it is damaged: {} bytes are left over", rest.len()));
    }
    Ok(Bundle { contents, initializer, argument, module, calls })
}

/// Up to the first line break, and what comes after it.
fn line(bytes: &[u8], most: usize) -> Result<(&[u8], &[u8]), String> {
    let end = bytes.iter().take(most + 1).position(|&byte| byte == b'\n').ok_or("it is damaged: it ends too early")?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}
