//! What it does: compiles the `task!` closures of an ordinary package to task modules. Takes from: the user's build script.
//! Hands to: `task!`, which reads `OUT_DIR/isopool/closures.index` and embeds the modules beside it.
//! Never: fails because a closure does not compile; the error is shown at the closure, by the macro.
//!
//! The way: `package` asks cargo what the package is, `prune` makes the copy, `generate` writes it as a package,
//! `compile` runs cargo on it, `report` says which task each error belongs to, `index` tells the macro.

mod compile;
mod generate;
mod index;
mod package;
mod report;
mod steps;

pub use steps::{Closures, closures};
