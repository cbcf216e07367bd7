//! What it does: tasks that end while their argument is decoded, while they run, or while their result is encoded.
//! Never: ends so outside a sandbox, but with an error or a panic.

use crate::crash;
use isopool_guest::task;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum How {
    /// With an error of its own.
    Error,
    /// With a panic.
    Panic,
    /// It leaves the program.
    Exit,
    /// With a trap.
    Trap,
    /// Never, until its worker is killed.
    Spin,
}

impl How {
    fn happens(self) -> Result<(), &'static str> {
        match self {
            How::Error => return Err("an error on purpose"),
            How::Panic => panic!("a panic on purpose"),
            How::Exit => crash::exit(3),
            How::Trap => crash::trap_unreachable(),
            How::Spin => crash::spin(),
        }
        Ok(())
    }
}

/// When a task ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum When {
    /// While its argument is decoded.
    Decoding,
    /// While it runs.
    Running,
    /// While its result is encoded.
    Encoding,
}

/// Where a task ends, and how.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CrashPoint(pub When, pub How);

impl CrashPoint {
    fn reached(self, when: When) -> Result<(), &'static str> {
        if self.0 == when { self.1.happens() } else { Ok(()) }
    }
}

impl<'de> Deserialize<'de> for CrashPoint {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (when, how) = Deserialize::deserialize(from)?;
        let point = Self(when, how);
        point.reached(When::Decoding).map_err(serde::de::Error::custom)?;
        Ok(point)
    }
}

/// A result that can end its task while it is encoded.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Outcome(CrashPoint);

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.reached(When::Encoding).map_err(serde::ser::Error::custom)?;
        self.0.serialize(to)
    }
}

/// Ends where and how it is told.
///
/// # Errors
/// It is told to run into an error.
#[task]
pub fn crash_at(point: CrashPoint) -> Result<Outcome, String> {
    point.reached(When::Running)?;
    Ok(Outcome(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_errors_and_the_rest_panics_outside_a_sandbox() {
        assert_eq!(crash_at(CrashPoint(When::Running, How::Error)), Err("an error on purpose".to_owned()));
        for how in [How::Panic, How::Exit, How::Trap, How::Spin] {
            assert!(std::panic::catch_unwind(|| crash_at(CrashPoint(When::Running, how))).is_err());
            assert!(crash_at(CrashPoint(When::Decoding, how)).is_ok());
        }
    }
}
