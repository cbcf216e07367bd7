//! What it does: reads what stands in the parentheses of `#[task(...)]`. Takes from: `task_attr.rs`.
//! Never: guesses; an unknown option is an error that lists the known ones.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Path, parse_quote};

/// The options of one `#[task]`.
pub(crate) struct Options {
    /// Where the crate `isopool-guest` is found.
    pub(crate) krate: Path,
    /// A static `EmbeddedModule` that stands in for the build script's.
    pub(crate) module: Option<Path>,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut options = Self { krate: parse_quote!(::isopool_guest), module: None };
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("crate") {
                options.krate = meta.value()?.parse()?;
            } else if meta.path.is_ident("module") {
                options.module = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("unknown option of `#[task]`; it takes `module = PATH` and `crate = PATH`"));
            }
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}
