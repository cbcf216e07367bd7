//! What it does: compiles the `task!` closures of the examples, and the plugin of one, for the sandbox. Hands to: `task!`,
//! `plugin.rs`.

fn main() {
    isopool_build::closures();
    isopool_build::guest_at("guests/pricing");
}
