//! What it does: makes, from the sources of an ordinary crate, a copy that holds only what its `task!` closures need.
//! Takes from: `closures`, which says where the roots are. Hands to: `closures`, which compiles the copy for the sandbox.
//! Never: prints code anew; a copy is the user's text with blanks, so that every line and column stays the user's.
//!
//! The way: `source` reads files, `collect` (with `modules`, `bodies`, `scan`, `imports`, `attributes`, `cfg`) makes the `model`,
//! `resolve` follows paths in it, `reach` decides what is kept, `blank` writes the copies.

mod attributes;
mod blank;
mod bodies;
mod cfg;
mod collect;
mod imports;
mod model;
mod modules;
mod reach;
mod resolve;
mod scan;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use blank::{Copy, copies, is_lifted};
pub(crate) use cfg::CfgSet;
pub(crate) use collect::{Root, collect};
pub(crate) use model::Program;
pub(crate) use reach::{Reach, reach};
