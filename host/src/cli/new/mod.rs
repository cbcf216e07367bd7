//! What it does: `isopool new`: the files of a new project, from templates that are part of this program.
//! Takes from: the command line. Hands to: a folder. Never: writes into a folder that has something in it.

mod create;
mod name;
mod source;
mod template;

pub(super) use create::create;
pub(super) use template::Template;

use source::Source;
use std::path::PathBuf;

/// What is wanted.
#[derive(Debug)]
pub(super) struct New {
    /// The folder; its last part is the project's name.
    pub(super) folder: PathBuf,
    pub(super) template: Template,
    /// A checkout of isopool, if it is named.
    pub(super) checkout: Option<PathBuf>,
}
