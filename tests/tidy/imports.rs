//! The paths from the crate's root that a file names.

use super::source::{Source, word_offsets};

/// One path below the crate's root, as `room::item`, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) place: String,
}

/// All paths of a file's product code that start at the crate's root, in `use` or elsewhere, braces spread out.
pub(crate) fn imports(source: &Source) -> Vec<Import> {
    let code = &source.product;
    let mut found = Vec::new();
    for (start, depth) in roots(source) {
        let place = source.place(start);
        let mut paths = Vec::new();
        spread(&mut Tokens { rest: &code[start..] }, String::new(), &mut paths);
        // `super` beyond the root would be an error of the compiler's.
        found.extend(paths.into_iter().filter_map(|path| {
            let path = path.strip_prefix(&"super::".repeat(depth)).unwrap_or(&path).to_owned();
            Some(Import { path, place: place.clone() }).filter(|import| !import.path.starts_with("super"))
        }));
    }
    found
}

/// Offsets just behind a `crate::`, or at a chain of `super::` that is long enough to reach the root, with its length.
fn roots(source: &Source) -> Vec<(usize, usize)> {
    let code = &source.product;
    let mut found: Vec<_> = word_offsets(code, "crate::").map(|offset| (offset + "crate::".len(), 0)).collect();
    let depth = depth(source);
    let chain = "super::".repeat(depth);
    if depth > 0 {
        found.extend(word_offsets(code, &chain).map(|offset| (offset, depth)));
    }
    found
}

/// How many modules there are between a file of `src` and the crate's root.
fn depth(source: &Source) -> usize {
    let parts: Vec<_> = source.path.iter().skip_while(|part| *part != "src").skip(1).collect();
    match parts.last().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs") | None => 0,
        Some("mod.rs") => parts.len() - 1,
        Some(_) => parts.len(),
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let word = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        let length = if word > 0 {
            word
        } else if text.starts_with("::") {
            2
        } else {
            text.chars().next()?.len_utf8()
        };
        let (token, rest) = text.split_at(length);
        self.rest = rest;
        Some(token)
    }

    fn peek(&self) -> Option<&'a str> {
        Tokens { rest: self.rest }.next()
    }
}

/// Follows one path, and every branch of its braces.
fn spread(tokens: &mut Tokens<'_>, before: String, paths: &mut Vec<String>) {
    let mut path = before;
    loop {
        match tokens.next() {
            Some("{") => return spread_braces(tokens, &path, paths),
            Some(name) if name == "*" || name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push_str(name);
            }
            _ => break,
        }
        if tokens.peek() != Some("::") {
            break;
        }
        tokens.next();
        // `path::<T>` ends here.
        if tokens.peek() == Some("<") {
            break;
        }
        path.push_str("::");
    }
    paths.push(path);
}

fn spread_braces(tokens: &mut Tokens<'_>, before: &str, paths: &mut Vec<String>) {
    loop {
        match tokens.peek() {
            None => return,
            Some("}") => {
                tokens.next();
                return;
            }
            Some(",") => {
                tokens.next();
            }
            // `a as b`
            Some("as") => {
                tokens.next();
                tokens.next();
            }
            Some(_) => spread(tokens, before.to_owned(), paths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path: &str, text: &str) -> Vec<String> {
        imports(&Source::new(path.into(), text.to_owned())).into_iter().map(|import| import.path).collect()
    }

    #[test]
    fn braces_are_spread_and_paths_outside_of_use_are_seen() {
        let text = "use crate::{a, b::{self, C as D, e::*}, f::G};\nfn x(y: crate::h::I) { crate::j::k::<L>() }\n\
                    // crate::comment\npub(crate) use z::y;\n";
        let expected = ["a", "b::self", "b::C", "b::e::*", "f::G", "h::I", "j::k"];
        assert_eq!(paths("host/src/room/file.rs", text), expected);
    }

    #[test]
    fn chains_of_super_that_reach_the_root_are_seen() {
        let text = "use super::super::other::X; use super::near::Y;";
        assert_eq!(paths("host/src/room/file.rs", text), ["other::X"]);
        assert_eq!(paths("host/src/room/mod.rs", "use super::other::X;"), ["other::X"]);
        assert_eq!(paths("host/src/limits.rs", "use super::other::X;"), ["other::X"]);
    }

    #[test]
    fn place_is_the_line_of_the_path() {
        let source = Source::new("host/src/room/file.rs".into(), "\n\nuse crate::a::B;".to_owned());
        let expected = Import { path: "a::B".to_owned(), place: "host/src/room/file.rs:3".to_owned() };
        assert_eq!(imports(&source), [expected]);
    }
}
