//! `isopool completions`: what a shell needs to complete its command lines.

use super::args::Arguments;
use super::exit::Stop;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Prints the script for a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Stop> {
    // Into memory first: the generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "isopool", &mut script);
    std::io::stdout().write_all(&script).map_err(Stop::Output)
}
