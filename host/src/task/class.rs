//! What tasks must have in common to run in the same worker process.

use super::Grants;
use std::sync::Arc;

/// A worker serves tasks of one class only: it is stopped and replaced before one of another class runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Class {
    /// Whose tasks they are.
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) grants: Grants,
    pub(crate) withheld: Withheld,
}

/// What guests do not get of their executor's environment and arguments, because their module's manifest does not ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Withheld {
    /// Names of variables, in the executor's order.
    pub(crate) variables: Vec<String>,
    pub(crate) arguments: bool,
}

impl Withheld {
    /// What is left of the executor's environment.
    pub(crate) fn of_environment(&self, environment: &[(String, String)]) -> Vec<(String, String)> {
        environment.iter().filter(|(name, _)| !self.variables.contains(name)).cloned().collect()
    }

    /// What is left of the executor's arguments.
    pub(crate) fn of_arguments(&self, arguments: &[String]) -> Vec<String> {
        if self.arguments { Vec::new() } else { arguments.to_vec() }
    }
}
