//! What it does: adds up what came of the files. Takes from: `main.rs`. Hands to: `table.rs`.
//! Never: keeps more files than will be shown, nor more than a few examples of a failure.

use isopool::TaskError;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use text_survey::Survey;

/// Files that are named for each reason of failure.
const EXAMPLES_MAX: usize = 3;

/// One file in the table. Ordered by size, then by its place in the input.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) bytes: u64,
    pub(crate) place: Reverse<u64>,
    pub(crate) name: String,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) longest_line: u64,
    pub(crate) common_words: Vec<(String, u64)>,
}

/// Files that failed for one reason.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) number: u64,
    /// Name and detail of the first of them.
    pub(crate) examples: Vec<(String, String)>,
}

/// The longest line of all.
#[derive(Debug, Default)]
pub(crate) struct Longest {
    pub(crate) characters: u64,
    pub(crate) name: String,
    pub(crate) line: u64,
}

/// All that is known so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rows_max: usize,
    /// The largest files, the smallest of them on top.
    rows: BinaryHeap<Reverse<Row>>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) longest: Longest,
    common_words: HashMap<String, u64>,
    /// By reason.
    pub(crate) failures: BTreeMap<String, Failures>,
}

impl Tally {
    /// Nothing yet; of the files, the `rows_max` largest will be kept.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { rows_max, ..Self::default() }
    }

    /// Files that were surveyed or failed.
    pub(crate) fn tasks(&self) -> u64 {
        self.files + self.failures.values().map(|failures| failures.number).sum::<u64>()
    }

    /// Adds a file that was surveyed.
    pub(crate) fn surveyed(&mut self, name: String, survey: Survey) {
        let Survey { bytes, lines, words, longest_line, common_words } = survey;
        self.bytes += bytes;
        self.lines += lines;
        self.words += words;
        if longest_line.characters > self.longest.characters {
            let (characters, line) = (longest_line.characters, longest_line.number);
            self.longest = Longest { characters, name: name.clone(), line };
        }
        for (word, count) in &common_words {
            match self.common_words.get_mut(word) {
                Some(sum) => *sum += count,
                None => _ = self.common_words.insert(word.clone(), *count),
            }
        }
        let (place, longest_line) = (Reverse(self.files), longest_line.characters);
        self.files += 1;
        self.rows.push(Reverse(Row { bytes, place, name, lines, words, longest_line, common_words }));
        if self.rows.len() > self.rows_max {
            self.rows.pop();
        }
    }

    /// Adds a file that could not be sent.
    pub(crate) fn unreadable(&mut self, name: String, reason: String) {
        self.fail(name, reason, String::new());
    }

    /// Adds a file whose task failed.
    pub(crate) fn failed(&mut self, name: String, error: &TaskError) {
        let (reason, detail) = match error {
            // The guest's own words: the offset differs from file to file, the reason does not.
            TaskError::Failed { failure, .. } => match failure.message.split_once(" at ") {
                Some((reason, place)) => (reason.to_owned(), format!("at {place}")),
                None => (failure.message.clone(), String::new()),
            },
            TaskError::Panicked { .. } => ("the guest panicked".to_owned(), error.to_string()),
            TaskError::OutOfMemory { .. } => ("out of memory".to_owned(), error.to_string()),
            TaskError::BrokenProcessPool(broken) => ("lost".to_owned(), broken.cause.to_string()),
            other => ("not run to its end".to_owned(), other.to_string()),
        };
        self.fail(name, reason, detail);
    }

    fn fail(&mut self, name: String, reason: String, detail: String) {
        let failures = self.failures.entry(reason).or_default();
        failures.number += 1;
        if failures.examples.len() < EXAMPLES_MAX {
            failures.examples.push((name, detail));
        }
    }

    /// The files to show: all in the order of the input, or the largest ones first.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().map(|Reverse(row)| row).collect();
        if self.rows_max == usize::MAX {
            rows.sort_by_key(|row| Reverse(row.place));
        } else {
            rows.sort_by(|one, other| other.cmp(one));
        }
        rows
    }

    /// The words with the highest sums over all files, most frequent first.
    pub(crate) fn common_words(&self, number: usize) -> Vec<(&str, u64)> {
        let mut words: Vec<(&str, u64)> = self.common_words.iter().map(|(word, sum)| (word.as_str(), *sum)).collect();
        words.sort_unstable_by_key(|(word, sum)| (Reverse(*sum), *word));
        words.truncate(number);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(text: &str) -> Survey {
        text_survey::survey(text.into()).expect("is text")
    }

    #[test]
    fn only_the_largest_files_are_kept_and_all_are_counted() {
        let mut tally = Tally::new(2);
        for (name, text) in [("a", "some"), ("b", "some more words"), ("c", "some more"), ("d", "some")] {
            tally.surveyed(name.to_owned(), survey(text));
        }
        assert_eq!(tally.rows().iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((tally.files, tally.words, tally.longest.name.as_str()), (4, 7, "b"));
        assert_eq!(tally.common_words(2), [("some", 4), ("more", 2)]);
    }

    #[test]
    fn all_files_come_in_the_order_of_the_input() {
        let mut tally = Tally::new(usize::MAX);
        tally.surveyed("small".to_owned(), survey("a"));
        tally.surveyed("large".to_owned(), survey("a b"));
        assert_eq!(tally.rows().iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["small", "large"]);
    }

    #[test]
    fn failures_are_grouped_by_reason() {
        let mut tally = Tally::new(1);
        (0..5).for_each(|n| tally.unreadable(n.to_string(), "cannot be read: permission denied".to_owned()));
        assert_eq!(tally.tasks(), 5);
        assert_eq!(tally.failures["cannot be read: permission denied"].examples.len(), EXAMPLES_MAX);
    }
}
