//! The tests of the whole house: real worker processes, real guests. A table of contents.
//!
//! - [`tidy`]: the rules of the house, read from its sources.
//! - [`outcomes`]: what becomes of what: values, failures, panics, traps, crashes; under both containments.
//! - [`crashes`]: processes that die: the caller's, one worker, many at once; workers that cannot be started.
//! - [`hostile_worker`]: workers that lie on their channel.
//! - [`modules`]: modules and options that cannot be used, and what their errors say; the cache.
//!
//! What they share: [`support`] (every test runs alone and leaves nothing behind) and [`patience`] (bounded waits).

mod crashes;
mod hostile_worker;
mod modules;
mod outcomes;
mod patience;
mod support;
mod tidy;
