//! The program `side_by_side` from outside: both hosts do what its README says.

use std::process::{Command, Stdio};

/// The cells of each row of a table, without figures.
fn rows(text: &str) -> Vec<Vec<String>> {
    let without_figures = |cell: &str| cell.trim().chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(without_figures).collect()).collect()
}

#[test]
fn the_table_of_the_readme_is_what_the_program_prints() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_side_by_side"));
    program.env("ISOPOOL_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache")).stdin(Stdio::null());
    let output = program.output().expect("it runs");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert_eq!(rows(include_str!("../side_by_side/README.md")), rows(&printed));
    let last = printed.lines().last().expect("a table");
    assert!(last.contains("the next call works") && last.contains("the host died: SIGABRT"), "{last}");
}
