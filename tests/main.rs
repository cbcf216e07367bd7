//! The tests of the whole house: real worker processes, real guests. A table of contents.
//!
//! - [`tidy`]: the rules of the house, read from its sources.
//! - [`outcomes`]: what becomes of what: values, failures, panics, traps, crashes.

mod outcomes;
mod tidy;
