//! Modules whose tasks kill workers again and again: their tasks end before they begin.

use super::{Claims, State};
use crate::dispatcher::action::{Action, End};
use crate::dispatcher::slot::Worker;
use crate::queue::Turn;
use crate::task::{ModuleNumber, TaskId};
use std::time::Instant;

impl State {
    /// Lets a task of the caller's wait, unless its module is in quarantine. (A child belongs to its parent, which was let in.)
    pub(super) fn admit(&mut self, turn: Turn, now: Instant, actions: &mut Vec<Action>) {
        let Self { quarantine, waiting, workers, .. } = self;
        let is_alive = |task: TaskId| waiting.find(task).is_some() || workers.values().any(|worker| worker.holds(task));
        match quarantine.admit(turn.module(), turn.task(), now, is_alive) {
            Ok(()) => self.waiting.push(turn),
            Err(refusal) => actions.push(Action::Finish { task: turn.task(), end: End::Quarantined(refusal) }),
        }
    }

    /// A worker died while it ran this task; `back` is what else it had.
    pub(super) fn blame(
        &mut self,
        culprit: Turn,
        worker: &Worker,
        back: &mut Vec<Turn>,
        now: Instant,
        claims: &mut impl Claims,
        actions: &mut Vec<Action>,
    ) {
        let module = culprit.module();
        let given = worker.first_since().unwrap_or(now);
        let Some(refusal) = self.quarantine.died(module, given, now) else { return };
        actions.push(Action::Quarantine { module, refusal });
        let mut turns = self.take_back_module(module, claims);
        turns.extend(back.extract_if(.., |turn| turn.module() == module));
        let end = End::Quarantined(refusal);
        actions.extend(turns.into_iter().map(|turn| Action::Finish { task: turn.task(), end }));
    }

    /// All tasks of a module that have not begun.
    fn take_back_module(&mut self, module: ModuleNumber, claims: &mut impl Claims) -> Vec<Turn> {
        let mut turns = self.waiting.remove_module(module);
        for (&id, worker) in &mut self.workers {
            let of_module: Vec<Turn> = worker.live().filter(|turn| turn.module() == module).collect();
            turns.extend(of_module.into_iter().filter(|turn| worker.take_back_one(id, turn.task(), claims)));
        }
        turns
    }
}
