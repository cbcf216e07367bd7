//! What it does: finds out, while a `#[task]` is expanded for the host, whether the build script has made its module.
//! Takes from: the environment that cargo gives the compiler. Hands to: `task_attr.rs`. Never: builds anything.

use std::path::Path;

/// The one line of a build script, for messages.
const REMEDY: &str = "put `fn main() { isopool_build::guest(); }` into its build.rs, and `isopool-build` under \
                      [build-dependencies] (`cargo add --build isopool-build`)";

/// Why the stub of a task could not find the module, if it could not.
pub(crate) fn complaint() -> Option<String> {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let Some(out_dir) = std::env::var_os("OUT_DIR") else {
        return Some(format!(
            "`#[task]`: the package `{package}` has no build script that compiles its tasks; {REMEDY}"
        ));
    };
    let folder = Path::new(&out_dir).join("isopool");
    if !folder.join("module.wasm").is_file() {
        return Some(format!("`#[task]`: the build script of `{package}` does not compile its tasks; {REMEDY}"));
    }
    // The build script wrote down which crate it compiled: the package's library.
    let compiled = std::fs::read_to_string(folder.join("module.crate")).ok()?;
    let here = std::env::var("CARGO_CRATE_NAME").unwrap_or_default();
    if std::env::var_os("CARGO_BIN_NAME").is_some() || here != compiled.trim() {
        return Some(format!(
            "`#[task]`: only the library of a package is compiled for the sandbox, and this is `{here}`; move the function \
             to `{}` (src/lib.rs)",
            compiled.trim()
        ));
    }
    None
}
