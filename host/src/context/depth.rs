//! How deep tasks may be nested.

use crate::error::Error;
use crate::limits::{DEFAULT_MAX_DEPTH, MAX_DEPTH};

/// Overrides [`DEFAULT_MAX_DEPTH`].
const VARIABLE: &str = "ISOPOOL_MAX_DEPTH";

/// How deep the tasks of this program's executors may be nested. 0: a task submits none.
pub(crate) fn max_depth() -> Result<u32, Error> {
    match std::env::var_os(VARIABLE) {
        None => Ok(DEFAULT_MAX_DEPTH),
        Some(value) => parse(&value.to_string_lossy()),
    }
}

fn parse(value: &str) -> Result<u32, Error> {
    let number = value.trim().parse::<u32>().ok().filter(|depth| *depth <= MAX_DEPTH);
    number.ok_or_else(|| {
        Error::invalid(format!("{VARIABLE} is {value:?}; it must be a number between 0 and {MAX_DEPTH}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // limit: MAX_DEPTH
    #[test]
    fn only_numbers_in_range_are_depths() {
        assert_eq!(parse(" 3 ").expect("a depth"), 3);
        assert_eq!(parse("0").expect("no nesting"), 0);
        for value in ["", "ten", "-1", "65", "1.5"] {
            let error = parse(value).expect_err("no depth").to_string();
            assert!(error.contains("between 0 and 64") && error.contains(VARIABLE), "{error}");
        }
    }
}
