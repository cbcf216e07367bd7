//! Types that have names: their definitions, and what they are in the component model.

use crate::names::{camel, ident, shout, snake};
use proc_macro2::{Ident, TokenStream as Tokens};
use quote::quote;

/// A field, a case or a flag.
pub(crate) struct Part {
    /// As in WIT.
    pub(crate) name: String,
    pub(crate) about: String,
    /// What it has or carries.
    pub(crate) ty: Option<Tokens>,
}

impl Part {
    /// Its name and type, as a value of the type of all types.
    fn value(&self) -> Tokens {
        let (name, ty) = (&self.name, self.ty.as_ref().map(value_type));
        match ty {
            Some(ty) => quote!((::std::string::String::from(#name), #ty)),
            None => quote!(::std::string::String::from(#name)),
        }
    }

    /// The same of a case, which may carry nothing.
    fn case(&self) -> Tokens {
        let name = &self.name;
        let carried = match self.ty.as_ref().map(value_type) {
            Some(ty) => quote!(::std::option::Option::Some(#ty)),
            None => quote!(::std::option::Option::None),
        };
        quote!((::std::string::String::from(#name), #carried))
    }
}

/// What a type of Rust's is in the component model.
pub(crate) fn value_type(ty: &Tokens) -> Tokens {
    quote!(<#ty as ::isopool::__client::ComponentValue>::value_type())
}

pub(crate) fn record(name: &Ident, about: &str, fields: &[Part]) -> Tokens {
    let members = fields.iter().map(|Part { name, about, ty }| {
        let member = ident(&snake(name));
        quote!(#[doc = #about] #[serde(rename = #name)] pub #member: #ty)
    });
    let item = quote!(pub struct #name { #(#members),* });
    let values = fields.iter().map(Part::value);
    let value = quote!(Record(::std::vec![#(#values),*]));
    defined(about, &quote!(PartialEq), &item, name, &value)
}

pub(crate) fn variant(name: &Ident, about: &str, cases: &[Part]) -> Tokens {
    let item = cases_of(name, cases);
    let values = cases.iter().map(Part::case);
    let value = quote!(Variant(::std::vec![#(#values),*]));
    defined(about, &quote!(PartialEq), &item, name, &value)
}

pub(crate) fn enumeration(name: &Ident, about: &str, cases: &[Part]) -> Tokens {
    let item = cases_of(name, cases);
    let values = cases.iter().map(Part::value);
    let value = quote!(Enum(::std::vec![#(#values),*]));
    defined(about, &quote!(Copy, PartialEq, Eq, PartialOrd, Ord, Hash), &item, name, &value)
}

fn cases_of(name: &Ident, cases: &[Part]) -> Tokens {
    let members = cases.iter().map(|Part { name, about, ty }| {
        let case = ident(&camel(name));
        let carried = ty.as_ref().map(|ty| quote!((#ty)));
        quote!(#[doc = #about] #[serde(rename = #name)] #case #carried)
    });
    quote!(pub enum #name { #(#members),* })
}

fn defined(about: &str, traits: &Tokens, item: &Tokens, name: &Ident, value: &Tokens) -> Tokens {
    quote! {
        #[doc = #about]
        #[allow(missing_docs)]
        #[derive(
            Clone, Debug, #traits, ::isopool::__client::serde::Serialize, ::isopool::__client::serde::Deserialize
        )]
        #[serde(crate = "::isopool::__client::serde")]
        #item

        impl ::isopool::__client::ComponentValue for #name {
            fn value_type() -> ::isopool::ValueType {
                ::isopool::ValueType::#value
            }
        }
    }
}

/// Flags travel by their names.
pub(crate) fn flags(name: &Ident, about: &str, flags: &[Part]) -> Tokens {
    let wit = flags.iter().map(|flag| &flag.name);
    let constants = flags.iter().zip(0_u32..).map(|(Part { name, about, .. }, place)| {
        let constant = ident(&shout(name));
        quote!(#[doc = #about] pub const #constant: Self = Self(1 << #place);)
    });
    let client = quote!(::isopool::__client);
    quote! {
        #[doc = #about]
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct #name(u64);

        #[allow(missing_docs, dead_code)]
        impl #name {
            #(#constants)*

            /// None of them.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// Whether all of the others are among these.
            pub const fn contains(self, others: Self) -> bool {
                self.0 & others.0 == others.0
            }
        }

        impl ::std::ops::BitOr for #name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl #client::Flags for #name {
            const NAMES: &'static [&'static str] = &[#(#wit),*];
            fn bits(self) -> u64 {
                self.0
            }
            fn from_bits(bits: u64) -> Self {
                Self(bits)
            }
        }

        impl ::std::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                #client::show_flags(*self, f)
            }
        }

        impl #client::ComponentValue for #name {
            fn value_type() -> ::isopool::ValueType {
                #client::type_of_flags::<Self>()
            }
        }

        impl #client::serde::Serialize for #name {
            fn serialize<S: #client::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                #client::write_flags(*self, serializer)
            }
        }

        impl<'de> #client::serde::Deserialize<'de> for #name {
            fn deserialize<D: #client::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                #client::read_flags(deserializer)
            }
        }
    }
}
