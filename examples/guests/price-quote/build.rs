//! What it does: compiles this package's tasks for the sandbox. Hands to: `#[task]`.

fn main() {
    isopool_build::guest();
}
