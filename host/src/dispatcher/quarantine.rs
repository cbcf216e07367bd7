//! Modules whose tasks kill their workers again and again. Pure, as the rest of the state.

use crate::limits::{DEFAULT_FIRST_QUARANTINE, DEFAULT_QUARANTINE_DEATHS, LONGEST_QUARANTINE, QUARANTINE_WINDOW};
use crate::task::{ModuleNumber, TaskId};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// When a module is put in quarantine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuarantineOptions {
    /// After so many deaths of workers within [`QUARANTINE_WINDOW`], with no task of it ended between; `None`: never.
    pub(crate) deaths: Option<u32>,
    /// How long the first one is; each that follows is twice as long.
    pub(crate) first: Duration,
}

impl Default for QuarantineOptions {
    fn default() -> Self {
        Self { deaths: Some(DEFAULT_QUARANTINE_DEATHS), first: DEFAULT_FIRST_QUARANTINE }
    }
}

/// What a task meets whose module is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Workers that its tasks have killed, since one ended well.
    pub(crate) deaths: u32,
    /// When one is let through; `None`: one runs.
    pub(crate) until: Option<Instant>,
}

/// The modules that have killed workers since one of their tasks has ended.
#[derive(Debug)]
pub(super) struct Quarantine {
    options: QuarantineOptions,
    modules: BTreeMap<ModuleNumber, Record>,
}

#[derive(Debug, Default)]
struct Record {
    deaths: u32,
    /// The last ones, within the window.
    recent: VecDeque<Instant>,
    /// How often in a row it was put in quarantine.
    rounds: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Free,
    Shut {
        until: Instant,
    },
    /// The time is over, and this task shows whether it goes on.
    Trial {
        task: TaskId,
    },
}

impl Quarantine {
    pub(super) fn new(options: QuarantineOptions) -> Self {
        Self { options, modules: BTreeMap::new() }
    }

    /// Whether a new task of this module may run. Once the time is over, the first one is let through as a trial; one that
    /// came to no end that says anything (`is_alive` says so) gives its place to the next.
    pub(super) fn admit(
        &mut self,
        module: ModuleNumber,
        task: TaskId,
        now: Instant,
        is_alive: impl FnOnce(TaskId) -> bool,
    ) -> Result<(), Refusal> {
        let Some(record) = self.modules.get_mut(&module) else { return Ok(()) };
        let until = match record.stage {
            Stage::Free => return Ok(()),
            Stage::Shut { until } if until > now => Some(until),
            Stage::Trial { task } if is_alive(task) => None,
            Stage::Shut { .. } | Stage::Trial { .. } => {
                record.stage = Stage::Trial { task };
                return Ok(());
            }
        };
        Err(Refusal { deaths: record.deaths, until })
    }

    /// A worker died while it ran a task of this module, given to it at that moment; `Some`: the module is in quarantine from
    /// now on. One blow that hits many workers counts once: only a task that was given after the last death counts.
    pub(super) fn died(&mut self, module: ModuleNumber, given: Instant, now: Instant) -> Option<Refusal> {
        let most = self.options.deaths?;
        let record = self.modules.entry(module).or_default();
        record.deaths = record.deaths.saturating_add(1);
        match record.stage {
            Stage::Free => {
                if record.recent.back().is_some_and(|&last| given < last) {
                    return None;
                }
                record.recent.push_back(now);
                record.recent.retain(|&death| now.saturating_duration_since(death) <= QUARANTINE_WINDOW);
                if record.recent.len() < most as usize {
                    return None;
                }
            }
            Stage::Trial { .. } => {}
            Stage::Shut { .. } => return None,
        }
        let time = self.options.first.saturating_mul(1_u32.checked_shl(record.rounds).unwrap_or(u32::MAX));
        let until = now + time.min(LONGEST_QUARANTINE);
        record.rounds = record.rounds.saturating_add(1);
        record.recent.clear();
        record.stage = Stage::Shut { until };
        Some(Refusal { deaths: record.deaths, until: Some(until) })
    }

    /// A task of this module has ended by itself, whatever it says. In quarantine only the one on trial counts: others began
    /// before.
    pub(super) fn ended(&mut self, module: ModuleNumber, task: TaskId) {
        if self.modules.get(&module).is_some_and(|record| match record.stage {
            Stage::Free => true,
            Stage::Trial { task: trial } => trial == task,
            Stage::Shut { .. } => false,
        }) {
            self.modules.remove(&module);
        }
    }

    /// Whether a task of this module that was lost may not be run again.
    pub(super) fn is_shut(&self, module: ModuleNumber) -> bool {
        self.modules.get(&module).is_some_and(|record| record.stage != Stage::Free)
    }

    /// Someone says that it is well.
    pub(super) fn lift(&mut self, module: ModuleNumber) {
        self.modules.remove(&module);
    }
}
