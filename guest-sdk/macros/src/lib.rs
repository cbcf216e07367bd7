//! The macros of isopool. Use them through `isopool-guest`, which re-exports and documents them.

mod closure;
mod closure_index;
mod closure_syntax;
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

/// A closure that runs in a sandbox. It is `isopool::task!`; `isopool` has the whole description.
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
