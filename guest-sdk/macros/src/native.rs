//! What it does: expands `#[native]`: the function as it is, its entry among the program's native functions, its stub.
//! Takes from: `lib.rs`. Hands to: the compiler. Never: changes the function.

use crate::signature::{Shape, unraw};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, ItemFn};

/// Expands one `#[native] item`. Errors become `compile_error!`, beside the function itself where there is one.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = "`#[native]` goes on a function with a body, outside of `impl` and `trait`";
            let error = syn::Error::new_spanned(&item, message).into_compile_error();
            return quote!(#error #item);
        }
    };
    let shape = if options.is_empty() {
        Shape::read(&function.sig)
    } else {
        Err(syn::Error::new_spanned(&options, "`#[native]` takes no options"))
    };
    match shape {
        Ok(shape) => expand_function(&function, &shape),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #function)
        }
    }
}

fn expand_function(function: &ItemFn, shape: &Shape) -> TokenStream {
    let (vis, ident) = (&function.vis, &function.sig.ident);
    let cfgs: Vec<&Attribute> = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let types: Vec<_> = shape.arguments.iter().map(|argument| &argument.ty).collect();
    let names: Vec<_> = shape.arguments.iter().map(|argument| &argument.name).collect();
    let locals: Vec<_> = (0..types.len()).map(|index| format_ident!("__isopool_{index}")).collect();
    let output = &shape.output;
    let text = unraw(ident);
    let call = quote!(#ident(#(#locals),*));
    let result = if shape.fallible {
        let at = function.sig.output.span();
        quote_spanned!(at=> #call.map_err(|__isopool_error| ::std::string::ToString::to_string(&__isopool_error)))
    } else {
        quote!(::core::result::Result::Ok(#call))
    };
    let enum_docs = format!("Calls of the native function `{text}`: see `call`.");
    let call_docs =
        format!("A call of the native function `{text}`, `{}`. Nothing runs until a process gets it.", shape.text);
    quote! {
        // Nobody but a process may call it.
        #[allow(dead_code, clippy::needless_pass_by_value)]
        #function

        #(#cfgs)*
        #[cfg(not(target_family = "wasm"))]
        #[doc = #enum_docs]
        #[allow(non_camel_case_types, dead_code, unreachable_pub, missing_debug_implementations)]
        #[allow(missing_copy_implementations, clippy::all, clippy::pedantic)]
        #vis enum #ident {}

        #(#cfgs)*
        #[cfg(not(target_family = "wasm"))]
        #[allow(non_camel_case_types, dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        const _: () = {
            const __ISOPOOL_NAME: &::core::primitive::str = ::core::concat!(::core::module_path!(), "::", #text);

            #[::isopool::__native::linkme::distributed_slice(::isopool::__native::FUNCTIONS)]
            #[linkme(crate = ::isopool::__native::linkme)]
            static __ISOPOOL_ENTRY: ::isopool::__native::NativeFunction = ::isopool::__native::NativeFunction {
                name: __ISOPOOL_NAME,
                run: |__isopool_bytes| {
                    ::isopool::__native::invoke(__isopool_bytes, |(#(#locals,)*): (#(#types,)*)| #result)
                },
            };

            impl #ident {
                #[doc = #call_docs]
                #vis fn call(#(#names: #types),*) -> ::isopool::NativeCall<#output> {
                    ::isopool::NativeCall::new(__ISOPOOL_NAME, &(#(#names,)*))
                }
            }
        };
    }
}
