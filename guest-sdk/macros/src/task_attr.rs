//! What it does: expands `#[task]`: the function as it is, its registration in the sandbox, its typed stub on the host.
//! Takes from: `lib.rs`. Hands to: the compiler. Never: changes the function; looks at the target (the expansion's `cfg`s do).

use crate::module_check;
use crate::options::Options;
use crate::signature::{Shape, is_byte_vec, type_text, unraw};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, ItemFn, Lit, Meta, Type};

/// Expands one `#[task(options)] item`. Errors become `compile_error!`, beside the function itself where there is one, so
/// that they cause no others.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = "`#[task]` goes on a function with a body, outside of `impl` and `trait`";
            let error = syn::Error::new_spanned(&item, message).into_compile_error();
            return quote!(#error #item);
        }
    };
    match Options::parse(options).and_then(|options| Ok(Task { shape: Shape::read(&function.sig)?, options, function }))
    {
        Ok(task) => task.expand(),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

pub(crate) struct Task {
    pub(crate) function: ItemFn,
    pub(crate) options: Options,
    pub(crate) shape: Shape,
}

impl Task {
    fn expand(&self) -> TokenStream {
        let function = &self.function;
        let registration = self.registration();
        let stub = self.stub();
        quote! {
            // On the host the function may be called by nothing but tests.
            #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
            // Arguments of a task have to be owned.
            #[allow(clippy::needless_pass_by_value)]
            #function
            #registration
            #stub
        }
    }

    /// The name in the module, as a constant expression.
    fn name(&self) -> TokenStream {
        let krate = &self.options.krate;
        let name = unraw(&self.function.sig.ident);
        quote!(#krate::__private::function_name(::core::concat!(::core::module_path!(), "::", #name)))
    }

    /// The `cfg`s of the function hold for what is made from it.
    fn cfgs(&self) -> Vec<&Attribute> {
        self.function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
    }

    /// The type in which `ty` travels.
    pub(crate) fn wire(&self, ty: &Type) -> TokenStream {
        let krate = &self.options.krate;
        if is_byte_vec(ty) { quote_spanned!(ty.span()=> #krate::Bytes) } else { quote!(#ty) }
    }

    /// In the sandbox: a wrapper that takes and gives bytes, and an entry in the module's list of functions.
    fn registration(&self) -> TokenStream {
        let krate = &self.options.krate;
        let (name, signature, docs, raw) =
            (self.name(), &self.shape.text, docs(&self.function.attrs), self.shape.is_raw());
        let (cfgs, body) = (self.cfgs(), self.wrapper_body());
        quote! {
            #(#cfgs)*
            #[cfg(target_family = "wasm")]
            #[allow(unexpected_cfgs, clippy::all, clippy::pedantic)]
            const _: () = {
                const __ISOPOOL_SIGNATURE: &::core::primitive::str = #signature;
                fn __isopool_run(
                    __isopool_codec: #krate::Codec,
                    __isopool_bytes: ::std::vec::Vec<::core::primitive::u8>,
                ) -> ::core::result::Result<::std::vec::Vec<::core::primitive::u8>, #krate::__private::Failure> {
                    #body
                }
                #krate::__private::inventory::submit! {
                    #krate::__private::Entry {
                        name: #name,
                        package: ::core::env!("CARGO_PKG_NAME"),
                        root: ::core::cfg!(isopool_module_root),
                        signature: __ISOPOOL_SIGNATURE,
                        docs: #docs,
                        raw: #raw,
                        run: __isopool_run,
                    }
                }
            };
        }
    }

    pub(crate) fn wrapper_body(&self) -> TokenStream {
        let krate = &self.options.krate;
        let private = quote!(#krate::__private);
        let function = &self.function.sig.ident;
        let names: Vec<_> = (0..self.shape.arguments.len()).map(|index| format_ident!("__isopool_{index}")).collect();
        let wires = self.shape.arguments.iter().map(|argument| self.wire(&argument.ty));
        let values =
            self.shape.arguments.iter().zip(&names).map(|(argument, name)| {
                if is_byte_vec(&argument.ty) { quote!(#name.into_vec()) } else { quote!(#name) }
            });
        let decode = if names.is_empty() {
            quote!(#private::no_arguments(__isopool_codec, __isopool_bytes, __ISOPOOL_SIGNATURE)?;)
        } else {
            quote! {
                let (#(#names,)*): (#(#wires,)*) =
                    #private::arguments(__isopool_codec, __isopool_bytes, __ISOPOOL_SIGNATURE)?;
            }
        };
        let mut output = quote!(#function(#(#values),*));
        if self.shape.fallible {
            let at = self.function.sig.output.span();
            let describe = quote_spanned!(at=> (&&&#private::Cause(&__isopool_error)).describe());
            let describe = quote! {{
                // Which of the three is used depends on the error's type.
                #[allow(unused_imports)]
                use #private::{ViaDeref as _, ViaDisplay as _, ViaError as _};
                #describe
            }};
            output = quote! {
                match #output {
                    ::core::result::Result::Ok(__isopool_value) => __isopool_value,
                    ::core::result::Result::Err(__isopool_error) => {
                        return ::core::result::Result::Err(#private::Failure::failed(#describe));
                    }
                }
            };
        }
        if is_byte_vec(&self.shape.output) {
            output = quote!(#krate::Bytes::from(#output));
        }
        quote! {
            #decode
            let __isopool_output = #output;
            #private::result(__isopool_codec, &__isopool_output, __ISOPOOL_SIGNATURE)
        }
    }

    /// On the host, and for tasks that submit it: an empty enum of the function's name (types and functions have names of their own) with `task`.
    fn stub(&self) -> TokenStream {
        let krate = &self.options.krate;
        let (vis, ident, cfgs) = (&self.function.vis, &self.function.sig.ident, self.cfgs());
        let names: Vec<_> = self.shape.arguments.iter().map(|argument| &argument.name).collect();
        let types: Vec<_> = self.shape.arguments.iter().map(|argument| &argument.ty).collect();
        let wires: Vec<_> = types.iter().map(|ty| self.wire(ty)).collect();
        let values = names
            .iter()
            .zip(&types)
            .map(|(name, ty)| if is_byte_vec(ty) { quote!(#krate::Bytes::from(#name)) } else { quote!(#name) });
        let (name, signature, output) = (self.name(), &self.shape.text, self.wire(&self.shape.output));
        let (module, complaint) = self.module();
        let travels = wires.iter().zip(&types).map(|(wire, ty)| (wire, ty.span()));
        let travels = travels
            .chain([(&output, self.shape.output.span())])
            .map(|(wire, span)| quote_spanned!(span=> const _: () = #krate::__private::travels::<#wire>();));
        let enum_docs = format!("Calls of the task `{}`: see `task`.", unraw(ident));
        let task_docs = format!(
            "A call of the task `{}`, `{}`, in the module that its package was compiled to. Nothing runs until it is \
             submitted to an executor. Its result is a `{}`.",
            unraw(ident),
            signature,
            type_text(&self.shape.output),
        );
        let own_docs = self.function.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
        let lints = quote! {
            #[allow(non_camel_case_types, dead_code, unreachable_pub, missing_debug_implementations)]
            #[allow(missing_copy_implementations, clippy::all, clippy::pedantic)]
        };
        quote! {
            #(#cfgs)*
            #[doc = #enum_docs]
            #lints
            #vis enum #ident {}

            #(#cfgs)*
            #lints
            impl #ident {
                #(#own_docs)*
                #[doc = ""]
                #[doc = #task_docs]
                #[must_use = "a call does nothing until it is submitted"]
                #vis fn task(#(#names: #types),*) -> #krate::Call<(#(#wires,)*), #output> {
                    #(#travels)*
                    const __ISOPOOL_NAME: &::core::primitive::str = #name;
                    #module
                    #krate::Call::new(__ISOPOOL_MODULE, __ISOPOOL_NAME, #signature, (#(#values,)*))
                }
            }
            #complaint
        }
    }

    /// The statement that names the module, and a `compile_error!` if there is none.
    fn module(&self) -> (TokenStream, TokenStream) {
        let krate = &self.options.krate;
        let reference = quote!(&'static #krate::EmbeddedModule);
        // A task that submits tasks calls functions of the module that it is in.
        let inside = quote! {
            #[cfg(target_family = "wasm")]
            const __ISOPOOL_MODULE: #reference =
                &#krate::EmbeddedModule { name: ::core::env!("CARGO_PKG_NAME"), wasm: &[] };
        };
        if let Some(path) = &self.options.module {
            let statement = quote! {
                #[cfg(not(target_family = "wasm"))]
                const __ISOPOOL_MODULE: #reference = &#path;
                #inside
            };
            return (statement, TokenStream::new());
        }
        let (wasm, complaint) = match module_check::complaint() {
            None => {
                let path = quote!(::core::concat!(::core::env!("OUT_DIR"), "/isopool/module.wasm"));
                (quote!(::core::include_bytes!(#path)), TokenStream::new())
            }
            Some(complaint) => {
                let error = quote_spanned!(Span::call_site()=> ::core::compile_error!(#complaint););
                (quote!(&[]), quote!(#[cfg(not(target_family = "wasm"))] #error))
            }
        };
        let statement = quote! {
            #[cfg(not(target_family = "wasm"))]
            static __ISOPOOL_EMBEDDED: #krate::EmbeddedModule =
                #krate::EmbeddedModule { name: ::core::env!("CARGO_PKG_NAME"), wasm: #wasm };
            #[cfg(not(target_family = "wasm"))]
            const __ISOPOOL_MODULE: #reference = &__ISOPOOL_EMBEDDED;
            #inside
        };
        (statement, complaint)
    }
}

/// The text of the documentation comments.
fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned())
        .collect();
    lines.join("\n").trim().to_owned()
}
