//! What it does: injects the faults that the tests of this house plan: processes that die or pause at named points of their life.
//! Takes from: a plan on disk. Hands to: every room that has a point.
//! Never: does anything in a release build, where every point is nothing: all of it is compiled with debug assertions only.
//!
//! A test names a plan by the environment variable `ISOPOOL_FAULTS`: a file that says `SEED PERMILLE`. Each worker that
//! starts while the file is there draws, from the seed and its number, whether it gets a fault, at which point, and which.
//! What it does is written beside the plan before it is done: `NAME.log`; each task that begins: `NAME.begun`.

#[cfg(debug_assertions)]
mod planned;
mod point;
#[cfg(not(debug_assertions))]
mod unplanned;

#[cfg(debug_assertions)]
pub use planned::slow_reader;
#[cfg(debug_assertions)]
pub(crate) use planned::{VARIABLE, arm, arm_copy, keep_files, note_begun, pause_reader, strikes, writes_files};
#[cfg(debug_assertions)]
pub use point::POINTS;
pub(crate) use point::{Point, point};
#[cfg(not(debug_assertions))]
pub(crate) use unplanned::{arm, arm_copy, keep_files, note_begun, pause_reader, strikes, writes_files};
