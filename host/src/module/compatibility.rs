//! What machine code depends on besides the module it was made from.

use crate::sys;
use std::fmt::Write;

/// The version of what a compile worker writes. Raise it with every change of the engine's configuration, of what is told of
/// a module, or of the artifact's form, so that no entry of the cache survives the change.
const ARTIFACT_FORMAT: u32 = 7;

/// A line of text that is the same for two processes exactly when one may load what was compiled for the other:
/// `isopool 0.1.0, wasmtime 48.0.8, artifact 1, x86_64, cpu fffa3203…`.
///
/// The engine checks some of this itself when it loads machine code, but takes any patch version of its major version;
/// here a patched code generator never runs what the old one wrote.
pub(crate) fn compatibility() -> String {
    let mut text = format!(
        "isopool {}, wasmtime {}, artifact {ARTIFACT_FORMAT}, {}, cpu",
        env!("CARGO_PKG_VERSION"),
        wasmtime_environ::VERSION,
        std::env::consts::ARCH,
    );
    for word in sys::cpu_features() {
        write!(text, " {word:x}").expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::compatibility;

    #[test]
    fn names_every_version_and_is_stable() {
        let text = compatibility();
        assert!(text.starts_with(&format!("isopool {}, wasmtime 48.", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains(std::env::consts::ARCH));
        assert!(text.split("cpu ").nth(1).is_some_and(|features| !features.is_empty()), "{text}");
        assert_eq!(text, compatibility());
    }
}
