//! The functions of a world, and the struct that has them.

use crate::definitions::value_type;
use crate::names::{camel, ident, snake};
use crate::types::{Types, unsupported};
use crate::world::{Exported, World, docs};
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use wit_parser::{FunctionKind, InterfaceId};

/// What serde makes of a tuple.
pub(crate) const MAX_TUPLE: usize = 16;

/// Methods of every client.
const TAKEN: [&str; 3] = ["new", "load", "module"];

pub(crate) struct Functions<'a> {
    callable: Vec<Exported<'a>>,
    /// Names, and why.
    left_out: Vec<(String, String)>,
}

impl<'a> Functions<'a> {
    /// An error, in words, if none of them can be called.
    pub(crate) fn of(world: &'a World) -> Result<Self, String> {
        let mut functions = Self { callable: Vec::new(), left_out: Vec::new() };
        for exported in world.exported() {
            match why_not(world, &exported) {
                None => functions.callable.push(exported),
                Some(reason) => functions.left_out.push((exported.name, reason)),
            }
        }
        if functions.callable.is_empty() {
            let name = &world.world().name;
            let mut message = format!("nothing that the world `{name}` exports can be called by a client");
            for (function, reason) in &functions.left_out {
                message.push_str(&format!("\n`{function}`: {reason}"));
            }
            return Err(message);
        }
        Ok(functions)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Exported<'a>> {
        self.callable.iter()
    }

    fn of_interface(&self, interface: Option<InterfaceId>) -> impl Iterator<Item = (usize, &Exported<'a>)> {
        self.callable.iter().enumerate().filter(move |(_, exported)| exported.interface == interface)
    }

    pub(crate) fn client(&self, world: &World, types: &Types<'_>) -> Tokens {
        let name = format_ident!("{}", camel(&world.world().name));
        let world_name = &world.world().name;
        let description = self.description(world);
        let expected = self.callable.iter().map(|exported| expected(exported, types));
        let own = self.of_interface(None).map(|(index, exported)| {
            let functions = quote!(self.functions);
            method(index, exported, types, &functions)
        });
        let (mut accessors, mut modules) = (Vec::new(), Vec::new());
        for interface in types.interfaces() {
            let module = ident(world.module(interface).unwrap_or_default());
            let inside = types.of_module(Some(interface));
            let methods: Vec<_> = self
                .of_interface(Some(interface))
                .map(|(index, exported)| method(index, exported, types, &quote!(self.0)))
                .collect();
            let interface = &world.resolve.interfaces[interface];
            let about = docs(&interface.docs);
            let functions = (!methods.is_empty()).then(|| {
                accessors.push(quote! {
                    #[doc = #about]
                    pub fn #module(&self) -> #module::Functions<'_> {
                        #module::Functions(&self.functions)
                    }
                });
                quote! {
                    #[derive(Clone, Copy, Debug)]
                    pub struct Functions<'a>(pub(super) &'a [::isopool::Function]);

                    impl Functions<'_> {
                        #(#methods)*
                    }
                }
            });
            modules.push(quote! {
                #[doc = #about]
                #[allow(missing_docs, dead_code, unused_imports, clippy::all)]
                pub mod #module {
                    #(#inside)*
                    #functions
                }
            });
        }
        let of_world = types.of_module(None);
        quote! {
            #(#of_world)*
            #(#modules)*

            #[doc = #description]
            #[derive(Clone, Debug)]
            pub struct #name {
                module: ::isopool::Module,
                functions: ::std::sync::Arc<[::isopool::Function]>,
            }

            #[allow(missing_docs, dead_code, clippy::all)]
            impl #name {
                /// Compiles a component and makes a client of it.
                ///
                /// # Errors
                /// As for `Executor::load`, and `new`.
                pub fn load(
                    executor: &::isopool::Executor,
                    name: &str,
                    wasm: impl ::std::convert::Into<::std::vec::Vec<u8>>,
                ) -> ::std::result::Result<Self, ::isopool::Error> {
                    Self::new(executor.load(name, wasm)?)
                }

                /// Makes a client of a component.
                ///
                /// # Errors
                /// `ErrorKind::Module`: what it exports does not fit the world. The error has the first difference.
                pub fn new(module: ::isopool::Module) -> ::std::result::Result<Self, ::isopool::Error> {
                    let functions = ::isopool::__client::fit(&module, #world_name, ::std::vec![#(#expected),*])?;
                    ::std::result::Result::Ok(Self { module, functions: functions.into() })
                }

                /// The module that it calls.
                pub fn module(&self) -> &::isopool::Module {
                    &self.module
                }

                #(#accessors)*
                #(#own)*
            }
        }
    }

    fn description(&self, world: &World) -> String {
        let world = world.world();
        let mut text = docs(&world.docs);
        if text.is_empty() {
            text = format!("A component of the world `{}`.", world.name);
        }
        if !self.left_out.is_empty() {
            text.push_str("\n\nNot in it:\n");
            for (name, reason) in &self.left_out {
                text.push_str(&format!("- `{name}`: {reason}\n"));
            }
        }
        text
    }
}

/// Why a call of a fresh instance cannot carry a function.
fn why_not(world: &World, exported: &Exported<'_>) -> Option<String> {
    let function = exported.function;
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => return Some("it is async".to_owned()),
        _ => return Some("it belongs to a resource, and a resource to an instance that is kept".to_owned()),
    }
    if function.params.len() > MAX_TUPLE {
        return Some(format!("it has more than {MAX_TUPLE} parameters"));
    }
    let types = function.params.iter().map(|param| &param.ty).chain(&function.result);
    types.into_iter().find_map(|ty| unsupported(&world.resolve, ty)).map(|what| format!("there is {what} in its types"))
}

fn method(index: usize, exported: &Exported<'_>, types: &Types<'_>, functions: &Tokens) -> Tokens {
    let function = exported.function;
    let name = match snake(&function.name) {
        name if exported.interface.is_none() && TAKEN.contains(&name.as_str()) => format_ident!("{name}_"),
        name => ident(&name),
    };
    let mut about = docs(&function.docs);
    about.push_str(&format!("\n\n`{}`", exported.name));
    // No parameter is called as another one, or as a keyword that cannot be written.
    let params: Vec<_> = function.params.iter().map(|param| ident(&snake(&param.name))).collect();
    let of: Vec<_> = function.params.iter().map(|param| types.rust(&param.ty, exported.interface)).collect();
    let result = function.result.as_ref().map_or_else(|| quote!(()), |ty| types.rust(ty, exported.interface));
    quote! {
        #[doc = #about]
        pub fn #name(&self, #(#params: #of),*) -> ::isopool::Task<(#(#of,)*), #result> {
            #functions[#index].call((#(#params,)*))
        }
    }
}

/// The function as the client was compiled for it.
fn expected(exported: &Exported<'_>, types: &Types<'_>) -> Tokens {
    let (name, function) = (&exported.name, exported.function);
    let names = function.params.iter().map(|param| &param.name);
    let of = function.params.iter().map(|param| value_type(&types.rust(&param.ty, None)));
    let result = match &function.result {
        Some(ty) => {
            let ty = value_type(&types.rust(ty, None));
            quote!(::std::option::Option::Some(#ty))
        }
        None => quote!(::std::option::Option::None),
    };
    quote! {
        (#name, ::isopool::__client::function(::std::vec![#((::std::string::String::from(#names), #of)),*], #result))
    }
}
