//! What SECURITY.md and SPECIFICATION.md promise: the last cell of each row names the tests that hold it, and they exist.

use super::behaviours::{function_below, module};
use super::checkout::{expect_none, sources, top};
use std::collections::BTreeSet;
use std::fs;

const PAGES: [&str; 2] = ["SECURITY.md", "SPECIFICATION.md"];

/// What stands in the last cell of a row that no test holds: openly, or because it is measured.
const WITHOUT_A_TEST: [&str; 2] = ["pending", "BENCHMARKS.md"];

/// Every test, as tables name it: `map::name` of `tests/map.rs`, else its whole path.
pub(super) fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for source in sources("") {
        let lines: Vec<&str> = source.text.lines().collect();
        let marked = (0..lines.len()).filter(|at| lines[*at].trim() == "#[test]");
        let names = marked.filter_map(|at| function_below(&lines[at + 1..]));
        tests.extend(names.map(|name| format!("{}::{name}", module(source))));
    }
    tests
}

/// What is wrong with the rows of those tables whose last column is `held by`.
fn wrongs(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let (mut found, mut held) = (Vec::new(), false);
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            held = false;
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        match cells[..] {
            [.., "held by"] => held = true,
            [what, .., last] if held && !last.starts_with("---") => {
                found.extend(wrong(last, tests).map(|wrong| format!("{wrong}: {what}")));
            }
            _ => {}
        }
    }
    found
}

fn wrong(cell: &str, tests: &BTreeSet<String>) -> Option<String> {
    if WITHOUT_A_TEST.iter().any(|word| cell.starts_with(word)) {
        return None;
    }
    let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    match named.iter().find(|name| !tests.contains(**name)) {
        Some(unknown) => Some(format!("there is no test `{unknown}`")),
        None if named.is_empty() => Some("no test, and not marked as pending".to_owned()),
        None => None,
    }
}

#[test]
fn every_promise_names_a_test_that_exists_or_says_that_it_is_pending() {
    let tests = tests();
    let mut found = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(top().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains("| held by |"), "{page} has no table of promises");
        found.extend(wrongs(&text, &tests).into_iter().map(|wrong| format!("{page}: {wrong}")));
    }
    expect_none(&found, "name the test in backticks, or write `pending` and why");
}

#[test]
fn rows_without_a_test_are_found() {
    let tests = BTreeSet::from(["map::works".to_owned()]);
    let page =
        |row: &str| format!("| who | what |\n|---|---|\n| any | thing |\n\n| what | held by |\n|---|---|\n{row}\n");
    for row in ["| a | pending: why |", "| a | 7 | `map::works` |", "text", ""] {
        assert!(wrongs(&page(row), &tests).is_empty(), "{row}");
    }
    for row in ["| a | |", "| a | nothing |", "| a | `map::works`, `map::gone` |"] {
        assert_eq!(wrongs(&page(row), &tests).len(), 1, "{row}");
    }
}
