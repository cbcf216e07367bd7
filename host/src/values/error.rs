//! A value that is not of its type: what is wrong, and where.

use crate::task::ValueType;
use std::fmt;

/// One step on the way to a place in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// From 1.
    Argument(usize),
    Result,
    Field(String),
    /// Of a list or a tuple, from 1.
    Element(usize),
    Case(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(number) => write!(f, "argument {number}"),
            Self::Result => f.write_str("the result"),
            Self::Field(name) => write!(f, "field \"{name}\""),
            Self::Element(number) => write!(f, "element {number}"),
            Self::Case(name) => write!(f, "case \"{name}\""),
        }
    }
}

/// `argument 2, field "weights", element 3: expected f64, got string`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    /// The innermost first.
    steps: Vec<Step>,
    problem: String,
}

impl ValueError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { steps: Vec::new(), problem: problem.into() }
    }

    /// Another kind of value than the type's.
    pub(super) fn mismatch(expected: &ValueType, got: impl fmt::Display) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    /// The same, seen from one step further out.
    pub(crate) fn at(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().rev().enumerate() {
            write!(f, "{}{step}", if index > 0 { ", " } else { "" })?;
        }
        write!(f, "{}{}", if self.steps.is_empty() { "" } else { ": " }, self.problem)
    }
}

impl std::error::Error for ValueError {}

impl serde::ser::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for ValueError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}
