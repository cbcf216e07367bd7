//! A Rust file as a reader of rules sees it: code without comments, without what stands in quotes, without tests.

use std::path::PathBuf;

/// One Rust file.
pub(crate) struct Source {
    /// Its path from the top of the checkout.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) text: String,
    /// The same lines with blanks for comments and for what stands in quotes.
    pub(crate) code: String,
    /// As `code`, with blanks for what is compiled for tests only.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: PathBuf, text: String) -> Self {
        let code = blank_comments_and_quotes(&text);
        let is_test = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "benches")))
            || path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .is_some_and(|stem| stem == "tests" || stem == "testing" || stem.ends_with("_tests"));
        let product = if is_test { blank(&code, 0, code.len()) } else { blank_tests(&code) };
        Self { path, text, code, product }
    }

    /// The files that this one names as modules for tests only: `#[cfg(test)] mod tests;`.
    pub(crate) fn test_files(&self) -> Vec<PathBuf> {
        let parent = self.path.parent().expect("a file is in a folder");
        let is_folder = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| self.path.ends_with(name));
        let folder = if is_folder { parent.to_owned() } else { self.path.with_extension("") };
        let mut found = Vec::new();
        for (offset, mark) in self.code.match_indices(TEST_MARK) {
            let start = offset + mark.len();
            let end = end_of_item(&self.code, start);
            // Here and not in the code: what stands in quotes matters.
            let item = self.text[start..end].trim();
            if let Some(path) = item.strip_prefix("#[path = \"").and_then(|rest| rest.split('"').next()) {
                found.push(parent.join(path));
            } else if let Some(name) = item.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                found.extend([folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]);
            }
        }
        found
    }

    /// Says that all of this file is for tests.
    pub(crate) fn becomes_test(&mut self) {
        self.product = blank(&self.code, 0, self.code.len());
    }

    /// Where each occurrence of a whole word in `code` stands, as `path:line`.
    pub(crate) fn places<'a>(&'a self, code: &'a str, word: &'a str) -> impl Iterator<Item = String> + 'a {
        word_offsets(code, word).map(|offset| self.place(offset))
    }

    /// `path:line` of an offset.
    pub(crate) fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path.display(), self.text[..offset].matches('\n').count() + 1)
    }
}

/// The offsets of a word that is not part of a longer one.
pub(crate) fn word_offsets<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(offset, _)| offset).filter(move |offset| {
        let before = code[..*offset].chars().next_back();
        let after = code[offset + word.len()..].chars().next();
        let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (first, last) = (word.chars().next(), word.chars().next_back());
        !(part_of_word(first) && part_of_word(before) || part_of_word(last) && part_of_word(after))
    })
}

/// The text with blanks from `start` to `end`; lines stay where they are.
fn blank(text: &str, start: usize, end: usize) -> String {
    let blanked = text[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    text[..start].chars().chain(blanked).chain(text[end..].chars()).collect()
}

fn blank_comments_and_quotes(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut offset = 0;
    while offset < text.len() {
        let rest = &text[offset..];
        let length = length_of_comment_or_quote(rest, text[..offset].chars().next_back());
        if length > 0 {
            code.push_str(&blank(&rest[..length], 0, length));
            offset += length;
        } else {
            let next = rest.chars().next().expect("the offset is inside of the text");
            // One byte each, so that offsets in the code are offsets in the text.
            if next.is_ascii() {
                code.push(next)
            } else {
                code.extend(std::iter::repeat_n('_', next.len_utf8()))
            }
            offset += next.len_utf8();
        }
    }
    code
}

/// The length of the comment or literal that starts here, in bytes; 0 if none does.
fn length_of_comment_or_quote(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return length_of_block_comment(rest);
    }
    if rest.starts_with('"') {
        return length_of_string(rest);
    }
    if rest.starts_with('\'') {
        return length_of_character(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if in_word {
        return 0;
    }
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
    if (1..=2).contains(&prefix) && rest[..prefix].ends_with('r') && rest[prefix + hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        return rest[start..].find(&end).map_or(rest.len(), |length| start + length + end.len());
    }
    0
}

fn length_of_block_comment(rest: &str) -> usize {
    let (mut depth, mut offset) = (0, 0);
    while offset < rest.len() {
        if rest[offset..].starts_with("/*") {
            (depth, offset) = (depth + 1, offset + 2);
        } else if rest[offset..].starts_with("*/") {
            (depth, offset) = (depth - 1, offset + 2);
            if depth == 0 {
                return offset;
            }
        } else {
            offset += rest[offset..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn length_of_string(rest: &str) -> usize {
    let mut escaped = false;
    for (offset, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; a lifetime is none.
fn length_of_character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(0, |offset| 3 + offset + 1),
        (Some(_), Some((offset, '\''))) => offset + 1,
        _ => 0,
    }
}

const TEST_MARK: &str = "#[cfg(test)]";

/// Blanks what follows each `#[cfg(test)]`: up to its `;`, or to the end of its braces.
fn blank_tests(code: &str) -> String {
    let mut product = code.to_owned();
    while let Some(start) = product.find(TEST_MARK) {
        let end = end_of_item(&product, start + TEST_MARK.len());
        product = blank(&product, start, end);
    }
    product
}

fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[start..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return start + offset + 1;
                }
            }
            ';' if depth == 0 => return start + offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("host/src/x/y.rs".into(), text.to_owned())
    }

    #[test]
    fn comments_and_quotes_are_no_code_and_lines_stay() {
        let text = r####"
            let a = "unsafe \" unsafe"; // unsafe
            /* unsafe /* unsafe */ unsafe */ let b = r#"unsafe " unsafe"#;
            let c = '"'; let d = b"unsafe"; let e = '\''; let f: &'static str = br"unsafe\";
            let über = 'ü'; /// unsafe
            fn unsafe_one() {} unsafe { g() }
        "####;
        let source = source(text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.places(&source.code, "unsafe").collect::<Vec<_>>(), ["host/src/x/y.rs:6"]);
        assert!(source.code.contains("let f: &'static str ="));
    }

    #[test]
    fn tests_are_no_product() {
        let source = source(
            "fn a() { b.unwrap() }\n#[cfg(test)]\nmod c;\nfn d() { e.unwrap() }\n#[cfg(test)]\nmod tests {\n fn f() { \
             g.unwrap() }\n}\n#[cfg(test)]\nuse x::{y, z};\nfn h() { i.unwrap() }\n",
        );
        let places: Vec<_> = source.places(&source.product, ".unwrap()").collect();
        assert_eq!(places, ["host/src/x/y.rs:1", "host/src/x/y.rs:4", "host/src/x/y.rs:11"]);
        for path in ["tests/x.rs", "host/tests/x.rs", "host/benches/x.rs"] {
            assert!(Source::new(path.into(), "a.unwrap()".to_owned()).product.trim().is_empty(), "{path}");
        }
    }

    #[test]
    fn files_for_tests_are_found_where_their_module_is_named() {
        let text =
            "#[cfg(test)]\nmod a;\nmod b;\n#[cfg(test)]\n#[path = \"y_tests.rs\"]\nmod tests;\n#[cfg(test)]\nuse c;";
        let named = |path: &str| Source::new(path.into(), text.to_owned()).test_files();
        let expected = ["host/src/x/a.rs", "host/src/x/a/mod.rs", "host/src/x/y_tests.rs"].map(PathBuf::from);
        assert_eq!(named("host/src/x/mod.rs"), expected);
        let expected = ["host/src/x/y/a.rs", "host/src/x/y/a/mod.rs", "host/src/x/y_tests.rs"].map(PathBuf::from);
        assert_eq!(named("host/src/x/y.rs"), expected);
    }

    #[test]
    fn words_are_whole() {
        let found = |word| word_offsets("bincode bincode_x x.bincode::a dbg!(x) adbg!(x)", word).count();
        assert_eq!(found("bincode"), 2);
        assert_eq!(found("dbg!"), 1);
    }
}
