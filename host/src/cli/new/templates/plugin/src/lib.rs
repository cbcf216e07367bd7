//! A plugin: a module that a host loads when it runs. This one changes texts.

use isopool_guest::task;

/// The longest text that this plugin takes, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What this plugin does, for people.
#[task]
pub fn describe() -> String {
    "writes every word backwards".to_owned()
}

/// The text with every word written backwards.
///
/// # Errors
/// The text is too long.
#[task]
pub fn transform(text: String) -> Result<String, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("the text has {} bytes, more than the {MAX_BYTES} that this plugin takes", text.len()));
    }
    Ok(text.split(' ').map(backwards).collect::<Vec<_>>().join(" "))
}

fn backwards(word: &str) -> String {
    word.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_backwards() {
        assert_eq!(transform("to be  über".to_owned()), Ok("ot eb  rebü".to_owned()));
    }

    #[test]
    fn text_that_is_too_long_is_refused() {
        let refused = transform("a".repeat(MAX_BYTES + 1)).expect_err("it is too long");
        assert!(refused.contains("more than the 1048576"), "{refused}");
    }
}
