//! What it does: prints what was found. Takes from: `tally.rs`. Hands to: the reader. Never: counts.

use crate::tally::{Failures, Row, Tally};
use isopool::Stats;
use std::io::{self, Write};
use std::time::Duration;

/// Widest file name that is shown whole, in characters.
const NAME_WIDTH_MAX: usize = 48;
/// Common words shown for each file, and for all of them.
const WORDS_PER_FILE: usize = 3;
const WORDS_IN_ALL: usize = 10;

/// How the run went.
#[derive(Debug)]
pub(crate) struct Run {
    /// Until the first worker had answered.
    pub(crate) preparation: Duration,
    /// From the first file to the last result.
    pub(crate) time: Duration,
    pub(crate) stats: Stats,
}

/// Prints files, totals, speed and failures.
pub(crate) fn print(out: &mut impl Write, tally: &Tally, run: &Run) -> io::Result<()> {
    let rows = tally.rows();
    if !rows.is_empty() {
        print_files(out, &rows)?;
        if (rows.len() as u64) < tally.files {
            writeln!(out, "… the {} largest of {} files; --all shows every one", rows.len(), tally.files)?;
        }
        writeln!(out)?;
    }
    print_totals(out, tally)?;
    print_speed(out, tally, run)?;
    tally.failures.iter().try_for_each(|(reason, failures)| print_failures(out, reason, failures))
}

fn print_files(out: &mut impl Write, rows: &[&Row]) -> io::Result<()> {
    let names: Vec<String> = rows.iter().map(|row| shortened(&row.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("file".len());
    writeln!(
        out,
        "{:width$}  {:>10} {:>8} {:>9} {:>8}  most common words",
        "file", "bytes", "lines", "words", "longest"
    )?;
    for (name, row) in names.iter().zip(rows) {
        let Row { bytes, lines, words, longest_line, .. } = row;
        let common = row.common_words.iter().map(|(word, count)| (word.as_str(), *count));
        let common = listed(common.take(WORDS_PER_FILE));
        let row = format!("{name:width$}  {bytes:>10} {lines:>8} {words:>9} {longest_line:>8}  {common}");
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

fn print_totals(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    let Tally { files, bytes, lines, words, longest, .. } = tally;
    writeln!(out, "total        {files} files, {bytes} bytes, {lines} lines, {words} words")?;
    if longest.characters > 0 {
        writeln!(out, "longest line {} characters, {}:{}", longest.characters, longest.name, longest.line)?;
    }
    let common = tally.common_words(WORDS_IN_ALL);
    if !common.is_empty() {
        // Exact enough to be of interest: each file tells of its own most common words only.
        writeln!(
            out,
            "common words {} (of each file's {} most common)",
            listed(common),
            text_survey::COMMON_WORDS_MAX
        )?;
    }
    Ok(())
}

fn print_speed(out: &mut impl Write, tally: &Tally, run: &Run) -> io::Result<()> {
    let Run { preparation, time, stats } = run;
    let (tasks, failed) = (tally.tasks(), tally.tasks() - tally.files);
    let rate = tasks as f64 / time.as_secs_f64().max(1e-9);
    write!(out, "tasks        {tasks} in {:.2} s: {rate:.0} tasks/s", time.as_secs_f64())?;
    let processes = if stats.workers_started == 1 { "process" } else { "processes" };
    write!(out, " with {} worker {processes}", stats.workers_started)?;
    if stats.workers_lost > 0 {
        write!(out, ", {} of them lost", stats.workers_lost)?;
    }
    writeln!(out, "; ready after {:.2} s", preparation.as_secs_f64())?;
    writeln!(out, "failed       {failed}")
}

fn print_failures(out: &mut impl Write, reason: &str, failures: &Failures) -> io::Result<()> {
    writeln!(out, "  {} × {reason}", failures.number)?;
    for (name, detail) in &failures.examples {
        let separator = if detail.is_empty() { "" } else { ": " };
        writeln!(out, "      {name}{separator}{detail}")?;
    }
    let more = failures.number - failures.examples.len() as u64;
    if more > 0 { writeln!(out, "      … and {more} more") } else { Ok(()) }
}

/// `the 12, of 7`
fn listed<'a>(words: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    words.into_iter().map(|(word, count)| format!("{} {count}", clipped(word))).collect::<Vec<_>>().join(", ")
}

/// A word of a generated file can be a page long.
fn clipped(word: &str) -> String {
    const WIDTH: usize = 24;
    if word.chars().count() <= WIDTH {
        return word.to_owned();
    }
    word.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// The end of a long name: it says more than the beginning.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME_WIDTH_MAX {
        return name.to_owned();
    }
    ['…'].into_iter().chain(name.chars().skip(length - NAME_WIDTH_MAX + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        let name = format!("{}/end.rs", "long/".repeat(20));
        assert_eq!(shortened(&name).chars().count(), NAME_WIDTH_MAX);
        assert!(shortened(&name).ends_with("/end.rs") && shortened(&name).starts_with('…'));
        assert_eq!(shortened("short.rs"), "short.rs");
    }

    #[test]
    fn words_are_listed_with_their_counts() {
        assert_eq!(listed([("the", 12), ("of", 7)]), "the 12, of 7");
        assert_eq!(clipped(&"é".repeat(30)).chars().count(), 24);
    }
}
