//! What it does: compiles the `task!` closures of the examples, and plugins, for the sandbox. Hands to: `task!`,
//! `plugin.rs`, `swap.rs`, `side_by_side/`.

fn main() {
    isopool_build::closures();
    isopool_build::guest_at("guests/pricing");
    isopool_build::guest_at("guests/unruly");
}
