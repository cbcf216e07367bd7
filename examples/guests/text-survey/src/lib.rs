//! What it does: tasks that look at one text each. Takes from: `isopool-guest`.
//! Hands to: the examples, through the stubs of its functions. Never: sees a file; the caller sends what is in it.

use isopool_guest::task;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Words shorter than this, in characters, are counted but are never among the common ones.
pub const COMMON_WORD_MIN_CHARACTERS: usize = 4;

/// Most entries of [`Survey::common_words`].
pub const COMMON_WORDS_MAX: usize = 20;

/// What one text is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Bytes of UTF-8.
    pub bytes: u64,
    /// Lines, as `str::lines` counts them.
    pub lines: u64,
    /// Words: see [`survey()`].
    pub words: u64,
    /// The first of the longest lines; the number counts from 1, and is 0 in a text without lines.
    pub longest_line: LongestLine,
    /// The words that occur most often, in lower case, most frequent first, equal ones by name.
    pub common_words: Vec<(String, u64)>,
}

/// Which line is the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongestLine {
    /// Its number, from 1.
    pub number: u64,
    /// Its length in characters.
    pub characters: u64,
}

/// The bytes are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 at byte {at}")]
pub struct NotText {
    /// The offset of the first byte that cannot stand where it is.
    pub at: usize,
}

/// How many words a text has.
///
/// A word is a run of letters, digits and `_` that does not begin with a digit: it fits prose and programs alike.
#[task]
pub fn word_count(text: String) -> u64 {
    words(&text).count() as u64
}

/// Counts the lines and words of a text, and finds its longest line and its most common words.
///
/// # Errors
/// The bytes are not UTF-8.
#[task]
pub fn survey(bytes: Vec<u8>) -> Result<Survey, NotText> {
    let text = std::str::from_utf8(&bytes).map_err(|error| NotText { at: error.valid_up_to() })?;
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for word in words(text) {
        *counts.entry(word).or_default() += 1;
    }
    Ok(Survey {
        bytes: bytes.len() as u64,
        lines: text.lines().count() as u64,
        words: counts.values().sum(),
        longest_line: longest_line(text),
        common_words: common_words(&counts),
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with(|letter: char| !letter.is_numeric()))
}

fn longest_line(text: &str) -> LongestLine {
    let mut longest = LongestLine::default();
    for (number, line) in (1..).zip(text.lines()) {
        // A line has at most as many characters as bytes, so most lines need no count.
        if number > 1 && line.len() as u64 <= longest.characters {
            continue;
        }
        let characters = line.chars().count() as u64;
        if number == 1 || characters > longest.characters {
            longest = LongestLine { number, characters };
        }
    }
    longest
}

fn common_words(counts: &HashMap<&str, u64>) -> Vec<(String, u64)> {
    let mut without_case: HashMap<String, u64> = HashMap::new();
    for (word, count) in counts {
        if word.chars().count() >= COMMON_WORD_MIN_CHARACTERS {
            *without_case.entry(word.to_lowercase()).or_default() += count;
        }
    }
    let mut common: Vec<_> = without_case.into_iter().collect();
    common.sort_unstable_by(|(one, one_count), (other, other_count)| {
        other_count.cmp(one_count).then_with(|| one.cmp(other))
    });
    common.truncate(COMMON_WORDS_MAX);
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_surveyed() {
        let text = "Word word, WORD 12 a_long_name\n\nthe longest line of all\u{e9}\n";
        let survey = survey(text.into()).expect("is UTF-8");
        assert_eq!((survey.bytes, survey.lines, survey.words), (text.len() as u64, 3, 9));
        assert_eq!(survey.longest_line, LongestLine { number: 1, characters: 30 });
        assert_eq!(survey.common_words[..2], [("word".to_owned(), 3), ("a_long_name".to_owned(), 1)]);
        assert_eq!(word_count(text.to_owned()), survey.words);
    }

    #[test]
    fn empty_text_has_no_longest_line() {
        assert_eq!(survey(Vec::new()), Ok(Survey::default()));
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_that_says_where() {
        let error = survey(b"caf\xe9".to_vec()).expect_err("is Latin-1");
        assert_eq!(error.to_string(), "not UTF-8 at byte 3");
    }
}
