//! What it does: the tasks that the house tests run: each one way for a task to end, or one thing that it can see.
//! Takes from: `isopool-guest`. Hands to: `tests/`, through the stubs of its functions.
//! Never: relies on the host; a function that means something only in a sandbox says so when it is called outside of one.

pub mod chance;
pub mod crash;
pub mod crash_point;
pub mod environment;
pub mod failure;
pub mod files;
pub mod left;
pub mod nested;
pub mod network;
pub mod progress;
pub mod resources;
pub mod right;
pub mod shared;
pub mod state;
pub mod streams;
pub mod value;
