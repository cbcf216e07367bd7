//! Why a task was not run whose module kills workers.

use super::BrokenCause;
use std::fmt;
use std::time::Duration;

/// A module in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantine {
    /// Workers that died while they ran tasks of the module, since one of its tasks has ended by itself.
    pub deaths: u32,
    /// What the last of them died of.
    pub last: BrokenCause,
    /// When one task is let through, to show whether it goes on; counted from when the error was made. `None`: such a task
    /// runs.
    pub ends_in: Option<Duration>,
}

impl fmt::Display for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deaths, last, ends_in } = self;
        write!(f, "tasks of its module have killed {deaths} workers one after another (the last one: {last}); ")?;
        match ends_in {
            Some(time) => write!(f, "the next may try in {:.1} s", time.as_secs_f64())?,
            None => f.write_str("one runs on trial")?,
        }
        f.write_str(", lift_quarantine() lets all of them run")
    }
}
