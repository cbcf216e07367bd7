//! What it does: expands `task!`: on the host a closure that makes calls, in the sandbox a registered function.
//! Takes from: `lib.rs`. Hands to: the compiler. Never: changes the body, whose tokens keep their places.

use crate::closure_index::{Finding, Side, position, side};
use crate::closure_syntax::Closure;
use crate::options::Options;
use crate::signature::{Shape, is_byte_vec};
use crate::task_attr::Task;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ItemFn, Path, parse_quote};

/// Expands `task!(tokens)`. Errors become `compile_error!`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let place = position();
    let side = side(place.as_deref());
    let expansion =
        syn::parse2::<Closure>(tokens).and_then(|closure| Expansion::new(closure, side.library())).map(|expansion| {
            match &side {
                Side::Lifted { .. } => expansion.registration(place.as_deref().unwrap_or_default()),
                Side::InPlace { .. } => {
                    let registration = expansion.registration(place.as_deref().unwrap_or_default());
                    let value = expansion.value(place.as_deref(), &Finding::Nothing);
                    quote!({ #registration #value })
                }
                Side::Host { finding, .. } => expansion.value(place.as_deref(), finding),
            }
        });
    expansion.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        // An item where items are expected, a block where a value is.
        if matches!(side, Side::Lifted { .. }) { error } else { quote!({ #error }) }
    })
}

struct Expansion {
    closure: Closure,
    task: Task,
}

impl Expansion {
    fn new(closure: Closure, library: &str) -> syn::Result<Self> {
        let function = closure.function()?;
        let shape = Shape::read(&function.sig)?;
        let library = Ident::new(library, Span::call_site());
        let krate: Path = parse_quote!(::#library::__guest);
        let options = Options { krate, module: None };
        Ok(Self { closure, task: Task { function, options, shape } })
    }

    /// In the sandbox: the body as a function, and an entry in the module's list of functions.
    fn registration(&self, id: &str) -> TokenStream {
        let krate = &self.task.options.krate;
        let function = &self.task.function;
        let (signature, raw, body) = (&self.task.shape.text, self.task.shape.is_raw(), self.task.wrapper_body());
        quote! {
            const _: () = {
                #[allow(dead_code, unreachable_code, clippy::all, clippy::pedantic)]
                #function
                const __ISOPOOL_SIGNATURE: &::core::primitive::str = #signature;
                #[allow(unreachable_code)]
                fn __isopool_run(
                    __isopool_codec: #krate::Codec,
                    __isopool_bytes: ::std::vec::Vec<::core::primitive::u8>,
                ) -> ::core::result::Result<::std::vec::Vec<::core::primitive::u8>, #krate::__private::Failure> {
                    #body
                }
                #krate::__private::inventory::submit! {
                    #krate::__private::Entry {
                        name: #id,
                        package: ::core::env!("CARGO_PKG_NAME"),
                        root: true,
                        signature: __ISOPOOL_SIGNATURE,
                        docs: "",
                        raw: #raw,
                        run: __isopool_run,
                    }
                }
            };
        }
    }

    /// Where the value is wanted: a closure that makes a call for each set of arguments.
    fn value(&self, id: Option<&str>, finding: &Finding) -> TokenStream {
        let krate = &self.task.options.krate;
        let (module, complaint) = self.module(finding);
        let id = id.unwrap_or_default();
        let signature = &self.task.shape.text;
        let function = &self.task.function;
        let wires: Vec<TokenStream> =
            self.task.shape.arguments.iter().map(|argument| self.task.wire(&argument.ty)).collect();
        let output = self.task.wire(&self.task.shape.output);
        let spans = self.task.shape.arguments.iter().map(|argument| argument.ty.span());
        let travels = wires.iter().zip(spans).chain([(&output, self.task.shape.output.span())]);
        let travels =
            travels.map(|(wire, span)| quote_spanned!(span=> const _: () = #krate::__private::travels::<#wire>();));
        let names: Vec<&Ident> = self.closure.captures.iter().map(|capture| &capture.name).collect();
        let types = self.closure.captures.iter().map(|capture| &capture.ty);
        let values = self.closure.captures.iter().map(|capture| match &capture.value {
            Some(value) => quote!(#value),
            None => {
                let name = &capture.name;
                quote_spanned!(name.span()=> ::core::clone::Clone::clone(&#name))
            }
        });
        let sent = self.sent();
        let arguments = self.task.shape.arguments.iter().skip(names.len());
        let arguments = arguments.map(|argument| {
            let (name, ty) = (&argument.name, &argument.ty);
            quote!(#name: #ty)
        });
        quote! {{
            #complaint
            // The host's compiler checks the body too: its errors come first, and it needs no sandbox.
            #[allow(dead_code, clippy::too_many_arguments, clippy::items_after_statements)]
            #function
            #(#travels)*
            #module
            let (#(#names,)*): (#(#types,)*) = (#(#values,)*);
            move |#(#arguments),*| -> #krate::Call<(#(#wires,)*), #output> {
                #krate::Call::new(__ISOPOOL_MODULE, #id, #signature, (#(#sent,)*))
            }
        }}
    }

    /// The arguments of one call: captures are cloned, because a closure can be called again.
    fn sent(&self) -> Vec<TokenStream> {
        let krate = &self.task.options.krate;
        let captures = self.closure.captures.len();
        let each = self.task.shape.arguments.iter().enumerate().map(|(index, argument)| {
            let name = &argument.name;
            let value = if index < captures {
                quote_spanned!(argument.ty.span()=> ::core::clone::Clone::clone(&#name))
            } else {
                quote!(#name)
            };
            if is_byte_vec(&argument.ty) { quote!(#krate::Bytes::from(#value)) } else { value }
        });
        each.collect()
    }

    /// The statement that embeds the module, and what is wrong with it.
    fn module(&self, finding: &Finding) -> (TokenStream, TokenStream) {
        let krate = &self.task.options.krate;
        let (wasm, complaint) = match finding {
            Finding::Module(file) => {
                let path = quote!(::core::concat!(::core::env!("OUT_DIR"), "/isopool/", #file));
                (quote!(::core::include_bytes!(#path)), TokenStream::new())
            }
            Finding::Nothing => (quote!(&[]), TokenStream::new()),
            Finding::Complaint(text) => {
                let error = quote_spanned!(Span::call_site()=> ::core::compile_error!(#text););
                // A dependency that is compiled for the sandbox has no module of its own there.
                (quote!(&[]), quote!(#[cfg(not(target_family = "wasm"))] #error))
            }
        };
        let statement = quote! {
            static __ISOPOOL_EMBEDDED: #krate::EmbeddedModule =
                #krate::EmbeddedModule { name: ::core::env!("CARGO_PKG_NAME"), wasm: #wasm };
            const __ISOPOOL_MODULE: &'static #krate::EmbeddedModule = &__ISOPOOL_EMBEDDED;
        };
        (statement, complaint)
    }
}

impl Closure {
    /// Captures, then arguments, as one function: what the sandbox runs.
    fn function(&self) -> syn::Result<ItemFn> {
        let captures = self.captures.iter().map(|capture| {
            let (name, ty) = (&capture.name, &capture.ty);
            quote!(#name: #ty)
        });
        let arguments = &self.arguments;
        let (output, body) = (&self.output, &self.body);
        syn::parse2(quote!(fn __isopool_task(#(#captures,)* #(#arguments,)*) -> #output #body))
    }
}
