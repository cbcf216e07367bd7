//! What it does: puts into a module what it asks for: its manifest, a custom section. Takes from: the package's `Cargo.toml`, or
//! a file. Hands to: `install.rs`. Never: decides what may be asked for; whoever loads the module reads it.

use crate::Error;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// The name of the section; its content is JSON.
const SECTION: &[u8] = b"isopool:manifest";

/// Magic number and version, of a component as of a core module.
const HEADER_BYTES: usize = 8;

/// The table `package.metadata.isopool.manifest` of a `Cargo.toml`, as JSON.
pub(crate) fn of_package(manifest: &Path) -> Result<Option<String>, Error> {
    let table = read(manifest)?;
    let metadata = table.get("package").and_then(|package| package.get("metadata"));
    let asked = metadata.and_then(|metadata| metadata.get("isopool")?.get("manifest"));
    asked.map(|value| to_json(value, manifest)).transpose()
}

/// A whole file of TOML, as JSON.
pub(crate) fn of_file(file: &Path) -> Result<String, Error> {
    to_json(&Value::Table(read(file)?), file)
}

fn read(file: &Path) -> Result<Table, Error> {
    let text = fs::read_to_string(file).map_err(Error::file("read", file))?;
    let parsed: Result<Table, toml::de::Error> = text.parse();
    parsed.map_err(|error| Error::Metadata { manifest: file.to_owned(), message: error.to_string() })
}

fn to_json(value: &Value, file: &Path) -> Result<String, Error> {
    let refused = |error: serde_json::Error| Error::Metadata { manifest: file.to_owned(), message: error.to_string() };
    serde_json::to_string(value).map_err(refused)
}

/// Puts a manifest, in JSON, into a component or a core module, in place of the one that is there.
///
/// # Errors
/// It is no WebAssembly, or is damaged.
///
/// ```
/// let wasm = isopool_build::with_manifest(b"\0asm\x0d\0\x01\0", r#"{ "arguments": true }"#)?;
/// assert!(wasm.ends_with(br#"isopool:manifest{ "arguments": true }"#));
/// assert_eq!(isopool_build::with_manifest(&wasm, "{}")?, *b"\0asm\x0d\0\x01\0\0\x13\x10isopool:manifest{}");
/// # Ok::<(), isopool_build::Error>(())
/// ```
pub fn with_manifest(wasm: &[u8], json: &str) -> Result<Vec<u8>, Error> {
    let mut made = without_manifest(wasm).ok_or(Error::NotWasm)?;
    let name = [&leb128(SECTION.len())[..], SECTION].concat();
    made.push(0);
    made.extend(leb128(name.len() + json.len()));
    made.extend(name);
    made.extend(json.as_bytes());
    Ok(made)
}

/// The sections of the outermost level, but for manifests.
fn without_manifest(wasm: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = wasm.split_at_checked(HEADER_BYTES)?;
    if !header.starts_with(b"\0asm") {
        return None;
    }
    let mut kept = header.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, content) = read_leb128(after_id)?;
        let (content, next) = content.split_at_checked(size)?;
        let is_manifest = id == 0 && {
            let (length, name) = read_leb128(content)?;
            name.get(..length)? == SECTION
        };
        if !is_manifest {
            kept.extend(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Some(kept)
}

/// How WebAssembly writes numbers.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A number of 32 bits, and what comes after it.
fn read_leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (index, &byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stay_and_manifests_are_replaced() {
        let other: &[u8] = b"\0\x06\x04namey";
        let wasm = [b"\0asm\x01\0\0\0", other].concat();
        let long = format!(r#"{{ "description": "{}" }}"#, "x".repeat(1000));
        let asks = with_manifest(&wasm, &long).expect("a module");
        assert!(asks.starts_with(&wasm) && asks.ends_with(long.as_bytes()));
        let again = [&asks[..], other].concat();
        let replaced = with_manifest(&again, "{}").expect("a module");
        assert_eq!(replaced, [&wasm[..], other, b"\0\x13\x10isopool:manifest{}"].concat());
        for damaged in [&b"text"[..], b"\0asm", &asks[..asks.len() - 1], &[&wasm[..], &[0, 0x80]].concat()] {
            assert!(matches!(with_manifest(damaged, "{}"), Err(Error::NotWasm)), "{damaged:?}");
        }
    }

    #[test]
    fn a_package_s_manifest_is_in_its_metadata() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Cargo.toml");
        let of = |text: &str| {
            fs::write(&file, text).expect("a file");
            of_package(&file)
        };
        assert_eq!(of("[package]\nname = \"a\"\n").expect("it is TOML"), None);
        let asks = "[package.metadata.isopool.manifest]\narguments = true\nvariables = [{ name = \"A\" }]\n";
        assert_eq!(of(asks).expect("it is TOML").as_deref(), Some(r#"{"arguments":true,"variables":[{"name":"A"}]}"#));
        assert!(matches!(of("[package"), Err(Error::Metadata { .. })));
        fs::write(&file, "arguments = true\n").expect("a file");
        assert_eq!(of_file(&file).expect("it is TOML"), r#"{"arguments":true}"#);
    }
}
