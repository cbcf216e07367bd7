//! What the macro says of WIT that it can make no client of.

use super::expand;
use std::fs;
use std::path::{Path, PathBuf};

/// `testdata`: as if it were the package's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata")
}

fn refusal(options: &str) -> String {
    let tokens = options.parse().expect("tokens");
    let error = expand(tokens, &root()).expect_err(options).to_string();
    error.replace(&root().display().to_string(), "[root]")
}

#[test]
fn a_mistake_is_told_in_the_words_of_the_parser_with_file_and_line() {
    let mut said = String::new();
    for options in [
        r#"{ path: "no_such.wit" }"#,
        r#"{ path: "does_not_parse.wit" }"#,
        r#"{ path: "unknown_type.wit" }"#,
        r#"{ path: "unknown_package.wit" }"#,
        r#"{ path: "worlds.wit" }"#,
        r#"{ path: "worlds.wit", world: "third" }"#,
        r#"{ path: "nothing_to_call.wit" }"#,
        r#"{ path: "worlds.wit", word: "first" }"#,
        r#"{ path: "worlds.wit", path: "worlds.wit" }"#,
        r#"{ path: worlds }"#,
        r#""worlds.wit""#,
    ] {
        said.push_str(&format!("{options}\n    {}\n", refusal(options).replace('\n', "\n    ")));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn the_files_are_watched() {
    let tokens = expand(r#"{ path: "worlds.wit", world: "first" }"#.parse().expect("tokens"), &root());
    let file = root().join("worlds.wit");
    assert!(fs::exists(&file).expect("a file"));
    let watched = format!("include_bytes ! ({:?})", file.display().to_string());
    assert!(tokens.expect("a client").to_string().contains(&watched));
}
