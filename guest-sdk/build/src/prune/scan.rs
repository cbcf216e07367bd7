//! Reads tokens that have no grammar: arguments of unknown macros, bodies of `macro_rules!`, format strings, attributes.

use super::bodies::segments_of;
use super::collect::Collector;
use super::model::{Mention, Name};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::Macro;
use syn::ext::IdentExt;

impl Collector<'_> {
    /// Reads tokens that no grammar is known for: each path is a mention; `tasks` says whether a `task!` counts.
    pub(crate) fn scan(&mut self, tokens: TokenStream, tasks: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Group(group) => {
                    self.scan(group.stream(), tasks);
                    at + 1
                }
                TokenTree::Literal(literal) => {
                    self.format_literal(literal);
                    at + 1
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), '\'' | '.') => self.scan_dotted(&tokens, at),
                TokenTree::Punct(_) => at + 1,
                TokenTree::Ident(_) => self.scan_path(&tokens, at, tasks),
            };
        }
    }

    /// A lifetime is nothing; what follows a single dot is a method or a field.
    fn scan_dotted(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return at + 1 };
        let after_dot = at > 0 && is_punct(&tokens[at - 1], '.');
        if is_punct(&tokens[at], '.') && !after_dot {
            self.sink.push(Mention { scope: self.scope, what: Name::Method(name.unraw().to_string()) });
            at + 2
        } else if is_punct(&tokens[at], '.') {
            at + 1
        } else {
            at + 2
        }
    }

    fn scan_path(&mut self, tokens: &[TokenTree], start: usize, tasks: bool) -> usize {
        let mut segments = Vec::new();
        let mut at = start;
        while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
            segments.push(ident.unraw().to_string());
            at += 1;
            let colons = tokens.get(at).is_some_and(|token| is_punct(token, ':'))
                && tokens.get(at + 1).is_some_and(|token| is_punct(token, ':'));
            if !(colons && matches!(tokens.get(at + 2), Some(TokenTree::Ident(_)))) {
                break;
            }
            at += 2;
        }
        let rooted = start >= 2 && is_punct(&tokens[start - 1], ':') && is_punct(&tokens[start - 2], ':');
        if let (Some(bang), Some(TokenTree::Group(group))) = (tokens.get(at), tokens.get(at + 1))
            && is_punct(bang, '!')
        {
            let begin = if rooted { start - 2 } else { start };
            let call: TokenStream = tokens[begin..at + 2].iter().cloned().collect();
            match syn::parse2::<Macro>(call) {
                Ok(call) if tasks => self.macro_call(&call),
                _ => {
                    self.mention(segments, rooted, true);
                    self.scan_group(group, tasks);
                }
            }
            return at + 2;
        }
        let is_keyword = segments.len() == 1 && syn::parse_str::<syn::Ident>(&segments[0]).is_err();
        if !is_keyword {
            self.mention(segments, rooted, false);
        }
        at
    }

    fn scan_group(&mut self, group: &Group, tasks: bool) {
        self.scan(group.stream(), tasks);
    }

    /// Names that format strings capture: `println!("{LIMIT}")`.
    pub(crate) fn format_names(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Literal(literal) => self.format_literal(&literal),
                TokenTree::Group(group) if group.delimiter() == Delimiter::None => self.format_names(group.stream()),
                _ => {}
            }
        }
    }

    fn format_literal(&mut self, literal: &proc_macro2::Literal) {
        let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else { return };
        for piece in text.value().replace("{{", "").split('{').skip(1) {
            let name: String = piece.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            let ends = piece[name.len()..].starts_with(['}', ':']);
            if ends && name.starts_with(|char: char| char.is_alphabetic() || char == '_') {
                self.mention(vec![name], false, false);
            }
        }
    }
}

/// Keys of derive helper attributes whose string values are paths.
const PATH_KEYS: &[&str] = &[
    "with",
    "default",
    "serialize_with",
    "deserialize_with",
    "skip_serializing_if",
    "from",
    "try_from",
    "into",
    "remote",
    "getter",
];

impl Collector<'_> {
    /// `#[serde(with = "codec")]`: the string names a module, so it is a mention.
    pub(crate) fn attribute_strings(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for window in tokens.windows(3) {
            if let [TokenTree::Ident(key), TokenTree::Punct(equals), TokenTree::Literal(value)] = window
                && equals.as_char() == '='
                && PATH_KEYS.iter().any(|known| key == known)
                && let Ok(text) = syn::parse_str::<syn::LitStr>(&value.to_string())
                && let Ok(path) = text.parse::<syn::Path>()
            {
                let mut segments = segments_of(&path);
                self.mention(segments.clone(), false, false);
                // `with = "m"` calls `m::serialize` and `m::deserialize`.
                for function in ["serialize", "deserialize"].iter().filter(|_| key == "with") {
                    segments.push((*function).to_owned());
                    self.mention(segments.clone(), false, false);
                    segments.pop();
                }
            }
        }
        for token in tokens {
            if let TokenTree::Group(group) = token {
                self.attribute_strings(group.stream());
            }
        }
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

/// Names that an item-level macro call seems to define: `thread_local! { static DEPTH: … }`.
pub(crate) fn defined_names(tokens: TokenStream) -> Vec<String> {
    const KEYWORDS: &[&str] = &["static", "const", "fn", "struct", "enum", "type", "trait", "union", "mod"];
    let tokens: Vec<TokenTree> = tokens
        .into_iter()
        .filter(|token| !matches!(token, TokenTree::Ident(name) if name == "ref" || name == "mut"))
        .collect();
    let mut names = Vec::new();
    for pair in tokens.windows(2) {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name)] = pair
            && KEYWORDS.iter().any(|known| keyword == known)
        {
            names.push(name.unraw().to_string());
        }
    }
    names
}
