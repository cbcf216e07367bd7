//! What is known of a module before it is given anything.

use super::handle::Executor;
use super::loaded_module::{module_name, read_module};
use crate::error::Error;
use crate::task::{Decision, ModuleHash, ModuleInfo};
use std::path::Path;
use std::sync::Arc;

/// What a module says of itself, and what it would be given: see [`Executor::inspect`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Its name: what it was inspected as.
    pub name: String,
    /// The hash of its WebAssembly.
    pub hash: ModuleHash,
    /// What it says of itself.
    pub info: ModuleInfo,
    /// Each thing that it asks for or the executor grants: as [`Executor::decisions`], with the imports that it would lack.
    pub decisions: Vec<Decision>,
}

impl Executor {
    /// Looks at a module as [`load`](Self::load) does, and takes also one that imports what this executor does not give: to decide
    /// whether it is to be given that.
    ///
    /// # Errors
    /// As `load`, but for functions of the caller's that are missing or do not fit.
    ///
    /// ```
    /// use isopool::{Executor, GrantKind};
    ///
    /// # let wasm = price_quote::quote::task(vec![]).module.wasm; // imports `price`
    /// let executor = Executor::builder().max_workers(1).build()?;
    /// assert!(executor.load("quotes", wasm).is_err());
    /// let inspection = executor.inspect("quotes", wasm)?;
    /// let wanted = &inspection.decisions[0];
    /// assert_eq!((wanted.kind, &*wanted.name), (GrantKind::HostFunction, "shop:prices/catalogue@1.0.0#price"));
    /// assert!(!wanted.granted && wanted.why == "imported, not given");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inspect(&self, name: &str, wasm: impl Into<Vec<u8>>) -> Result<Inspection, Error> {
        let wasm = Arc::new(wasm.into());
        let hash = ModuleHash::of(&wasm);
        let info = self.inner.library.describe(name, hash, wasm)?;
        let decisions = self.decisions_of(&info);
        Ok(Inspection { name: name.to_owned(), hash, info, decisions })
    }

    /// Reads a module from a file and [inspects](Self::inspect) it.
    ///
    /// # Errors
    /// As `inspect`; [`ErrorKind::System`](crate::ErrorKind::System) when the file cannot be read.
    pub fn inspect_file(&self, path: impl AsRef<Path>) -> Result<Inspection, Error> {
        let path = path.as_ref();
        self.inspect(&module_name(path), read_module(path)?)
    }
}
