//! What it does: wraps the system calls that the standard library and nix do not, or not safely, in safe functions.
//! Takes from: nobody. Hands to: every room that needs the kernel.
//! Never: contains policy.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "isopool runs on Linux (x86_64, aarch64): its workers are watched and locked in by means of that kernel"
);

mod linux;

pub(crate) use linux::*;
