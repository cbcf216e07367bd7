//! Which names a project can have: those that cargo takes, and that a program in Rust can `use`.

/// Words that no crate can be called by. Source: the Rust reference, keywords of the edition 2024.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates of the language, and the one that every test harness is called.
const BUILT_IN: &[&str] = &["alloc", "core", "proc_macro", "proc-macro", "std", "test"];

/// Folders that cargo makes beside its programs.
const FOLDERS: &[&str] = &["build", "deps", "examples", "incremental"];

/// Packages that the templates depend on, or have.
pub(super) const DEPENDENCIES: &[&str] = &["isopool", "isopool-build", "isopool-guest", "serde", "shout"];

/// Why a project cannot have this name; nothing if it can.
pub(super) fn refusal(name: &str) -> Option<String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let is_one_of = |names: &[&str]| names.iter().any(|one| one.replace('-', "_") == name.replace('-', "_"));
    let why = match name.chars().next() {
        None => "it is empty".to_owned(),
        Some(first) if !first.is_ascii_alphabetic() => format!("it begins with `{first}`, and not with a letter"),
        _ => {
            if let Some(letter) = name.chars().find(|letter| !is_letter(*letter)) {
                format!("it has `{}` in it, and may have letters, digits, `-` and `_` of ASCII", letter.escape_debug())
            } else if is_one_of(KEYWORDS) {
                "it is a word of the language".to_owned()
            } else if is_one_of(BUILT_IN) {
                "it is the name of a crate that comes with the language".to_owned()
            } else if is_one_of(FOLDERS) {
                "it is the name of a folder that cargo makes".to_owned()
            } else if is_one_of(DEPENDENCIES) {
                "it is the name of a package that the project depends on".to_owned()
            } else {
                return None;
            }
        }
    };
    Some(format!("a project cannot be called `{}`: {why}", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_takes_are_taken() {
        for name in ["a", "my-tasks", "my_tasks", "tasks2", "isopool-x", "Shout_"] {
            assert_eq!(refusal(name), None);
        }
    }

    #[test]
    fn every_other_name_is_refused_with_the_reason() {
        for (name, reason) in [
            ("", "it is empty"),
            ("2x", "it begins with `2`"),
            ("-x", "it begins with `-`"),
            ("_x", "it begins with `_`"),
            ("a b", "it has ` ` in it"),
            ("a.b", "it has `.` in it"),
            ("a\n", "it has `\\n` in it"),
            ("über", "it begins with `ü`"),
            ("aß", "it has `ß` in it"),
            ("fn", "a word of the language"),
            ("gen", "a word of the language"),
            ("std", "comes with the language"),
            ("test", "comes with the language"),
            ("deps", "a folder that cargo makes"),
            ("isopool_guest", "depends on"),
        ] {
            let refusal = refusal(name).unwrap_or_else(|| panic!("`{name}` is taken"));
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}
