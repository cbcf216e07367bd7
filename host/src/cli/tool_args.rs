//! The command line as it is typed: what makes, builds and tests projects.

use super::new::Template;
use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Make a new project.
///
/// isopool is not on crates.io yet: the project takes it from the checkout that this program was built from, or from the
/// one that --isopool names.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool new my-tasks && cd my-tasks && cargo test")]
pub(super) struct NewArguments {
    /// Its folder, which must not be there yet, or be empty. The last part is the project's name.
    #[arg(value_name = "NAME")]
    pub(super) folder: PathBuf,
    /// What it is for.
    #[arg(short, long, value_enum, default_value = "tasks")]
    pub(super) template: Template,
    /// A checkout of isopool.
    #[arg(long, value_name = "PATH")]
    pub(super) isopool: Option<PathBuf>,
}

/// Print a script that completes command lines of this program.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isopool completions bash > ~/.local/share/bash-completion/completions/isopool\n  \
                  isopool completions zsh > \"${fpath[1]}/_isopool\"\n  \
                  isopool completions fish > ~/.config/fish/completions/isopool.fish")]
pub(super) struct CompletionsArguments {
    /// For which shell.
    #[arg(value_enum)]
    pub(super) shell: Shell,
}
