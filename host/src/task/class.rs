//! What tasks must have in common to run in the same worker process.

use super::Grants;
use std::sync::Arc;

/// A worker serves tasks of one class only: it is stopped and replaced before one of another class runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Class {
    /// Whose tasks they are.
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) grants: Grants,
}
