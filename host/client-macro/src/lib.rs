//! The macro `client!` of isopool. Use it through `isopool`, which re-exports and documents it.

mod definitions;
mod functions;
mod names;
mod options;
#[cfg(test)]
mod tests;
mod types;
mod world;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use std::path::{Path, PathBuf};

/// Makes a typed client of a component from its WIT: `isopool::client!({ path: "wit/plugin.wit", world: "plugin" })`.
///
/// ```ignore
/// isopool::client!({ path: "wit/plugin.wit", world: "plugin" });
///
/// let plugin = Plugin::load(&executor, "shapes", wasm)?;                 // refused here if it does not fit the world
/// let area = executor.submit(plugin.math().area(corners))?.result()?;   // or `.await?`
/// let sums = executor.map(|n| plugin.add(n, n), 0..100);
/// ```
///
/// (`guide::components` has an example that runs.)
///
/// # Options
/// - `path`: a WIT file, or a directory of them with its `deps`, from the package's root; `"wit"` if left out. The files are
///   watched: a change compiles the program again.
/// - `world`: which world; may be left out if the package has one. A world of a dependency by its whole name, `my:pkg/plugin`.
///
/// # What it makes
/// - A struct with the name of the world, `Clone`, with `load(&executor, name, wasm)`, `new(module)` and `module()`. Both of the
///   first compare what the component exports with the world, and refuse a component that does not fit, with the first
///   difference: which function, which parameter, which field.
/// - A method for each function that the world exports itself, and for each interface a method that gives a struct with that
///   interface's functions: `plugin.math().area(corners)`. Each gives a `Task`, for `Executor::submit`, with all that a task
///   has: limits, priority, tenant. Its future is read by `result()`, or awaited.
/// - A module for each interface, with its types. A record is a struct, a variant and an enum are enums, flags are constants to
///   join by `|`, and `list<u8>` is `isopool::Bytes`. All have serde's traits. A `result` is a `Result`: the error of a plugin is a
///   value.
///
/// Names are spelled as in Rust: `first-name` is `first_name` or `FirstName`, a keyword is `r#type`. `self`, and a function `new`,
/// `load` or `module` of the world itself, have `_` after the name. Two interfaces of one name are called by their whole names,
/// `my_pkg_math_1_0_0`.
///
/// # What it leaves out
/// Functions with a resource, a stream or a future in their types, methods of resources, and `async` functions: no call of a
/// fresh instance can carry them. The description of the struct lists them, with the reason. A world with nothing else in it
/// is an error, and so is WIT that does not parse: in the words of the parser, with file and line.
#[proc_macro]
pub fn client(options: TokenStream) -> TokenStream {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    expand(options.into(), &root).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(options: Tokens, root: &Path) -> syn::Result<Tokens> {
    let options: options::Options = syn::parse2(options)?;
    let world = world::World::read(&options, root)?;
    let functions = functions::Functions::of(&world).map_err(|message| options.error(message))?;
    let types = types::Types::of(&world, functions.all());
    let client = functions.client(&world, &types);
    let files = &world.files;
    Ok(quote! {
        #client
        const _: &[&[u8]] = &[#(include_bytes!(#files)),*];
    })
}
