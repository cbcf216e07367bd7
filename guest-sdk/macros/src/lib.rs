//! The macros of isopool. Use them through `isopool-guest`, which re-exports and documents them.

mod closure;
mod closure_index;
mod closure_syntax;
mod module_check;
mod native;
mod options;
mod signature;
mod task_attr;

use proc_macro::TokenStream;

/// Makes an ordinary function a task: it can be called in a sandbox, by name or through a typed stub.
/// `isopool-guest` has the whole description.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    task_attr::expand(options.into(), item.into()).into()
}

/// A closure that runs in a sandbox: `isopool::task!`.
///
/// ```ignore
/// let factor = 3u64;
/// let triple = isopool::task!([factor: u64] |x: u64| -> u64 { x * factor });
/// let future = executor.submit(triple(14))?;
/// let all = executor.map(triple, 0..100);
/// ```
///
/// (Documentation tests have no build script, so this one does not run; `examples/closures.rs` does: `cargo run --example
/// closures`.)
///
/// The value is an ordinary closure, `Fn` and `Clone`: each call gives an `isopool::Call`, and nothing runs until an executor
/// gets that. The package needs this `build.rs`, and `isopool-build` under `[build-dependencies]`:
///
/// ```ignore
/// fn main() { isopool_build::closures() }
/// ```
///
/// # What is written
/// `task!([captures] |arguments| -> Type { body })`
/// - **captures**: `name: Type` copies the variable `name` when the closure is made; `name: Type = value` takes a value, as in
///   `n: u64 = self.n`, or `data: Vec<u8> = data`, which moves. Every call sends a clone. May be left out.
/// - **arguments**: each with its type; at most 16 together with the captures. **result**: always written, for none `-> ()`.
/// - Everything that travels is owned and implements `serde::Serialize` and `DeserializeOwned`. `Vec<u8>` travels as a whole.
///   A `Result<T, E>` whose `E` can be displayed is a failure of the task when it is an `Err`.
///
/// # What the body may name
/// The standard library; its captures and arguments; items of this crate (functions, types, constants, `macro_rules!`, private
/// ones and those inside the function too); dependencies that compile for `wasm32-wasip2`. The rest of the program is not in
/// the sandbox: it may use threads, sockets or whatever does not compile there, as long as no task names it.
///
/// It may not name: other variables (there are no references, and nothing that it changes is seen outside), `self`, generic
/// parameters of the function around it, what only the host has, or items that another macro makes. A `static` is another
/// one in each sandbox. There is no `async`, and no `task!` inside a `task!`.
///
/// # How it is written
/// As `task!` or `isopool::task!` (or with the name that the manifest gives to `isopool`), in a file that `mod` reaches. An
/// alias, the body of a `macro_rules!`, `include!` and documentation tests hide it from the build script; the error says so.
/// An argument of another macro, such as `vec![task!(…)]`, is fine.
///
/// # When a name pulls in too much, or too little
/// The build script follows names. If a task needs an item, it takes with it what that item names. `#[isopool::host]` on an
/// item, a method or a `use` keeps it out of all sandboxes; `#[isopool::shared]` on an item or an inline module takes it (and
/// all in it) into every sandbox of the crate, for items that no name leads to. A trait that is used only through its methods
/// and comes from another crate is best imported inside the body.
#[proc_macro]
pub fn closure(tokens: TokenStream) -> TokenStream {
    closure::expand(tokens.into()).into()
}

/// Marks an item or a method that no sandbox may have: `#[isopool::host]`. It changes nothing else.
#[proc_macro_attribute]
pub fn host(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Marks an item that every sandbox of the crate has, named or not: `#[isopool::shared]`. It changes nothing else.
#[proc_macro_attribute]
pub fn shared(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Registers an ordinary function of a program, so that a process of its own can run it: `isopool::native`.
///
/// ```ignore
/// #[isopool::native]
/// fn count(path: String) -> Result<u64, std::io::Error> {
///     Ok(std::fs::metadata(path)?.len())
/// }
///
/// let process = isopool::get_context(None).process(count::call("/etc/hostname".to_owned()));
/// process.start()?;
/// let bytes: u64 = process.result()?;
/// ```
///
/// The function stays as it is. Beside it comes `count::call(…)`, which takes the same arguments and gives an
/// `isopool::NativeCall`, for `ProcessContext::process` and `ExecutorBuilder::native_initializer`.
///
/// Arguments are owned and implement `serde::Serialize` and `DeserializeOwned`, and so does what is returned. A `Result<T, E>`
/// whose `E` can be displayed is a failure when it is an `Err`. The function is known by its path in the program.
///
/// This is no sandbox: the function is the program's own code, and may do whatever that may. In a package that is compiled for
/// WebAssembly too, the attribute does nothing there.
#[proc_macro_attribute]
pub fn native(options: TokenStream, item: TokenStream) -> TokenStream {
    native::expand(options.into(), item.into()).into()
}
