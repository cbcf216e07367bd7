//! When a module whose tasks kill workers is left alone, and for how long.

use super::builder::{ExecutorBuilder, range};
use super::handle::Executor;
use crate::dispatcher::{Message, QuarantineOptions};
use crate::error::Error;
use crate::limits::{DEFAULT_FIRST_QUARANTINE, DEFAULT_QUARANTINE_DEATHS, LONGEST_QUARANTINE};
use crate::task::ModuleHash;
use std::time::Duration;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuarantineOption {
    deaths: usize,
    first: Duration,
}

impl Default for QuarantineOption {
    fn default() -> Self {
        Self { deaths: DEFAULT_QUARANTINE_DEATHS as usize, first: DEFAULT_FIRST_QUARANTINE }
    }
}

impl ExecutorBuilder {
    /// How many workers the tasks of one module may kill before it is put in quarantine, at least 1: one after another,
    /// within [`QUARANTINE_WINDOW`](crate::limits::QUARANTINE_WINDOW), and with none of its tasks ended between. Default:
    /// [`DEFAULT_QUARANTINE_DEATHS`]. `usize::MAX`: never.
    ///
    /// In quarantine, tasks of the module end at once with [`TaskError::Quarantined`](crate::TaskError::Quarantined), also
    /// those that wait and those that allow [retries](crate::Task::retries); other modules are not touched. After
    /// [a time](Self::first_quarantine) one task is let through: if it ends by itself, whatever it says, all is well again;
    /// if it kills its worker, the next quarantine lasts twice as long, up to
    /// [`LONGEST_QUARANTINE`](crate::limits::LONGEST_QUARANTINE). [`Executor::lift_quarantine`] ends it at once.
    ///
    /// What counts is a process that dies or breaks the protocol. A trap, a panic or a limit ends a task and not its worker;
    /// one that the pool itself has stopped (a time limit, a cancellation, recycling) is no death; and what kills many
    /// workers at one blow counts once.
    pub fn quarantine_after(mut self, deaths: usize) -> Self {
        self.options.quarantine.deaths = deaths;
        self
    }

    /// How long the first [quarantine](Self::quarantine_after) of a module lasts, more than 0 and at most
    /// [`LONGEST_QUARANTINE`]; each that follows at once is
    /// twice as long. Default: [`DEFAULT_FIRST_QUARANTINE`].
    pub fn first_quarantine(mut self, time: Duration) -> Self {
        self.options.quarantine.first = time;
        self
    }
}

impl Executor {
    /// Lets the tasks of a module run again that is in [quarantine](ExecutorBuilder::quarantine_after), and forgets the
    /// workers that they have killed: for when the cause was found. Of a module that is not, or not known, it means
    /// nothing. What was submitted before this has been refused.
    pub fn lift_quarantine(&self, module: ModuleHash) {
        if let Some(module) = self.inner.library.number(module) {
            // Of an executor that has ended, nothing is left to lift.
            let _ = self.inner.pool.mailbox.send(Message::LiftQuarantine { module });
        }
    }
}

impl QuarantineOption {
    /// In the words of the dispatcher.
    pub(super) fn checked(&self) -> Result<QuarantineOptions, Error> {
        range("quarantine_after", self.deaths, 1, usize::MAX)?;
        if self.first.is_zero() || self.first > LONGEST_QUARANTINE {
            let first = self.first;
            return Err(Error::invalid(format!(
                "first_quarantine is {first:?}; it must be longer than 0, and no longer than {LONGEST_QUARANTINE:?}"
            )));
        }
        // Nobody lives to see four billion deaths: that is never, too.
        Ok(QuarantineOptions { deaths: u32::try_from(self.deaths).ok(), first: self.first })
    }
}
