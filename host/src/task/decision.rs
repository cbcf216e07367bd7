//! What becomes of a request, or of a grant.

use std::fmt;

/// What can be granted to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrantKind {
    /// See [`preopen`](crate::ExecutorBuilder::preopen).
    Directory,
    /// See [`env`](crate::ExecutorBuilder::env).
    Variable,
    /// See [`allow_address`](crate::ExecutorBuilder::allow_address).
    Address,
    /// See [`argument`](crate::ExecutorBuilder::argument).
    Arguments,
    /// See [`host_function`](crate::ExecutorBuilder::host_function).
    HostFunction,
    /// Another import, of which isopool knows nothing.
    Import,
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Directory => "directory",
            Self::Variable => "variable",
            Self::Address => "address",
            Self::Arguments => "arguments",
            Self::HostFunction => "host function",
            Self::Import => "import",
        })
    }
}

/// Whether a module is given something that it asks for, or that its caller grants; see
/// [`Executor::decisions`](crate::Executor::decisions) and [`audit`](crate::audit).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What kind of thing it is.
    pub kind: GrantKind,
    /// Its name: a directory's path in the guest, a variable's name, addresses, the import. Never a value.
    pub name: String,
    /// Whether the guest is given it.
    pub granted: bool,
    /// Why, in some words.
    pub why: &'static str,
}
