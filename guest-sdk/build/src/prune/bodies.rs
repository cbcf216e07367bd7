//! Walks code: which names it mentions, which are variables, and where a `task!` is.

use super::collect::Collector;
use super::model::{Included, Mention, Name, Task};
use super::source::bytes;
use proc_macro2::TokenStream;
use std::collections::BTreeSet;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Macro, Token};

/// What is written between the delimiters of `task!`; the macro itself reads the same.
struct ClosureSyntax {
    captures: Vec<Capture>,
    closure: syn::ExprClosure,
}

/// `name: Type` or `name: Type = value`.
struct Capture {
    name: syn::Ident,
    ty: syn::Type,
    value: Option<Expr>,
}

impl Parse for Capture {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
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

impl Parse for ClosureSyntax {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut captures = Vec::new();
        if input.peek(syn::token::Bracket) {
            let inner;
            syn::bracketed!(inner in input);
            captures = Punctuated::<Capture, Token![,]>::parse_terminated(&inner)?.into_iter().collect();
        }
        let closure = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { captures, closure })
    }
}

impl Collector<'_> {
    /// Whether the path is that of the bang macro.
    pub(crate) fn is_task(&self, call: &Macro) -> bool {
        let segments = segments_of(&call.path);
        match segments.as_slice() {
            [name] => name == "task",
            [library, name] => library == self.library && name == "task",
            _ => false,
        }
    }

    /// A path in code. Variables are no mentions; `Self` is what it stands for.
    pub(crate) fn mention(&mut self, mut segments: Vec<String>, rooted: bool, call: bool) {
        if segments.len() == 1 && !call && self.locals.iter().any(|names| names.contains(&segments[0])) {
            return;
        }
        if segments[0] == "Self" {
            let Some(self_path) = &self.self_path else { return };
            segments.splice(0..1, self_path.iter().cloned());
        }
        self.sink.push(Mention { scope: self.scope, what: Name::Path { segments, rooted, call } });
    }

    fn bind(&mut self, name: String) {
        self.locals.last_mut().expect("there is always an outermost block").insert(name);
    }

    fn block(&mut self, walk: impl FnOnce(&mut Self)) {
        self.locals.push(BTreeSet::new());
        walk(self);
        self.locals.pop();
    }

    /// Any macro call: a task, or tokens that are read as far as they look like code.
    pub(crate) fn macro_call(&mut self, call: &Macro) {
        if self.is_task(call)
            && let Ok(closure) = syn::parse2::<ClosureSyntax>(call.tokens.clone())
        {
            return self.task(call, &closure);
        }
        let segments = segments_of(&call.path);
        self.note_included(&segments, &call.tokens);
        self.mention(segments, call.path.leading_colon.is_some(), true);
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(call.tokens.clone());
        if let Ok(arguments) = arguments {
            self.format_names(call.tokens.clone());
            return arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
        if let Ok(statements) = syn::Block::parse_within.parse2(call.tokens.clone()) {
            self.format_names(call.tokens.clone());
            return self.block(|walk| statements.iter().for_each(|statement| walk.visit_stmt(statement)));
        }
        self.scan(call.tokens.clone(), true);
    }

    /// `include_str!("words.txt")` needs its file beside the copy.
    fn note_included(&mut self, macro_path: &[String], tokens: &TokenStream) {
        let is_include = macro_path.last().is_some_and(|name| name == "include_str" || name == "include_bytes");
        if is_include && let Ok(path) = syn::parse2::<syn::LitStr>(tokens.clone()) {
            self.program.included.push(Included { file: self.file, path: path.value() });
        }
    }

    fn task(&mut self, call: &Macro, syntax: &ClosureSyntax) {
        for capture in &syntax.captures {
            match &capture.value {
                Some(value) => self.visit_expr(value),
                None => self.mention(vec![capture.name.to_string()], false, false),
            }
        }
        let sink = std::mem::take(&mut self.sink);
        let locals = std::mem::replace(&mut self.locals, vec![BTreeSet::new()]);
        let in_task = std::mem::replace(&mut self.in_task, true);
        for capture in &syntax.captures {
            self.visit_type(&capture.ty);
            self.bind(capture.name.unraw().to_string());
        }
        self.visit_expr_closure(&syntax.closure);
        // The macro itself: its `use` must be in the copy.
        self.mention(segments_of(&call.path), call.path.leading_colon.is_some(), true);
        self.in_task = in_task;
        self.locals = locals;
        let mentions = std::mem::replace(&mut self.sink, sink);
        self.note_first_segments(&mentions);
        if !self.on_host || in_task {
            return;
        }
        let start = match &call.path.leading_colon {
            Some(colons) => colons.span(),
            None => call.path.segments[0].ident.span(),
        };
        let delimiters = match &call.delimiter {
            syn::MacroDelimiter::Paren(token) => token.span,
            syn::MacroDelimiter::Brace(token) => token.span,
            syn::MacroDelimiter::Bracket(token) => token.span,
        };
        let (open, close) = (bytes(delimiters.open()), bytes(delimiters.close()));
        let id = format!("{}:{}:{}", self.program.files[self.file].name, start.start().line, start.start().column + 1);
        self.program.tasks.push(Task {
            id,
            scope: self.scope,
            file: self.file,
            range: bytes(start).start..close.end,
            delimiters: (open.start, close.start),
            mentions,
            owner: self.owner,
        });
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.item(item);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.macro_call(call);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(segments_of(path), path.leading_colon.is_some(), false);
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.sink.push(Mention { scope: self.scope, what: Name::Method(call.method.unraw().to_string()) });
        visit::visit_expr_method_call(self, call);
    }

    fn visit_trait_item_fn(&mut self, method: &'ast syn::TraitItemFn) {
        match &method.default {
            Some(body) => self.function(&method.sig, body, bytes(method.span()), None),
            None => self.block(|walk| walk.visit_signature(&method.sig)),
        }
    }

    fn visit_generics(&mut self, generics: &'ast syn::Generics) {
        for parameter in generics.params.iter() {
            match parameter {
                syn::GenericParam::Type(parameter) => self.bind(parameter.ident.unraw().to_string()),
                syn::GenericParam::Const(parameter) => self.bind(parameter.ident.unraw().to_string()),
                syn::GenericParam::Lifetime(_) => {}
            }
        }
        visit::visit_generics(self, generics);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.block(|walk| visit::visit_block(walk, block));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if let Some(init) = &local.init {
            self.visit_expr(&init.expr);
            if let Some((_, diverge)) = &init.diverge {
                self.visit_expr(diverge);
            }
        }
        self.visit_pat(&local.pat);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        self.block(|walk| visit::visit_expr_closure(walk, closure));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.block(|walk| visit::visit_arm(walk, arm));
    }

    fn visit_expr_for_loop(&mut self, each: &'ast syn::ExprForLoop) {
        self.visit_expr(&each.expr);
        self.block(|walk| {
            walk.visit_pat(&each.pat);
            walk.visit_block(&each.body);
        });
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        self.block(|walk| {
            walk.visit_expr(&branch.cond);
            walk.visit_block(&branch.then_branch);
        });
        if let Some((_, other)) = &branch.else_branch {
            self.visit_expr(other);
        }
    }

    fn visit_expr_while(&mut self, each: &'ast syn::ExprWhile) {
        self.block(|walk| {
            walk.visit_expr(&each.cond);
            walk.visit_block(&each.body);
        });
    }

    fn visit_expr_let(&mut self, condition: &'ast syn::ExprLet) {
        self.visit_expr(&condition.expr);
        self.visit_pat(&condition.pat);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.unraw().to_string();
        if name.starts_with(char::is_uppercase) && pattern.by_ref.is_none() && pattern.subpat.is_none() {
            self.mention(vec![name], false, false);
        } else {
            self.bind(name);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let segments = segments_of(attribute.path());
        if segments.len() > 1 {
            self.mention(segments, false, false);
        } else if attribute.path().is_ident("derive") {
            let derives = Punctuated::<syn::Path, Token![,]>::parse_terminated;
            if let Ok(paths) = attribute.parse_args_with(derives) {
                paths.iter().for_each(|path| self.mention(segments_of(path), path.leading_colon.is_some(), true));
            }
        } else if !["doc", "cfg", "path", "inline", "must_use", "test"].iter().any(|name| segments[0] == *name) {
            self.mention(segments, false, true);
            if let syn::Meta::List(list) = &attribute.meta {
                self.attribute_strings(list.tokens.clone());
            }
        }
    }
}

/// The names of a path, without generic arguments.
pub(crate) fn segments_of(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect()
}

/// Every path in a type.
pub(crate) fn paths_of_type(ty: &syn::Type) -> Vec<Vec<String>> {
    struct Paths(Vec<Vec<String>>);
    impl<'ast> Visit<'ast> for Paths {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.0.push(segments_of(path));
            visit::visit_path(self, path);
        }
    }
    let mut paths = Paths(Vec::new());
    paths.visit_type(ty);
    paths.0
}

/// Every path in the generic arguments of a path.
pub(crate) fn paths_of_arguments(path: &syn::Path) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for segment in &path.segments {
        if let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments {
            for argument in &arguments.args {
                if let syn::GenericArgument::Type(ty) = argument {
                    found.extend(paths_of_type(ty));
                }
            }
        }
    }
    found
}
