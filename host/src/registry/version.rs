//! The versions of one plugin.

use crate::executor::{Executor, Module};
use crate::task::ModuleHash;

/// One version of a plugin. Clones are the same version.
#[derive(Clone, Debug)]
pub struct Version {
    number: u64,
    module: Module,
}

impl Version {
    /// Counts from 1, in the order in which they were published.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Of its bytes.
    pub fn hash(&self) -> ModuleHash {
        self.module.hash()
    }

    /// The module that it is.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Nobody can get it here any more: the executor need not keep it either, unless a task does.
    pub(super) fn forget(self, executor: &Executor) {
        let hash = self.module.hash();
        drop(self);
        executor.forget(hash);
    }
}

/// All that are kept of one plugin: never none, once one was added.
#[derive(Debug, Default)]
pub(super) struct Versions {
    kept: Vec<Version>,
    current: usize,
    last_number: u64,
}

impl Versions {
    /// Makes a module the current version; gives that, and the versions that are one too many.
    pub(super) fn add(&mut self, module: Module, keeps: usize) -> (Version, Vec<Version>) {
        let known = self.kept.iter().position(|version| version.hash() == module.hash());
        self.current = known.unwrap_or_else(|| {
            self.last_number += 1;
            self.kept.push(Version { number: self.last_number, module });
            self.kept.len() - 1
        });
        let current = self.current();
        let mut forgotten = Vec::new();
        while self.kept.len() > keeps {
            // The oldest that is not in use.
            let oldest = usize::from(self.current == 0);
            forgotten.push(self.kept.remove(oldest));
            self.current -= usize::from(self.current > oldest);
        }
        (current, forgotten)
    }

    pub(super) fn current(&self) -> Version {
        self.kept[self.current].clone()
    }

    pub(super) fn all(&self) -> Vec<Version> {
        self.kept.clone()
    }

    pub(super) fn into_all(self) -> Vec<Version> {
        self.kept
    }

    /// Makes another one the current; else, the numbers that there are.
    pub(super) fn choose(&mut self, number: u64) -> Result<Version, String> {
        let found = self.kept.iter().position(|version| version.number == number);
        let numbers = || self.kept.iter().map(|version| version.number.to_string()).collect::<Vec<_>>().join(", ");
        self.current = found.ok_or_else(numbers)?;
        Ok(self.current())
    }
}
