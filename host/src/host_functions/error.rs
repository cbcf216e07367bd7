//! What a host function returns when it has no value.

use crate::task::ValueType;
use crate::values::{ValueError, Writer, write_value};
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// Why a host function gives no value. Any error becomes one by `?`, and any text by `into`.
///
/// If the type of the import is a `result`, it is the plugin's to handle: a text for `result<_, string>`, a
/// [value](Self::value) of the type `E` for `result<_, E>`. Otherwise it ends the task, with
/// [`TaskError::HostFunction`](crate::TaskError::HostFunction).
///
/// ```
/// use isopool::HostError;
///
/// fn port(text: &str) -> Result<u16, HostError> {
///     match text.parse()? {
///         0 => Err("a port is never 0".into()),
///         port => Ok(port),
///     }
/// }
/// assert_eq!(port("0").expect_err("it is refused").to_string(), "a port is never 0");
/// ```
pub struct HostError(Content);

enum Content {
    Message(String),
    Value(Box<dyn Value>),
}

/// A value whose type on the other side is not known yet.
trait Value: Send + Sync {
    fn write(&self, ty: &ValueType, out: &mut Writer) -> Result<(), ValueError>;
}

impl<T: Serialize + Send + Sync> Value for T {
    fn write(&self, ty: &ValueType, out: &mut Writer) -> Result<(), ValueError> {
        write_value(ty, self, out)
    }
}

impl HostError {
    /// The `err` case of an import whose type is `result<_, E>`, with a value of the type `E`.
    pub fn value<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        Self(Content::Value(Box::new(value)))
    }

    /// Writes it as what the `err` case carries; `None` when it has no place there.
    pub(super) fn write(&self, err: Option<&ValueType>, out: &mut Writer) -> Option<Result<(), ValueError>> {
        match (&self.0, err) {
            (Content::Message(text), Some(ty @ ValueType::String)) => Some(write_value(ty, text, out)),
            (Content::Message(_), _) | (Content::Value(_), None) => None,
            (Content::Value(value), Some(ty)) => Some(value.write(ty, out)),
        }
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for HostError {
    fn from(error: E) -> Self {
        let error = error.into();
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self(Content::Message(message))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Message(message) => f.write_str(message),
            Content::Value(_) => {
                f.write_str("it returned an error that is a value, and the import's type has no place for one")
            }
        }
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostError").field(&self.to_string()).finish()
    }
}
