//! Tasks: ordinary functions, each call of which runs in a sandbox of its own.

use isopool_guest::task;
use serde::{Deserialize, Serialize};

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Words: what stands between white space.
    pub words: u64,
}

/// Counts the lines and words of a text.
#[task]
pub fn count(text: String) -> Counts {
    Counts { lines: text.lines().count() as u64, words: text.split_whitespace().count() as u64 }
}

/// The mean of numbers that a text holds, one to a line.
///
/// # Errors
/// The text has no lines, or a line that is no number.
#[task]
pub fn mean(text: String) -> Result<f64, String> {
    let mut sum = 0.0;
    let mut lines = 0;
    for (index, line) in text.lines().enumerate() {
        let number: f64 = line.trim().parse().map_err(|error| format!("line {}, `{line}`: {error}", index + 1))?;
        sum += number;
        lines += 1;
    }
    if lines == 0 { Err("a text without lines has no mean".to_owned()) } else { Ok(sum / f64::from(lines)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A task is still a function: what it computes is tested as such.
    #[test]
    fn lines_and_words_are_counted() {
        assert_eq!(count("to be\nor not".to_owned()), Counts { lines: 2, words: 4 });
    }

    #[test]
    fn line_that_is_no_number_is_named() {
        assert_eq!(mean("1\n2\n".to_owned()), Ok(1.5));
        assert_eq!(mean("1\ntwo\n".to_owned()), Err("line 2, `two`: invalid float literal".to_owned()));
    }
}
