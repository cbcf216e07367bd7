//! Compiles this package's tasks for the sandbox.

fn main() {
    isopool_build::guest();
}
