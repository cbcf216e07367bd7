//! One worker as the state machine knows it. Pure, as the rest of the state.

use super::action::Action;
use super::state::Claims;
use crate::limits::STOP_GRACE;
use crate::task::{TaskId, WorkerId};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its process was started.
    Starting { until: Instant },
    /// It takes tasks.
    Ready,
    /// It is over the number of workers allowed, finishes what it has begun, and leaves.
    Surplus,
    /// It was asked to leave.
    Stopping { until: Instant },
    /// Its channel is closed: it is about to end by itself, or must be ended.
    HungUp { until: Instant },
    /// It was killed, for a reason of the pool's own.
    Killed,
    /// It was killed because it did not come up in time, or not in peace.
    Late,
    /// It was killed because it broke the protocol.
    Liar,
}

/// A task in the hands of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub(super) task: TaskId,
    /// Its future has ended already (it was cancelled while it ran); what the worker says of it is ignored.
    pub(super) abandoned: bool,
    /// It is a child of the task that the worker has begun before it, to be run while that waits.
    pub(super) lent: bool,
}

/// What a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// The task that it runs.
    pub(super) parent: TaskId,
    /// The child that this one waits for.
    pub(super) child: TaskId,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) index: u32,
    pub(super) phase: Phase,
    pub(super) assigned: Vec<Assigned>,
    /// What it runs waits for a child, and it could run children meanwhile.
    pub(super) waits: Option<Waits>,
    /// The task that it runs has submitted tasks: it will wait for them, so nothing is sent ahead behind it.
    pub(super) nests: bool,
    pub(super) idle_since: Instant,
    /// It has ended a task.
    pub(super) has_served: bool,
}

impl Worker {
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Ready && self.assigned.is_empty()
    }

    pub(super) fn is_idle_for(&self, timeout: Option<Duration>, now: Instant) -> bool {
        self.is_idle() && timeout.is_some_and(|timeout| self.idle_since + timeout <= now)
    }

    /// It is up, and ends what it has begun.
    pub(super) fn finishes_what_it_has(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Surplus)
    }

    /// How many tasks it has beside those that are part of a chain of children: what it runs, and what may wait behind it.
    pub(super) fn ahead(&self) -> usize {
        self.assigned.iter().filter(|assigned| !assigned.lent).count()
    }

    /// Tasks whose futures still wait for this worker.
    pub(super) fn live(&self) -> impl Iterator<Item = TaskId> {
        self.assigned.iter().filter(|assigned| !assigned.abandoned).map(|assigned| assigned.task)
    }

    pub(super) fn holds(&self, task: TaskId) -> bool {
        self.live().any(|assigned| assigned == task)
    }

    pub(super) fn abandon(&mut self, task: TaskId) {
        if let Some(assigned) = self.assigned.iter_mut().find(|assigned| assigned.task == task) {
            assigned.abandoned = true;
        }
    }

    pub(super) fn abandon_all(&mut self) -> Vec<TaskId> {
        let live = self.live().collect();
        self.assigned.iter_mut().for_each(|assigned| assigned.abandoned = true);
        live
    }

    /// Whether it has begun a task that was sent to it after this one: then this one is over. Not so for one that was lent to
    /// it: that runs while this one waits.
    pub(super) fn has_begun_after(&self, id: WorkerId, task: TaskId, claims: &mut impl Claims) -> bool {
        let later = self.assigned.iter().skip_while(|assigned| assigned.task != task).skip(1);
        later.filter(|later| !later.lent).any(|later| claims.has_begun(id, later.task))
    }

    /// Takes back the tasks beyond the first `keep` that it has not begun.
    pub(super) fn take_back(&mut self, id: WorkerId, keep: usize, claims: &mut impl Claims) -> Vec<TaskId> {
        let back: Vec<TaskId> = self.live().skip(keep).filter(|&task| claims.reclaim(id, task)).collect();
        self.assigned.retain(|assigned| !back.contains(&assigned.task));
        back
    }

    pub(super) fn forget(&mut self, task: TaskId) -> Option<Assigned> {
        let position = self.assigned.iter().position(|assigned| assigned.task == task)?;
        Some(self.assigned.remove(position))
    }

    pub(super) fn stop(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        self.phase = Phase::Stopping { until: now + STOP_GRACE };
        actions.push(Action::Stop { worker: id });
    }
}
