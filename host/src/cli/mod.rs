//! What it does: the `isopool` program: functions of modules at a shell.
//! Takes from: the command line, files, standard input. Hands to: the library, by its public door.
//! Never: holds logic that a user of the library would need.
//!
//! A command goes one way: [`args`] (as typed) → [`config`] (what it means) → [`run`], [`map`], [`inspect`],
//! [`bench`], [`replay`], [`new`], [`build`], [`test`], [`completions`].

mod args;
mod bench;
mod build;
mod call;
mod completions;
mod config;
mod doctor;
mod exit;
mod input;
mod inspect;
mod interrupt;
mod map;
mod new;
mod output;
mod program;
mod replay;
mod run;
mod start;
mod test;
mod tool_args;
mod watch;

pub(crate) use start::start;
