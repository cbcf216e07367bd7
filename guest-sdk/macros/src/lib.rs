//! The macros of isopool.
