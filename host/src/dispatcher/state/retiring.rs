//! Workers that have served long enough leave between two tasks.

use super::{Claims, State};
use crate::dispatcher::action::{Action, Retirement};
use crate::dispatcher::slot::{Phase, Worker};
use crate::task::WorkerId;
use std::time::Instant;

impl State {
    /// A worker has ended a task.
    pub(super) fn check_up(&mut self, id: WorkerId, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.phase == Phase::Ready) else { return };
        // A task of the one that it runs has ended: that goes on.
        if worker.nests {
            return;
        }
        if worker.tasks_left == 0 && worker.assigned.is_empty() {
            let why = Retirement::Tasks { ended: worker.ended };
            return self.retire(id, why, claims, actions);
        }
        if self.options.recycling.max_growth_bytes.is_some() && worker.memory.task_ended(now) {
            let back = worker.take_back(id, 0, claims);
            self.put_back(back, actions);
        }
        self.check_up_if_due(id, now, claims, actions);
    }

    /// Time has passed.
    pub(super) fn check_up_all(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let is_due = |worker: &Worker| self.next_check_up(worker).is_some_and(|moment| moment <= now);
        let due: Vec<WorkerId> = self.workers.iter().filter(|(_, worker)| is_due(worker)).map(|(&id, _)| id).collect();
        due.into_iter().for_each(|id| self.check_up_if_due(id, now, claims, actions));
    }

    /// When `check_up_all` has something to do for a worker.
    pub(super) fn next_check_up(&self, worker: &Worker) -> Option<Instant> {
        let look = worker.memory.deadline().filter(|_| worker.phase == Phase::Ready);
        worker.old_at(self.options.recycling.max_age).into_iter().chain(look).min()
    }

    fn check_up_if_due(&mut self, id: WorkerId, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if worker.old_at(self.options.recycling.max_age).is_some_and(|moment| moment <= now) {
            let why = Retirement::Age { age: now - worker.up_since };
            self.retire(id, why, claims, actions);
        } else if worker.assigned.is_empty() && worker.memory.ask(now) {
            actions.push(Action::Measure { worker: id });
        }
    }

    /// A worker's memory was looked at.
    pub(super) fn measured(
        &mut self,
        id: WorkerId,
        resident_bytes: u64,
        now: Instant,
        claims: &mut impl Claims,
        actions: &mut Vec<Action>,
    ) {
        let Some(max_growth) = self.options.recycling.max_growth_bytes else { return };
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.phase == Phase::Ready) else { return };
        if let Some(why) = worker.memory.seen(resident_bytes, max_growth, now) {
            self.retire(id, why, claims, actions);
        }
    }

    /// It finishes what it has begun, and is asked to leave when that is done. Its process counts until it is gone; what
    /// waits then has another one started.
    fn retire(&mut self, id: WorkerId, why: Retirement, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.phase = Phase::Retiring;
        let back = worker.take_back(id, 0, claims);
        actions.push(Action::Retire { worker: id, why });
        self.put_back(back, actions);
    }
}
