//! The macros of isopool. Use them through `isopool-guest`, which re-exports and documents them.

mod module_check;
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
