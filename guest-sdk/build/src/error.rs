//! What it does: says why a module could not be compiled. Takes from: every step. Hands to: the user's terminal.
//! Never: hides what a tool printed; that goes to stderr as it comes.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a module could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not called by a build script.
    #[error("the environment variable {name} is not set: isopool-build is for build scripts that cargo runs")]
    NotABuildScript {
        /// The variable that cargo would have set.
        name: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The compiler's standard library for the sandbox is not installed.
    #[error("the compilation target {target} is not installed; run `{remedy}`{attempt}")]
    TargetMissing {
        /// The target.
        target: &'static str,
        /// The command that installs it.
        remedy: String,
        /// What came of trying it, or nothing.
        attempt: String,
    },
    /// The guest did not compile; cargo has said why.
    #[error("the task module of {} did not compile for {target} ({status}); see the messages above", manifest.display())]
    Compile {
        /// The guest's manifest.
        manifest: PathBuf,
        /// The target.
        target: &'static str,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// Cargo does not know the package, or its manifest cannot be read.
    #[error("cannot read {}: {message}", manifest.display())]
    Metadata {
        /// The manifest.
        manifest: PathBuf,
        /// What cargo said.
        message: String,
    },
    /// Cargo succeeded but made no module.
    #[error("cargo made no library from {}; a task module is the library (src/lib.rs) of its package", manifest.display())]
    NoLibrary {
        /// The guest's manifest.
        manifest: PathBuf,
    },
    /// What is to have a manifest is no WebAssembly, or is damaged.
    #[error("it is no WebAssembly module, or is damaged")]
    NotWasm,
    /// What cargo made is not a component.
    #[error("{} is not a WebAssembly component", path.display())]
    NotAComponent {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err` after file operations.
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// The error with its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
