//! What it does: compiles the `task!` closures of the examples for the sandbox. Hands to: `task!`.

fn main() {
    isopool_build::closures();
}
