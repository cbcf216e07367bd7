//! Compiles each `task!` of this package, and what it names, for the sandbox.

fn main() {
    isopool_build::closures();
}
