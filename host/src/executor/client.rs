//! Clients that are made from WIT: see [`client!`](crate::client!).

use super::{Function, Module};
use crate::error::{Error, ErrorKind, ModuleError, ModuleErrorKind};
use crate::task::{FunctionKind, FunctionType, ValueType};
use crate::values::difference;

/// What a function takes and gives.
pub fn function(params: Vec<(String, ValueType)>, result: Option<ValueType>) -> FunctionType {
    FunctionType { params, result }
}

/// The functions of a world, in its order, if the module has all of them as the client was compiled for them.
///
/// # Errors
/// [`ErrorKind::Module`], with the first difference.
pub fn fit(module: &Module, world: &str, expected: Vec<(&str, FunctionType)>) -> Result<Vec<Function>, Error> {
    let fitting = expected.into_iter().map(|(name, expected)| {
        let misfit = |message: String| {
            let kind = ModuleErrorKind::OtherClient { world: world.to_owned(), message };
            let error = ModuleError { module: module.name().to_owned(), kind };
            Error::new(ErrorKind::Module, error.to_string()).with_source(error)
        };
        let function =
            module.function(name).map_err(|error| misfit(format!("it needs `{name}: {expected}`, but {error}")))?;
        let difference = match &function.info().kind {
            FunctionKind::Export { ty, .. } => difference(&expected, ty),
            FunctionKind::Task | FunctionKind::Program => Some(" is no function of values".to_owned()),
        };
        match difference {
            None => Ok(function),
            Some(difference) => Err(misfit(format!("function `{name}`{difference}"))),
        }
    });
    fitting.collect()
}
