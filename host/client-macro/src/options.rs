//! What is written in the macro: `{ path: "wit", world: "plugin" }`.

use proc_macro2::Span;
use std::fmt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitStr, Token, braced};

pub(crate) struct Options {
    path: Option<LitStr>,
    world: Option<LitStr>,
}

impl Options {
    pub(crate) fn path(&self) -> String {
        self.path.as_ref().map_or_else(|| "wit".to_owned(), LitStr::value)
    }

    pub(crate) fn world(&self) -> Option<String> {
        self.world.as_ref().map(LitStr::value)
    }

    /// What is wrong with the file or the world that is named.
    pub(crate) fn error(&self, message: impl fmt::Display) -> syn::Error {
        let span = self.path.as_ref().map_or_else(Span::call_site, LitStr::span);
        syn::Error::new(span, message)
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self { path: None, world: None };
        if input.is_empty() {
            return Ok(options);
        }
        let inside;
        braced!(inside in input);
        while !inside.is_empty() {
            let name: Ident = inside.parse()?;
            inside.parse::<Token![:]>()?;
            let place = match name.to_string().as_str() {
                "path" => &mut options.path,
                "world" => &mut options.world,
                other => {
                    let message = format!("there is no option `{other}`; there are `path` and `world`");
                    return Err(syn::Error::new(name.span(), message));
                }
            };
            if place.replace(inside.parse()?).is_some() {
                return Err(syn::Error::new(name.span(), format!("`{name}` is there twice")));
            }
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}
