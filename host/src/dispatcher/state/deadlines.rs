//! Tasks that must have ended by a moment: those that wait, wherever they do, end without having begun; those that run are
//! stopped.

use super::{Claims, State};
use crate::dispatcher::action::{Action, End, KillReason};
use crate::queue::Turn;
use crate::task::TaskId;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// The deadlines of the tasks that have not ended. Most tasks have none.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_moment: BTreeSet<(Instant, TaskId)>,
    of_task: HashMap<TaskId, Instant>,
}

impl Deadlines {
    pub(super) fn note(&mut self, turn: Turn) {
        if let Some(moment) = turn.deadline() {
            self.by_moment.insert((moment, turn.task()));
            self.of_task.insert(turn.task(), moment);
        }
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.by_moment.first().map(|(moment, _)| *moment)
    }

    fn pop_due(&mut self, now: Instant) -> Option<TaskId> {
        let (_, task) = self.by_moment.first().copied().filter(|(moment, _)| *moment <= now)?;
        self.forget(task);
        Some(task)
    }

    fn forget(&mut self, task: TaskId) {
        if let Some(moment) = self.of_task.remove(&task) {
            self.by_moment.remove(&(moment, task));
        }
    }

    /// Forgets those whose tasks these actions end.
    pub(super) fn forget_ended(&mut self, actions: &[Action]) {
        if self.of_task.is_empty() {
            return;
        }
        for action in actions {
            if let Action::Finish { task, .. } = action {
                self.forget(*task);
            }
        }
    }
}

impl State {
    /// Ends every task whose deadline has come.
    pub(super) fn end_late(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        while let Some(task) = self.deadlines.pop_due(now) {
            let end = End::TooLate;
            if self.waiting.remove(task) {
                actions.push(Action::Finish { task, end });
                continue;
            }
            let Some((&id, worker)) = self.workers.iter_mut().find(|(_, worker)| worker.holds(task)) else { continue };
            if worker.take_back_one(id, task, claims) {
                actions.push(Action::Finish { task, end });
            } else {
                self.stop_running(id, task, end, KillReason::Overdue, claims, actions);
            }
        }
    }
}
