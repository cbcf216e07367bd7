//! What it does: tasks that mean harm: each takes, floods, reaches for or holds something, and does not stop by itself.
//! Takes from: `isopool-guest`. Hands to: the corpus in `tests/hostile`, through the stubs of its functions.
//! Never: means anything outside a sandbox: there each panics before it begins.

pub mod flood;
pub mod hold;
pub mod leave;
pub mod nest;
pub mod reach;
pub mod start;
pub mod take;

/// Outside a sandbox nothing would stop what follows.
fn only_in_a_sandbox() {
    if !cfg!(target_family = "wasm") {
        panic!("this task is for a sandbox only");
    }
}
