//! The limits that users can read: `SPECIFICATION.md` has a row for each, with the value that `host/src/limits.rs` gives it
//! and the tests that hold it. A test names the limits that it holds in a comment above it: `// limit: MAX_WORKERS`.

use super::behaviours::{UPDATE, function_below, module};
use super::checkout::{expect_none, sources, top};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const PAGE: &str = "SPECIFICATION.md";
const BEGIN: &str = "<!-- limits: written by tests/tidy/limits.rs -->";
const END: &str = "<!-- end of limits -->";

/// One public constant.
struct Limit {
    name: String,
    value: String,
    /// The first sentence of its documentation.
    what: String,
}

/// The constants of `limits.rs`, in its order.
fn limits(text: &str) -> Vec<Limit> {
    let (mut found, mut numbers, mut docs) = (Vec::new(), BTreeMap::new(), String::new());
    // One that is broken over lines is one line here.
    let text = text.replace("=\n        ", "= ").replace("=\n    ", "= ");
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("/// ") {
            docs = docs + words + " ";
            continue;
        }
        let public = line.strip_prefix("pub const ");
        if let Some(item) = public.or_else(|| line.strip_prefix("pub(crate) const "))
            && let Some((name, (_, expression))) = item.split_once(": ").map(|(n, rest)| (n, split_value(rest)))
        {
            let number = evaluate(expression, &numbers);
            number.inspect(|number| _ = numbers.insert(name.to_owned(), *number));
            if public.is_some() {
                let value = shown(name, expression, number);
                found.push(Limit { name: name.to_owned(), value, what: first_sentence(&docs) });
            }
        }
        docs.clear();
    }
    found
}

fn split_value(rest: &str) -> (&str, &str) {
    let (ty, value) = rest.split_once(" = ").unwrap_or((rest, ""));
    (ty, value.trim_end_matches(';'))
}

fn first_sentence(docs: &str) -> String {
    let ends = [". ", ": ", "; "].into_iter().filter_map(|mark| docs.find(mark));
    let end = ends.min().unwrap_or(docs.trim_end().len());
    // Links in the page would lead nowhere.
    docs[..end].trim_end_matches('.').replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

/// Products and quotients of numbers and of constants before; of a time, its milliseconds.
fn evaluate(expression: &str, numbers: &BTreeMap<String, u64>) -> Option<u64> {
    for (unit, milliseconds) in [("Duration::from_secs(", 1000), ("Duration::from_millis(", 1)] {
        if let Some(rest) = expression.strip_prefix(unit) {
            return Some(evaluate(rest.strip_suffix(')')?, numbers)? * milliseconds);
        }
    }
    if let Some((all, part)) = expression.split_once(" / ") {
        return evaluate(all, numbers)?.checked_div(evaluate(part, numbers)?);
    }
    if let Some((first, rest)) = expression.split_once(" * ") {
        return evaluate(first, numbers)?.checked_mul(evaluate(rest, numbers)?);
    }
    let word = expression.split(" as ").next()?.trim();
    word.replace('_', "").parse().ok().or_else(|| numbers.get(word).copied())
}

fn shown(name: &str, expression: &str, number: Option<u64>) -> String {
    let Some(number) = number else { return format!("`{expression}`") };
    let parts = |number: u64| {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).expect("digits")).collect();
        groups.join(",")
    };
    match number {
        _ if expression.starts_with("Duration") && number.is_multiple_of(1000) => format!("{} s", parts(number / 1000)),
        _ if expression.starts_with("Duration") => format!("{} ms", parts(number)),
        _ if !(name.contains("BYTES") || expression.contains("IB")) => parts(number),
        0 => "0".to_owned(),
        _ if number.is_multiple_of(1 << 20) => format!("{} MiB", parts(number >> 20)),
        _ if number.is_multiple_of(1 << 10) => format!("{} KiB", parts(number >> 10)),
        _ => format!("{} bytes", parts(number)),
    }
}

/// The tests that name a limit.
fn held() -> (BTreeMap<String, BTreeSet<String>>, Vec<String>) {
    let (mut held, mut wrong) = (BTreeMap::<String, BTreeSet<String>>::new(), Vec::new());
    for source in sources("") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(names) = line.trim().strip_prefix("// limit: ") else { continue };
            let Some(test) = function_below(&lines[at + 1..]).map(|name| format!("{}::{name}", module(source))) else {
                wrong.push(format!("{}:{}: no test below `{}`", source.path.display(), at + 1, line.trim()));
                continue;
            };
            names.split(", ").for_each(|name| _ = held.entry(name.to_owned()).or_default().insert(test.clone()));
        }
    }
    (held, wrong)
}

fn table(limits: &[Limit], held: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut table = String::from("| limit | value | what it bounds | held by |\n|---|---|---|---|\n");
    for Limit { name, value, what } in limits {
        let tests =
            held.get(name).map(|tests| tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", "));
        table += &format!("| `{name}` | {value} | {what} | {} |\n", tests.unwrap_or_else(|| "pending".to_owned()));
    }
    table
}

#[test]
fn every_public_limit_is_specified_with_its_value_and_the_tests_that_hold_it() {
    let source = fs::read_to_string(top().join("host/src/limits.rs")).expect("the limits are there");
    let limits = limits(&source);
    let (held, mut wrong) = held();
    let known: BTreeSet<&str> = limits.iter().map(|limit| &*limit.name).collect();
    wrong.extend(held.keys().filter(|name| !known.contains(&***name)).map(|name| format!("no public limit `{name}`")));
    expect_none(&wrong, "write `// limit: NAME` right above the test, with the name of a public constant of limits.rs");

    let page = fs::read_to_string(top().join(PAGE)).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (said, after) = rest.split_once(END).expect("and an end");
    let table = format!("\n{}", table(&limits, &held));
    if std::env::var_os(UPDATE).is_some() {
        let updated = format!("{before}{BEGIN}{table}{END}{after}");
        return fs::write(top().join(PAGE), updated).expect("the checkout can be written");
    }
    let found: Vec<String> =
        table.lines().filter(|row| !said.lines().any(|line| line == *row)).map(str::to_owned).collect();
    expect_none(&found, &format!("run this test with {UPDATE}=1"));
    assert_eq!(said, table, "run this test with {UPDATE}=1");
}

#[test]
fn values_are_read_as_the_compiler_reads_them() {
    let text = "/// One. Two.\npub const A_BYTES: usize = 4 * MIB;\npub(crate) const KIB: usize = 1024;\n\
                /// Half: of it.\npub const B: usize = 10_000;\npub const C: Duration = Duration::from_millis(50);\n\
                pub const D: u64 = 2 * B as u64;\npub const E: u32 = i32::MAX as u32;\n";
    let text = format!("pub(crate) const MIB: usize = 1024 * 1024;\n{text}");
    let found: Vec<_> = limits(&text).into_iter().map(|limit| (limit.name, limit.value, limit.what)).collect();
    let expected = [
        ("A_BYTES", "4 MiB", "One"),
        ("B", "10,000", "Half"),
        ("C", "50 ms", ""),
        ("D", "20,000", ""),
        ("E", "`i32::MAX as u32`", ""),
    ];
    let expected = expected.map(|(name, value, what)| (name.to_owned(), value.to_owned(), what.to_owned()));
    assert_eq!(found, expected);
    // The same from both sides, where a test can see both.
    let source = fs::read_to_string(top().join("host/src/limits.rs")).expect("the limits are there");
    let value = |name: &str| limits(&source).into_iter().find(|limit| limit.name == name).expect("it is there").value;
    assert_eq!(value("MAX_MODULE_BYTES"), format!("{} MiB", isopool::limits::MAX_MODULE_BYTES >> 20));
    assert_eq!(value("COMPILE_TIMEOUT"), format!("{} s", isopool::limits::COMPILE_TIMEOUT.as_secs()));
}
