//! Names of WIT as names of Rust.

use proc_macro2::Ident;
use quote::format_ident;

/// `first-name` is `first_name`.
pub(crate) fn snake(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }).collect()
}

/// `first-name` is `FirstName`.
pub(crate) fn camel(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..].to_ascii_lowercase()).collect()
}

/// `first-name` is `FIRST_NAME`.
pub(crate) fn shout(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// A name that may be a keyword: `r#type`; `self_`, which cannot be written so.
pub(crate) fn ident(name: &str) -> Ident {
    match name {
        "self" | "Self" | "super" | "crate" | "_" => format_ident!("{name}_"),
        _ if syn::parse_str::<Ident>(name).is_ok() => format_ident!("{name}"),
        _ => format_ident!("r#{name}"),
    }
}
