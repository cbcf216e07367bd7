//! What it does: puts a finished module where the macros look for it. Takes from: `guest.rs`. Hands to: `OUT_DIR/isopool/`.
//! Never: rewrites a file that has not changed, which would make everything that embeds it compile again.

use crate::Error;
use crate::requests::with_manifest;
use std::fs;
use std::path::{Path, PathBuf};

/// The first eight bytes of every component: `\0asm`, version 13, layer 1.
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// Copies the component at `wasm` to `out_dir/isopool/<name>.wasm`, beside a file that names its crate.
pub(crate) fn install(
    wasm: &Path,
    asks: Option<&str>,
    crate_name: &str,
    out_dir: &Path,
    name: &str,
) -> Result<PathBuf, Error> {
    let bytes = component(wasm, asks)?;
    let folder = out_dir.join("isopool");
    write_if_changed(&folder.join(format!("{name}.crate")), crate_name.as_bytes())?;
    let module = folder.join(format!("{name}.wasm"));
    write_if_changed(&module, &bytes)?;
    Ok(module)
}

/// The component in a file, with what it asks for.
pub(crate) fn component(wasm: &Path, asks: Option<&str>) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(wasm).map_err(Error::file("read", wasm))?;
    if !bytes.starts_with(COMPONENT_HEADER) {
        return Err(Error::NotAComponent { path: wasm.to_owned() });
    }
    match asks {
        Some(json) => with_manifest(&bytes, json),
        None => Ok(bytes),
    }
}

/// Writes a component to the file `to`, which is whole at every moment.
pub(crate) fn replace(component: &[u8], to: &Path) -> Result<(), Error> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unfinished = to.with_file_name(name);
    fs::write(&unfinished, component).map_err(Error::file("write", &unfinished))?;
    fs::rename(&unfinished, to).map_err(|source| {
        // Nobody wants half of it.
        let _ = fs::remove_file(&unfinished);
        Error::file("write", to)(source)
    })
}

/// Writes a file, and its folder, unless it already holds these bytes.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    fs::write(path, bytes).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_component_is_installed_and_only_a_changed_one_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let wasm = folder.path().join("in.wasm");
        fs::write(&wasm, b"\0asm\x01\0\0\0").expect("writable");
        assert!(matches!(install(&wasm, None, "c", folder.path(), "module"), Err(Error::NotAComponent { .. })));
        fs::write(&wasm, COMPONENT_HEADER).expect("writable");
        let module = install(&wasm, None, "c", folder.path(), "module").expect("a component");
        let before = fs::metadata(&module).and_then(|data| data.modified()).expect("it is there");
        install(&wasm, None, "c", folder.path(), "module").expect("a component");
        assert_eq!(fs::metadata(&module).and_then(|data| data.modified()).expect("it is there"), before);
    }
}
