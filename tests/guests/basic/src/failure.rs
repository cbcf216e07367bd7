//! What it does: tasks that fail as an answer: `Err` and panics. Never: ends the worker.

use isopool_guest::task;

/// Always an error that is only text.
#[task]
pub fn fails() -> Result<u32, String> {
    Err("this task always fails".into())
}

/// An error with a cause.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the settings")]
pub struct SettingsError(#[source] std::num::ParseIntError);

/// Parses a number, with an error that has a cause when it is not one.
///
/// # Errors
/// The text is not a number.
#[task]
pub fn fails_with_source(text: String) -> Result<u32, SettingsError> {
    text.parse().map_err(SettingsError)
}

/// As [`fails_with_source()`], with the error in a box.
///
/// # Errors
/// The text is not a number.
#[task]
pub fn fails_in_a_box(text: String) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    Ok(text.parse().map_err(SettingsError)?)
}

/// Panics with the message.
#[task]
pub fn panics(message: String) {
    panic!("{message}");
}

/// A result that no codec can write.
#[derive(serde::Deserialize)]
pub struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("this value refuses to be written"))
    }
}

/// Gives a result that no codec can write.
#[task]
pub fn unwritable_result() -> Unwritable {
    Unwritable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_errors() {
        assert!(fails().is_err());
        assert_eq!(fails_with_source("7".into()).ok(), Some(7));
        let error = fails_in_a_box("x".into()).expect_err("x is not a number");
        assert_eq!(error.to_string(), "cannot read the settings");
        assert_eq!(error.source().expect("it has a cause").to_string(), "invalid digit found in string");
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn panics_is_a_panic() {
        panics("on purpose".into());
    }
}
