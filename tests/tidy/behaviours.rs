//! The behaviours that users of loky and concurrent.futures rely on, and the tests that show them: `tests/README.md` lists
//! both, and says what the sources say.

use super::checkout::{expect_none, sources, top};
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// B1 to this one.
const LAST: u32 = 52;

/// What stands in a row that has no test, which fails.
const NONE_YET: &str = "none";

/// Set, it has the table's last column written anew instead of compared.
pub(super) const UPDATE: &str = "ISOPOOL_UPDATE_TABLES";

type Tests = BTreeMap<u32, BTreeSet<String>>;

/// The tests that name a behaviour: a comment `// behaviour: B1, B2` stands above each.
fn named_in_sources() -> (Tests, Vec<String>) {
    let (mut tests, mut wrong) = (Tests::new(), Vec::new());
    for source in sources("") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(names) = line.trim().strip_prefix("// behaviour: ") else { continue };
            let numbers: Option<Vec<u32>> = names.split(", ").map(number).collect();
            match (numbers, function_below(&lines[at + 1..])) {
                (Some(numbers), Some(name)) => {
                    let test = format!("{}::{name}", module(source));
                    numbers.into_iter().for_each(|number| _ = tests.entry(number).or_default().insert(test.clone()));
                }
                _ => wrong.push(format!("{}:{}: `{}`", source.path.display(), at + 1, line.trim())),
            }
        }
    }
    (tests, wrong)
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix('B')?.parse().ok().filter(|number| (1..=LAST).contains(number))
}

/// The test that a comment stands above: attributes and other comments may lie between.
pub(super) fn function_below<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let first = lines.iter().map(|line| line.trim()).find(|line| !line.starts_with("#[") && !line.starts_with("//"))?;
    first.strip_prefix("fn ")?.split('(').next()
}

/// `tests/map.rs` is `map`; of others the whole path tells where they are.
pub(super) fn module(source: &Source) -> String {
    let path = source.path.with_extension("");
    let path = path.strip_prefix("tests").unwrap_or(&path);
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("::")
}

/// The rows of the table, each `| B1 | what it is | tests |`.
fn rows(text: &str) -> impl Iterator<Item = (u32, &str, &str)> {
    text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        Some((number(cells.next()?)?, cells.next()?, cells.next()?))
    })
}

fn cell(tests: Option<&BTreeSet<String>>) -> String {
    match tests {
        None => NONE_YET.to_owned(),
        Some(tests) => tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", "),
    }
}

#[test]
fn every_behaviour_has_a_test_and_the_table_says_which() {
    let (tests, wrong) = named_in_sources();
    expect_none(&wrong, "write `// behaviour: B1` or `B1, B2` right above the test");
    let path = top().join(Path::new("tests/README.md"));
    let text = fs::read_to_string(&path).expect("the table is there");
    let listed: Vec<u32> = rows(&text).map(|(number, ..)| number).collect();
    assert_eq!(listed, (1..=LAST).collect::<Vec<_>>(), "one row for each behaviour, in order");
    if std::env::var_os(UPDATE).is_some() {
        let updated: String = text.lines().map(|line| updated_row(line, &tests) + "\n").collect();
        return fs::write(&path, updated).expect("the checkout can be written");
    }
    let differs = |(number, _, said): (u32, &str, &str)| {
        let Some(tests) = tests.get(&number) else { return Some(format!("B{number}: no test names it")) };
        let found = cell(Some(tests));
        (said != found).then(|| format!("B{number}: the table says {said}, the sources say {found}"))
    };
    let found: Vec<_> = rows(&text).filter_map(differs).collect();
    expect_none(&found, &format!("run this test with {UPDATE}=1"));
}

fn updated_row(line: &str, tests: &Tests) -> String {
    match rows(line).next() {
        Some((number, what, _)) => format!("| B{number} | {what} | {} |", cell(tests.get(&number))),
        None => line.to_owned(),
    }
}
