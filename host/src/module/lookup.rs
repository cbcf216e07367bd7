//! Functions of a module by the names that callers use.

use super::Prepared;
use crate::error::{Error, ErrorKind};
use crate::task::{FunctionInfo, FunctionKind};
use isopool_guest::Codec;

impl Prepared {
    /// The function that a caller means: by its whole name, or, if only one fits, by its name without the version of its
    /// package.
    pub(crate) fn resolve(&self, name: &str) -> Result<&FunctionInfo, Error> {
        self.expect_callable(self.find(name)?)
    }

    /// As `resolve`, for a call of a live instance, which carries resources too.
    pub(crate) fn resolve_live(&self, name: &str) -> Result<&FunctionInfo, Error> {
        let info = self.find(name)?;
        match &info.kind {
            FunctionKind::Export { ty, .. } => match ty.foreign_handle() {
                None => Ok(info),
                Some(handle) => {
                    let why = format!(
                        "its type `{ty}` holds `{handle}`; only values and the component's own resources travel"
                    );
                    let message = format!(
                        "function `{}` of module {} cannot be called in a live instance: {why}",
                        info.name,
                        self.display_name()
                    );
                    Err(Error::new(ErrorKind::NotCallable, message))
                }
            },
            _ => self.expect_callable(info),
        }
    }

    fn find(&self, name: &str) -> Result<&FunctionInfo, Error> {
        if let Some(info) = self.by_whole_name(name) {
            return Ok(info);
        }
        let fits = |info: &&FunctionInfo| without_version(&info.name).is_some_and(|short| short == name);
        let fitting: Vec<&FunctionInfo> = self.info.functions.iter().filter(fits).collect();
        match fitting[..] {
            [] => Err(Error::new(ErrorKind::UnknownFunction, self.unknown(name))),
            [info] => Ok(info),
            _ => {
                let names: Vec<&str> = fitting.iter().map(|info| info.name.as_str()).collect();
                let message = format!(
                    "function `{name}` of module {} may be any of {}; name it with its version",
                    self.display_name(),
                    names.join(", ")
                );
                Err(Error::new(ErrorKind::AmbiguousFunction, message))
            }
        }
    }

    /// Refuses what no task can call.
    pub(crate) fn expect_callable<'a>(&self, info: &'a FunctionInfo) -> Result<&'a FunctionInfo, Error> {
        let refuse = |why: String| {
            let message =
                format!("function `{}` of module {} cannot be called as a task: {why}", info.name, self.display_name());
            Err(Error::new(ErrorKind::NotCallable, message))
        };
        match &info.kind {
            FunctionKind::Program => refuse("it is a program, and Module::command() runs it".to_owned()),
            FunctionKind::Export { ty, .. } => match ty.handle() {
                None => Ok(info),
                Some(handle) => refuse(format!(
                    "its type `{ty}` holds `{handle}`, and only values travel: nothing of an instance outlives a task; a live instance \
                     can have it (Executor::open)"
                )),
            },
            FunctionKind::Task => Ok(info),
        }
    }

    /// Checks a call that a task of the module makes.
    pub(crate) fn check_nested(&self, function: &str, codec: Codec) -> Result<(), Error> {
        let info = self.check(function, "", codec)?;
        if matches!(info.kind, FunctionKind::Task) {
            return Ok(());
        }
        let message = format!(
            "function `{function}` of module {} is called by its own types, and a task calls by a codec",
            self.display_name()
        );
        Err(Error::new(ErrorKind::NotCallable, message))
    }

    /// The program that the module is, if it is one.
    pub(crate) fn program(&self) -> Result<&FunctionInfo, Error> {
        let mut programs = self.info.functions.iter().filter(|info| matches!(info.kind, FunctionKind::Program));
        programs.next().ok_or_else(|| {
            let message = format!(
                "module {} is no program: it does not export wasi:cli/run; name one of its functions instead",
                self.display_name()
            );
            Error::new(ErrorKind::NotCallable, message)
        })
    }
}

/// `my:pkg/math@1.0.0#add` → `my:pkg/math#add`; `None` if there is no version in it.
fn without_version(name: &str) -> Option<String> {
    let (interface, function) = name.rsplit_once('#')?;
    let (interface, _) = interface.rsplit_once('@')?;
    Some(format!("{interface}#{function}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_can_be_left_out() {
        assert_eq!(without_version("my:pkg/math@1.0.0-rc.1#add").as_deref(), Some("my:pkg/math#add"));
        assert_eq!(without_version("my:pkg/math#add"), None);
        assert_eq!(without_version("score"), None);
    }
}
