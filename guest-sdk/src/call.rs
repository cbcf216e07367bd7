//! What it does: describes one call of a guest function by its caller: module, function, signature, arguments.
//! Takes from: the stubs that `#[task]` and `task!` write for the host. Hands to: `isopool::Executor::submit`.
//! Never: runs anything.

use std::fmt;
use std::marker::PhantomData;

/// A task module that was compiled by a build script and embedded in this program. `#[task]` and `task!` make one by themselves.
#[derive(Clone, Copy)]
pub struct EmbeddedModule {
    /// The name of the package that it was compiled from.
    pub name: &'static str,
    /// The WebAssembly component.
    pub wasm: &'static [u8],
}

impl fmt::Debug for EmbeddedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedModule").field("name", &self.name).field("bytes", &self.wasm.len()).finish()
    }
}

/// A call of one guest function with its arguments: what a typed stub makes and an executor runs.
///
/// `A` is the tuple of arguments, `R` the type of the result. Making one does nothing yet.
///
/// ```
/// # use isopool_guest::{Call, EmbeddedModule, task};
/// # static MODULE: EmbeddedModule = EmbeddedModule { name: "numbers", wasm: b"" };
/// # #[task(module = MODULE)]
/// # fn add(a: u64, b: u64) -> u64 {
/// #     a + b
/// # }
/// # fn main() {
/// let call: Call<(u64, u64), u64> = add::task(2, 3);
/// assert_eq!((call.module.name, call.signature), ("numbers", "fn(a: u64, b: u64) -> u64"));
/// assert_eq!(call.arguments, (2, 3));
/// # }
/// ```
#[derive(Clone)]
pub struct Call<A, R> {
    /// Where the function is.
    pub module: &'static EmbeddedModule,
    /// The function's name in the module.
    pub function: &'static str,
    /// The signature that the stub was made from; compared with the module's own when the call is submitted.
    pub signature: &'static str,
    /// The arguments.
    pub arguments: A,
    result: PhantomData<fn() -> R>,
}

impl<A, R> Call<A, R> {
    /// For the code that the macros write; use a stub instead.
    #[doc(hidden)]
    pub fn new(module: &'static EmbeddedModule, function: &'static str, signature: &'static str, arguments: A) -> Self {
        Self { module, function, signature, arguments, result: PhantomData }
    }
}

impl<A: fmt::Debug, R> fmt::Debug for Call<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("module", &self.module.name)
            .field("function", &self.function)
            .field("arguments", &self.arguments)
            .finish()
    }
}
