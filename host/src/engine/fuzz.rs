//! What the fuzz target of this room does with bytes: see `tests/fuzz`.

use super::manifest::manifest;
use super::recognise;
use wasmparser::Parser;

/// Looks at a module as a compile worker does before it compiles anything.
pub fn module(data: &[u8]) {
    // Whatever it is, the engine has not seen it yet.
    let _ = manifest(data);
    if let Ok(component) = recognise::component(data) {
        assert!(Parser::is_component(&component), "what is recognised is a component");
    }
}
