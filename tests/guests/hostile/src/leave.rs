//! What it does: tasks that end in ways that are no return. Never: returns.

use crate::only_in_a_sandbox;
use isopool_guest::task;

/// Ends the program.
#[task]
pub fn exit() {
    only_in_a_sandbox();
    std::process::exit(0);
}

/// Aborts.
#[task]
pub fn abort() {
    only_in_a_sandbox();
    std::process::abort();
}

/// Panics while it drops what a panic left.
#[task]
pub fn panics_in_drop() {
    only_in_a_sandbox();
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    drop(Panics);
}

/// Panics with a value that is no text.
#[task]
pub fn panics_with_a_value() {
    only_in_a_sandbox();
    std::panic::panic_any(7_u32);
}
