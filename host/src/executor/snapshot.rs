//! Modules as a call has left them.

use super::handle::Executor;
use crate::error::Error;
use crate::ipc::InitializerCall;
use serde::Serialize;
use std::sync::Arc;

impl Executor {
    /// Calls a function of a module once, and gives the module as the call has left it: a component, for [`load`](Self::load) or for a
    /// file, whose instances all begin with that memory. What the call returns is lost. `name` is for errors and logs, `function`
    /// and `arguments` are as for [`Module::function`](crate::Module::function) and [`Function::call`](crate::Function::call).
    ///
    /// The call runs where modules are compiled: in a process of its own, with the environment and the arguments of this executor
    /// (what the module's [manifest](crate::Manifest) asks for, if it has one), without directories, addresses or host functions, and for as long as
    /// [`max_compile_time`](crate::ExecutorBuilder::max_compile_time). What it reads of its environment stays as it was then.
    /// What cannot stay is refused: a call that fails or prints, and a module that changes tables of functions while it runs,
    /// or is made of several instances of one part.
    ///
    /// For tasks of one program, [`initializer`](crate::ExecutorBuilder::initializer) does the same without a file.
    ///
    /// # Errors
    /// As `load`; [`ModuleErrorKind::Snapshot`](crate::ModuleErrorKind::Snapshot) with the guest's own message, or with what its
    /// memory cannot keep; what [`Module::function`](crate::Module::function) refuses;
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption): the arguments do not encode.
    ///
    /// ```
    /// # let wasm = guest_basic::value::add::task(0, 0).module.wasm;
    /// # let executor = isopool::Executor::builder().max_workers(1).build()?;
    /// let warm = executor.snapshot("numbers", wasm, "state::set_global", (7_u64,))?; // keeps a number in a static
    /// let module = executor.load("warm", warm)?;
    /// let get_global = module.function("state::get_global")?;
    /// assert_eq!(executor.submit(get_global.call::<_, u64>(()))?.result()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot<A: Serialize>(
        &self,
        name: &str,
        wasm: impl Into<Vec<u8>>,
        function: &str,
        arguments: A,
    ) -> Result<Vec<u8>, Error> {
        let codec = self.inner.options.codec;
        self.inner.library.snapshot(name, Arc::new(wasm.into()), |module| {
            let function = module.resolve(function)?.name.clone();
            module.check(&function, "", codec)?;
            let encoding = module.encoding(&function, codec);
            let argument = encoding
                .encode(&arguments)
                .map_err(|message| Error::invalid(format!("the arguments of `{function}` do not encode: {message}")))?;
            let options = &self.inner.options;
            let (environment, arguments) = (options.environment.clone(), options.arguments.clone());
            Ok(InitializerCall { function, codec: encoding.codec(), argument, environment, arguments })
        })
    }
}
