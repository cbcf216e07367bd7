//! What prepares the instances of one module.

use super::builder::{ExecutorBuilder, Options};
use super::task::{IntoTask, Task};
use crate::error::Error;
use crate::ipc::InitializerCall;
use crate::module::Initializer;
use crate::task::ModuleHash;
use isopool_guest::{Codec, CodecError};

/// An initializer, encoded in every codec, because the executor's is not known before `build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InitializerOption {
    module: ModuleHash,
    function: String,
    arguments: Vec<(Codec, Result<Vec<u8>, CodecError>)>,
}

impl ExecutorBuilder {
    /// Runs a call once in its module before any task of that module: every instance starts from a snapshot of the
    /// memory that it leaves. A failure ends the first use of the module with the guest's own message.
    ///
    /// # Source
    /// loky's `initializer`, which runs once per worker.
    ///
    /// ```
    /// use guest_basic::state::{get_global, set_global}; // keep a number in a static
    /// use isopool::Executor;
    ///
    /// let executor = Executor::builder().max_workers(1).initializer(set_global::task(7)).build()?;
    /// assert_eq!(executor.submit(get_global::task())?.result()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initializer<T: IntoTask<Output = ()>>(mut self, call: T) -> Self {
        let Task { source, function, arguments, .. } = call.into_task();
        let module = source.hash();
        let arguments = Codec::ALL.iter().map(|&codec| (codec, codec.encode(&arguments))).collect();
        self.options.initializer = Some(InitializerOption { module, function: function.into_owned(), arguments });
        self
    }

    /// As it was recorded: in one codec, the executor's.
    pub(super) fn encoded_initializer(mut self, module: ModuleHash, call: InitializerCall) -> Self {
        let InitializerCall { function, codec, argument, .. } = call;
        self.options.initializer = Some(InitializerOption { module, function, arguments: vec![(codec, Ok(argument))] });
        self
    }
}

impl Options {
    pub(super) fn initializer_call(&self) -> Result<Option<Initializer>, Error> {
        let Some(initializer) = &self.initializer else { return Ok(None) };
        let encoded = initializer.arguments.iter().find(|(codec, _)| *codec == self.codec);
        let argument = match encoded {
            Some((_, Ok(argument))) => argument.clone(),
            Some((_, Err(error))) => {
                let message = format!("the arguments of the initializer do not encode as {}", self.codec.name());
                return Err(Error::invalid(message).with_source(error.clone()));
            }
            None => return Err(Error::invalid(format!("the codec {} is not built in", self.codec.name()))),
        };
        let (environment, arguments) = (self.environment.clone(), self.arguments.clone());
        let (function, codec) = (initializer.function.clone(), self.codec);
        let call = InitializerCall { function, codec, argument, environment, arguments };
        Ok(Some(Initializer { module: initializer.module, call }))
    }
}
