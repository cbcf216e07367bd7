//! What it does: reads what stands in `task!(…)`, and refuses what cannot be sent, with the remedy.
//! Takes from: syn. Hands to: `closure.rs`. Never: resolves a name.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprClosure, Ident, Pat, PatType, ReturnType, Token, Type};

/// The most captures and arguments that one task has: the longest tuple that serde knows.
const VALUES_MAX: usize = 16;

/// `name: Type`, or `name: Type = value`.
pub(crate) struct Capture {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) value: Option<Expr>,
}

/// `[captures] |arguments| -> Output { body }`.
pub(crate) struct Closure {
    pub(crate) captures: Vec<Capture>,
    pub(crate) arguments: Vec<PatType>,
    pub(crate) output: Type,
    /// A block.
    pub(crate) body: TokenStream,
}

impl Parse for Capture {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![&]) || input.peek(Token![mut]) || input.peek(Token![ref]) {
            return Err(input.error("a capture is a copy: write `name: Type`; for another value `name: Type = value`"));
        }
        if input.peek(Token![self]) {
            return Err(input.error("`self` cannot be captured; capture what is needed of it: `[n: u64 = self.n]`"));
        }
        let name: Ident = input.parse()?;
        if !input.peek(Token![:]) {
            let message = format!(
                "write the type of the capture `{name}`, as in `[{name}: u64]`: it travels as bytes, and the sandbox \
                 must know what to make of them"
            );
            return Err(Error::new(name.span(), message));
        }
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { name, ty, value })
    }
}

impl Parse for Closure {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut captures = Vec::new();
        if input.peek(syn::token::Bracket) {
            let inner;
            syn::bracketed!(inner in input);
            captures = Punctuated::<Capture, Token![,]>::parse_terminated(&inner)?.into_iter().collect();
        }
        if !input.peek(Token![|]) && !input.peek(Token![||]) && !input.peek(Token![move]) && !input.peek(Token![async])
        {
            return Err(input.error("task! takes a closure: `task!([capture: Type] |argument: Type| -> Type { … })`"));
        }
        let closure: ExprClosure = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error("nothing may follow the closure in task!"));
        }
        Self::check(captures, closure)
    }
}

impl Closure {
    fn check(captures: Vec<Capture>, closure: ExprClosure) -> syn::Result<Self> {
        if let Some(token) = &closure.asyncness {
            let message = "a task cannot be `async`: a sandbox runs one call to its end; remove `async`";
            return Err(Error::new(token.span(), message));
        }
        let ReturnType::Type(_, output) = closure.output else {
            let message =
                "write the result's type, as in `|x: u64| -> u64 { … }`: it travels as bytes; for no result `-> ()`";
            return Err(Error::new(closure.or2_token.span(), message));
        };
        let mut arguments = Vec::new();
        for input in closure.inputs {
            match input {
                Pat::Type(typed) => arguments.push(typed),
                other => {
                    let message = "write the argument's type, as in `|x: u64|`: it travels as bytes";
                    return Err(Error::new(other.span(), message));
                }
            }
        }
        if captures.len() + arguments.len() > VALUES_MAX {
            let message = format!(
                "{} captures and arguments; a task has at most {VALUES_MAX}: put some of them into a struct",
                captures.len() + arguments.len()
            );
            return Err(Error::new(closure.or1_token.span(), message));
        }
        let body = match *closure.body {
            Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => quote!(#block),
            other => quote!({ #other }),
        };
        if let Some(nested) = nested_task(body.clone()) {
            let message = "a task! inside a task! cannot work: a sandbox has no pool to send it to; make it outside, or \
                           write a function that both call";
            return Err(Error::new(nested.span(), message));
        }
        Ok(Self { captures, arguments, output: *output, body })
    }
}

/// The name `task` before a `!` with a closure behind it.
fn nested_task(tokens: TokenStream) -> Option<Ident> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let nested = match token {
            TokenTree::Group(group) => nested_task(group.stream()),
            TokenTree::Ident(name) if name == "task" => match (tokens.get(at + 1), tokens.get(at + 2)) {
                (Some(TokenTree::Punct(bang)), Some(TokenTree::Group(_))) if bang.as_char() == '!' => {
                    Some(name.clone())
                }
                _ => None,
            },
            _ => None,
        };
        if nested.is_some() {
            return nested;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match syn::parse_str::<Closure>(text) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("`{text}` should be refused"),
        }
    }

    #[test]
    fn captures_and_arguments_are_read() {
        let closure: Closure =
            syn::parse_str("[a: u64, n: Vec<u8> = self.n.clone(),] |(x, y): (u8, u8)| -> u64 { a },")
                .expect("a closure of the documented form");
        assert_eq!(closure.captures.len(), 2);
        assert!(closure.captures[1].value.is_some());
        assert_eq!(closure.arguments.len(), 1);
        assert!(syn::parse_str::<Closure>("|| -> () {}").is_ok());
    }

    #[test]
    fn what_cannot_travel_is_refused_with_its_remedy() {
        assert!(refusal("[a] |x: u8| -> u8 { x }").contains("write the type of the capture `a`"));
        assert!(refusal("[self: X] |x: u8| -> u8 { x }").contains("[n: u64 = self.n]"));
        assert!(refusal("[&a: u8] |x: u8| -> u8 { x }").contains("a capture is a copy"));
        assert!(refusal("|x| -> u8 { x }").contains("write the argument's type"));
        assert!(refusal("|x: u8| x").contains("write the result's type"));
        assert!(refusal("async |x: u8| -> u8 { x }").contains("cannot be `async`"));
        assert!(refusal("helper").contains("task! takes a closure"));
        assert!(refusal("|x: u8| -> u8 { x } , 3").contains("nothing may follow"));
        assert!(refusal("|x: u8| -> u8 { isopool::task!(|y: u8| -> u8 { y }); x }").contains("a task! inside a task!"));
    }

    #[test]
    fn a_tuple_longer_than_serde_knows_is_refused() {
        let arguments: Vec<String> = (0..17).map(|index| format!("x{index}: u8")).collect();
        assert!(refusal(&format!("|{}| -> u8 {{ x0 }}", arguments.join(", "))).contains("at most 16"));
    }
}
