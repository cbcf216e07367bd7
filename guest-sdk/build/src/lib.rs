//! Compiles isopool task modules to WebAssembly from a build script.
//!
//! # A package whose library is a task module
//! Its functions are marked `#[isopool_guest::task]`; its `build.rs` is one line:
//! ```no_run
//! isopool_build::guest();
//! ```
//! The library is then compiled twice: for the host, where each task is an ordinary function and has a typed stub, and for
//! the sandbox. Nothing else is needed in `Cargo.toml`: no `crate-type`, no second package.
//!
//! # An ordinary program with closures
//! A package that uses `isopool::task!` has this one line in its `build.rs`:
//! ```no_run
//! isopool_build::closures();
//! ```
//! The README of this crate says how the closures get out of the program.
//!
//! # Another package's module
//! ```no_run
//! isopool_build::guest_at("../plugins/resize");
//! ```
//! compiles that package and sets `ISOPOOL_MODULE_RESIZE` for `include_bytes!(env!("ISOPOOL_MODULE_RESIZE"))`.
//!
//! # At a shell
//! `isopool build` makes a file of a package, by [`Guest::component`]; other programs may do the same with [`Guest::build`].
//!
//! # What a module asks for
//! A module may ask for what it needs: directories, variables, addresses. It is given nothing else then, whatever its host grants to
//! others. In the package's `Cargo.toml`:
//! ```toml
//! [package.metadata.isopool.manifest]
//! description = "makes thumbnails"
//! directories = [{ path = "/pictures", required = true }, { path = "/out", access = "read-write" }]
//! variables = [{ name = "LANG" }]
//! addresses = [{ to = "10.1.0.0/16:443" }]
//! arguments = true
//! ```
//! It becomes a custom section of the module; [`with_manifest`] puts one into a module of another language. `isopool::Manifest`
//! says what each key means.
//!
//! # What is built, and where
//! A component for `wasm32-wasip2`, with optimisation, in `isopool/` inside the target directory, which all packages share.
//! [`Guest`] has the choices. A build never shares a lock with the cargo that runs it, so that the two cannot wait for each
//! other. On docs.rs, which has no network and no such target, the module is empty.

mod cargo;
mod closures;
mod component;
mod dep_info;
mod error;
mod guest;
mod install;
mod prune;
mod requests;
mod sources;
mod toolchain;

pub use closures::{Closures, closures};
pub use component::Component;
pub use error::Error;
pub use guest::{Built, Guest, guest, guest_at};
pub use requests::with_manifest;
pub use sources::{Sources, SourcesState};
