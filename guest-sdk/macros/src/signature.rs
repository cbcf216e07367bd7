//! What it does: reads a task's signature: which types travel, what is a `Result`, its text; refuses what cannot travel.
//! Takes from: syn. Hands to: `task_attr.rs`. Never: resolves a name; it sees what is written.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Error, FnArg, GenericArgument, Ident, Pat, PathArguments, PathSegment, ReturnType, Signature, Type};

/// One argument of a task.
pub(crate) struct Argument {
    /// Its name in the stub.
    pub(crate) name: Ident,
    /// Its type as written.
    pub(crate) ty: Type,
}

/// A task's signature.
pub(crate) struct Shape {
    pub(crate) arguments: Vec<Argument>,
    /// The type that travels back: for a `Result`, that of `Ok`.
    pub(crate) output: Type,
    /// Whether the function returns a `Result`.
    pub(crate) fallible: bool,
    /// For example `fn(text: String) -> Counts`.
    pub(crate) text: String,
}

impl Shape {
    /// Reads a signature.
    ///
    /// # Errors
    /// One error for each thing in it that a task cannot have, with the remedy.
    pub(crate) fn read(signature: &Signature) -> syn::Result<Self> {
        let mut errors = Errors::default();
        refuse_kinds(signature, &mut errors);
        let arguments: Vec<Argument> = signature
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(index, input)| read_argument(index, input, &mut errors))
            .collect();
        let (output, fallible) = read_output(&signature.output);
        errors.visit_type(&output);
        errors.finish()?;
        let text = write_text(&arguments, &signature.output);
        Ok(Self { arguments, output, fallible, text })
    }

    /// Whether only byte buffers travel, so that the `raw` codec works.
    pub(crate) fn is_raw(&self) -> bool {
        let buffers_in = match self.arguments.as_slice() {
            [] => true,
            [one] => is_buffer(&one.ty),
            _ => false,
        };
        buffers_in && (is_buffer(&self.output) || is_unit(&self.output))
    }
}

/// Collects errors, so that all are shown at once; visits types that have to travel.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, at: impl ToTokens, message: &str) {
        let error = Error::new_spanned(at, message);
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl<'ast> Visit<'ast> for Errors {
    fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
        let remedy = match reference.elem.as_ref() {
            Type::Path(path) if path.path.is_ident("str") => "use `String`",
            Type::Slice(_) => "use `Vec<T>`",
            _ => "use an owned type",
        };
        self.push(reference, &format!("a reference cannot travel into or out of a task's sandbox; {remedy}"));
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.push(
            ty,
            "a task's types cannot be `impl Trait`: bytes are decoded into a type with a name; write the type",
        );
    }

    fn visit_type_trait_object(&mut self, ty: &'ast syn::TypeTraitObject) {
        self.push(ty, "a trait object cannot travel into or out of a task's sandbox; use an enum or a struct");
    }

    fn visit_type_never(&mut self, ty: &'ast syn::TypeNever) {
        self.push(ty, "a task cannot return `!`; let it return `()`");
    }

    fn visit_type_ptr(&mut self, ty: &'ast syn::TypePtr) {
        self.push(ty, "a pointer means nothing in another memory; use an owned type");
    }

    fn visit_type_bare_fn(&mut self, ty: &'ast syn::TypeBareFn) {
        self.push(ty, "a function pointer means nothing in another module; send a value that says what to do");
    }

    fn visit_generic_argument(&mut self, argument: &'ast GenericArgument) {
        visit::visit_generic_argument(self, argument);
    }
}

fn refuse_kinds(signature: &Signature, errors: &mut Errors) {
    if let Some(token) = &signature.asyncness {
        errors.push(token, "a task cannot be `async`: a sandbox runs one call to its end; remove `async`");
    }
    if let Some(token) = &signature.unsafety {
        errors.push(token, "a task cannot be `unsafe`: its caller is in another process; wrap it in a safe function");
    }
    if let Some(token) = &signature.abi {
        errors.push(token, "a task is an ordinary Rust function; remove the `extern`");
    }
    if let Some(token) = &signature.variadic {
        errors.push(token, "a task has a fixed number of arguments; use a `Vec`");
    }
    if !signature.generics.params.is_empty() {
        errors.push(
            &signature.generics,
            "a task cannot be generic: a module holds compiled functions; write one task for each type",
        );
    } else if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause, "a task cannot have a `where` clause; remove it");
    }
}

fn read_argument(index: usize, input: &FnArg, errors: &mut Errors) -> Option<Argument> {
    let typed = match input {
        FnArg::Receiver(receiver) => {
            errors.push(
                receiver,
                "a task cannot be a method; make it a free function that takes the value as an argument",
            );
            return None;
        }
        FnArg::Typed(typed) => typed,
    };
    errors.visit_type(&typed.ty);
    let name = match typed.pat.as_ref() {
        Pat::Ident(pattern) if pattern.by_ref.is_none() => {
            let mut name = pattern.ident.clone();
            name.set_span(pattern.ident.span());
            name
        }
        other => format_ident!("argument_{index}", span = other.span()),
    };
    Some(Argument { name, ty: typed.ty.as_ref().clone() })
}

/// The type that travels back, and whether the function returns a `Result`.
fn read_output(output: &ReturnType) -> (Type, bool) {
    let unit = || syn::parse_quote!(());
    let ReturnType::Type(_, ty) = output else { return (unit(), false) };
    let Some(last) = last_segment(ty).filter(|last| last.ident == "Result") else {
        return (ty.as_ref().clone(), false);
    };
    // An alias may fix the type of the value too, as `std::fmt::Result` does.
    (first_type(last).cloned().unwrap_or_else(unit), true)
}

/// Whether a type is written `Vec<u8>`, which travels as a whole instead of byte by byte.
pub(crate) fn is_byte_vec(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| {
        last.ident == "Vec" && first_type(last).and_then(last_segment).is_some_and(|item| item.ident == "u8")
    })
}

/// Whether a type is written as a byte buffer.
fn is_buffer(ty: &Type) -> bool {
    is_byte_vec(ty)
        || last_segment(ty)
            .is_some_and(|last| last.arguments.is_none() && (last.ident == "Bytes" || last.ident == "ByteBuf"))
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(paren) => last_segment(&paren.elem),
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn write_text(arguments: &[Argument], output: &ReturnType) -> String {
    let list: Vec<String> =
        arguments.iter().map(|argument| format!("{}: {}", unraw(&argument.name), type_text(&argument.ty))).collect();
    let output = match output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, ty) => format!(" -> {}", type_text(ty)),
    };
    format!("fn({}){output}", list.join(", "))
}

/// A name without the `r#` of a raw one.
pub(crate) fn unraw(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// A type as a person writes it. Not `TokenStream::to_string`, whose spaces differ between compilers.
pub(crate) fn type_text(ty: &Type) -> String {
    let mut text = String::new();
    write_tokens(ty.to_token_stream(), &mut text);
    text
}

fn write_tokens(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write_tokens(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => {
                if punct.as_char() == '+' {
                    text.push(' ');
                }
                text.push(punct.as_char());
                let spaced = matches!(punct.as_char(), ',' | ';' | '+') || text.ends_with("->");
                if spaced && punct.spacing() == Spacing::Alone {
                    text.push(' ');
                }
            }
            word => {
                if text.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
    // A trailing comma leaves its space, for example in `(u32,)`.
    text.truncate(text.trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{ItemFn, parse_quote};

    fn shape(function: &ItemFn) -> Shape {
        Shape::read(&function.sig).expect("a task's signature")
    }

    fn refusals(function: &ItemFn) -> Vec<String> {
        let errors = Shape::read(&function.sig).err().expect("not a task's signature");
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn the_text_is_what_a_person_writes() {
        let function = parse_quote! {
            fn f(mut a: BTreeMap<String, Vec<(u32, Option<f64>)>>, _: [u8; 4], r#type: (u32,), b: std::string::String)
                -> Result<crate::Counts, String> { todo!() }
        };
        assert_eq!(
            shape(&function).text,
            "fn(a: BTreeMap<String, Vec<(u32, Option<f64>)>>, argument_1: [u8; 4], type: (u32,), b: std::string::String) \
             -> Result<crate::Counts, String>"
        );
        assert_eq!(
            shape(&parse_quote!(
                fn f() {}
            ))
            .text,
            "fn()"
        );
    }

    #[test]
    fn a_result_is_recognised_by_its_name() {
        for (function, output) in [
            (
                parse_quote!(
                    fn f() -> Result<u8, String> {}
                ),
                "u8",
            ),
            (
                parse_quote!(
                    fn f() -> std::result::Result<Vec<u8>, &'static str> {}
                ),
                "Vec<u8>",
            ),
            (
                parse_quote!(
                    fn f() -> anyhow::Result<()> {}
                ),
                "()",
            ),
            (
                parse_quote!(
                    fn f() -> std::fmt::Result {}
                ),
                "()",
            ),
        ] {
            let shape = shape(&function);
            assert!(shape.fallible);
            assert_eq!(type_text(&shape.output), output);
        }
        assert!(
            !shape(&parse_quote!(
                fn f() -> Option<u8> {}
            ))
            .fallible
        );
    }

    #[test]
    fn the_raw_codec_is_for_buffers_only() {
        assert!(
            shape(&parse_quote!(
                fn f(a: Vec<u8>) -> Bytes {}
            ))
            .is_raw()
        );
        assert!(
            shape(&parse_quote!(
                fn f(a: isopool_guest::Bytes) -> Result<Vec<u8>, E> {}
            ))
            .is_raw()
        );
        assert!(
            shape(&parse_quote!(
                fn f() {}
            ))
            .is_raw()
        );
        assert!(
            !shape(&parse_quote!(
                fn f(a: Vec<u8>, b: Vec<u8>) {}
            ))
            .is_raw()
        );
        assert!(
            !shape(&parse_quote!(
                fn f(a: Vec<u16>) {}
            ))
            .is_raw()
        );
        assert!(
            !shape(&parse_quote!(
                fn f() -> String {}
            ))
            .is_raw()
        );
    }

    #[test]
    fn what_cannot_travel_is_refused_wherever_it_is_nested() {
        assert_eq!(
            refusals(&parse_quote!(
                async fn f(a: Vec<&str>, b: Option<&[u8]>) -> Box<dyn Debug> {}
            )),
            [
                "a task cannot be `async`: a sandbox runs one call to its end; remove `async`",
                "a reference cannot travel into or out of a task's sandbox; use `String`",
                "a reference cannot travel into or out of a task's sandbox; use `Vec<T>`",
                "a trait object cannot travel into or out of a task's sandbox; use an enum or a struct",
            ]
        );
        assert_eq!(
            refusals(&parse_quote!(
                fn f(&self) {}
            ))
            .len(),
            1
        );
        assert_eq!(
            refusals(&parse_quote!(
                unsafe fn f<T>(a: T) -> ! {}
            ))
            .len(),
            3
        );
    }
}
