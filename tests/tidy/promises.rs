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

/// What is wrong with a row of a table; heads of tables and the lines below them are none.
fn wrong(row: &str, tests: &BTreeSet<String>) -> Option<String> {
    let cells: Vec<&str> = row.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let last = cells.last()?.trim();
    if last == "held by" || WITHOUT_A_TEST.iter().any(|word| last.starts_with(word)) {
        return None;
    }
    let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
    match named.iter().find(|name| !tests.contains(**name)) {
        Some(unknown) => Some(format!("there is no test `{unknown}`: {}", cells[0])),
        None if named.is_empty() => Some(format!("no test, and not marked as pending: {}", cells[0])),
        None => None,
    }
}

#[test]
fn every_promise_names_a_test_that_exists_or_says_that_it_is_pending() {
    let tests = tests();
    let mut found = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(top().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        found.extend(text.lines().filter_map(|row| wrong(row, &tests)).map(|wrong| format!("{page}: {wrong}")));
    }
    expect_none(&found, "name the test in backticks, or write `pending` and why");
}

#[test]
fn rows_without_a_test_are_found() {
    let tests = BTreeSet::from(["map::works".to_owned()]);
    for row in ["| a | held by |", "|---|---|", "| a | pending: why |", "| a | 7 | `map::works` |", "text"] {
        assert_eq!(wrong(row, &tests), None, "{row}");
    }
    assert!(wrong("| a | |", &tests).is_none(), "no cell, no row");
    assert!(wrong("| a | nothing |", &tests).is_some());
    assert!(wrong("| a | `map::works`, `map::gone` |", &tests).is_some());
}
