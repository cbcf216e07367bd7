//! What it does: lives the life of the child: takes over the process, answers requests, leaves.
//! Takes from: ipc (requests of the caller). Hands to: engine, native.
//! Never: imports executor, queue or dispatcher; returns to the program that it is part of.

mod compile;
mod exit;
mod forkserver;
mod last_words;
mod lock;
mod native;
mod nested;
mod objects;
mod probe;
mod serve;
mod takeover;
#[cfg(test)]
mod tests;

pub(crate) use takeover::become_worker;
pub use takeover::worker_main;
