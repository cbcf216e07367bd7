//! The tests of the whole house.
//!
//! - [`tidy`]: the rules of the house, read from its sources.

mod tidy;
