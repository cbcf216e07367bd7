//! The `isopool` program. It stands on the library as any other program does: `crate::` here is this file.

#[path = "../cli/mod.rs"]
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::start()
}
