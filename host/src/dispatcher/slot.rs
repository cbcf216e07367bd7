//! One worker as the state machine knows it. Pure, as the rest of the state.

use super::action::{Action, KillReason};
use super::recycling::MemoryWatch;
use super::state::Claims;
use crate::limits::{HANDSHAKE_TIMEOUT, SEND_AHEAD, STOP_GRACE};
use crate::queue::Turn;
use crate::task::{ClassId, TaskId, WorkerId};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its process was started.
    Starting { until: Instant },
    /// It takes tasks.
    Ready,
    /// It is over the number of workers allowed, finishes what it has begun, and leaves.
    Surplus,
    /// It has served long enough, finishes what it has begun, and leaves.
    Retiring,
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
    pub(super) turn: Turn,
    /// Its future has ended already (it was cancelled while it ran); what the worker says of it is ignored.
    pub(super) abandoned: bool,
    /// Since when it is the first one that its worker has.
    pub(super) first_since: Option<Instant>,
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

/// The task that a worker was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) task: TaskId,
    /// Why it is killed when it does not.
    pub(super) reason: KillReason,
    /// When; noted as soon as a clock is at hand.
    pub(super) kill_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) index: u32,
    /// Of the only tasks that it gets.
    pub(super) class: ClassId,
    pub(super) phase: Phase,
    pub(super) assigned: Vec<Assigned>,
    /// What it runs waits for a child, and it could run children meanwhile.
    pub(super) waits: Option<Waits>,
    /// It gets nothing more to do before it has stopped this.
    pub(super) asked: Option<Asked>,
    /// The task that it runs has submitted tasks: it will wait for them, so nothing is sent ahead behind it.
    pub(super) nests: bool,
    pub(super) idle_since: Instant,
    /// Since when it is up.
    pub(super) up_since: Instant,
    /// Tasks that have ended in it.
    pub(super) ended: u64,
    /// Tasks that may still be given to it. One that is taken back has not begun, and does not count.
    pub(super) tasks_left: u64,
    pub(super) memory: MemoryWatch,
}

impl Worker {
    /// One whose process is being started.
    pub(super) fn start(index: u32, class: ClassId, max_tasks: Option<u64>, now: Instant) -> Self {
        Self {
            index,
            class,
            phase: Phase::Starting { until: now + HANDSHAKE_TIMEOUT },
            assigned: Vec::new(),
            waits: None,
            asked: None,
            nests: false,
            idle_since: now,
            up_since: now,
            ended: 0,
            tasks_left: max_tasks.unwrap_or(u64::MAX),
            memory: MemoryWatch::default(),
        }
    }

    /// Whether one more task may be given to it.
    pub(super) fn may_take(&self) -> bool {
        let has_room = self.tasks_left > 0 && self.assigned.len() < SEND_AHEAD;
        self.phase == Phase::Ready && has_room && !self.nests && self.asked.is_none() && self.memory.is_quiet()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.assigned.is_empty() && self.may_take()
    }

    pub(super) fn is_idle_for(&self, timeout: Option<Duration>, now: Instant) -> bool {
        self.is_idle() && timeout.is_some_and(|timeout| self.idle_since + timeout <= now)
    }

    /// It takes tasks, or will when it is up.
    pub(super) fn stays(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Ready)
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// It takes tasks now, or finishes some.
    pub(super) fn is_working(&self) -> bool {
        matches!(self.phase, Phase::Ready | Phase::Surplus | Phase::Retiring)
    }

    /// How many tasks it has beside those that are part of a chain of children: what it runs, and what may wait behind it.
    pub(super) fn ahead(&self) -> usize {
        self.assigned.iter().filter(|assigned| !assigned.lent).count()
    }

    /// When it is too old. Never before it has ended a task: else workers of a tiny age would never come to run one.
    pub(super) fn old_at(&self, max_age: Option<Duration>) -> Option<Instant> {
        self.up_since.checked_add(max_age?).filter(|_| self.phase == Phase::Ready && self.ended > 0)
    }

    /// Tasks whose futures still wait for this worker.
    pub(super) fn live(&self) -> impl Iterator<Item = Turn> {
        self.assigned.iter().filter(|assigned| !assigned.abandoned).map(|assigned| assigned.turn)
    }

    /// Since when it has what it runs.
    pub(super) fn first_since(&self) -> Option<Instant> {
        self.assigned.first()?.first_since
    }

    pub(super) fn holds(&self, task: TaskId) -> bool {
        self.live().any(|turn| turn.task() == task)
    }

    pub(super) fn abandon(&mut self, task: TaskId) {
        if let Some(assigned) = self.assigned.iter_mut().find(|assigned| assigned.turn.task() == task) {
            assigned.abandoned = true;
        }
    }

    pub(super) fn abandon_all(&mut self) -> Vec<Turn> {
        let live = self.live().collect();
        self.assigned.iter_mut().for_each(|assigned| assigned.abandoned = true);
        live
    }

    pub(super) fn give(&mut self, id: WorkerId, turn: Turn, actions: &mut Vec<Action>) {
        self.tasks_left -= 1;
        self.assigned.push(Assigned { turn, abandoned: false, lent: false, first_since: None });
        actions.push(Action::Send { worker: id, task: turn.task() });
    }

    /// Gives it a child of the task that it runs, to be run while that waits. However many tasks it may run: this is part
    /// of one.
    pub(super) fn lend(&mut self, id: WorkerId, turn: Turn, actions: &mut Vec<Action>) {
        self.waits = None;
        self.assigned.push(Assigned { turn, abandoned: false, lent: true, first_since: None });
        actions.push(Action::Lend { worker: id, task: turn.task() });
    }

    /// Whether it has begun a task that was sent to it after this one: then this one is over. Not so for one that was lent to
    /// it: that runs while this one waits.
    pub(super) fn has_begun_after(&self, id: WorkerId, task: TaskId, claims: &mut impl Claims) -> bool {
        let later = self.assigned.iter().skip_while(|assigned| assigned.turn.task() != task).skip(1);
        later.filter(|later| !later.lent).map(|later| later.turn.task()).any(|later| claims.has_begun(id, later))
    }

    /// Whether it could stop this task, which it runs, and go on: not what is part of a chain of tasks, where others wait
    /// below or above it.
    pub(super) fn can_stop(&self, task: TaskId) -> bool {
        let is_of_chain = self.nests || self.assigned.iter().any(|assigned| assigned.lent);
        self.is_working() && !is_of_chain && self.asked.is_none_or(|asked| asked.task == task)
    }

    /// Takes back the tasks beyond the first `keep` that it has not begun, but those that are lent: it waits for them.
    pub(super) fn take_back(&mut self, id: WorkerId, keep: usize, claims: &mut impl Claims) -> Vec<Turn> {
        let ahead = self.assigned.iter().skip(keep).filter(|assigned| !assigned.abandoned && !assigned.lent);
        let back: Vec<Turn> =
            ahead.map(|assigned| assigned.turn).filter(|turn| claims.reclaim(id, turn.task())).collect();
        self.assigned.retain(|assigned| !back.contains(&assigned.turn));
        self.tasks_left += back.len() as u64;
        back
    }

    /// Takes back one task; false if it has begun.
    pub(super) fn take_back_one(&mut self, id: WorkerId, task: TaskId, claims: &mut impl Claims) -> bool {
        let is_back = claims.reclaim(id, task);
        if is_back {
            let is_lent = self.forget(task).is_some_and(|assigned| assigned.lent);
            self.tasks_left += u64::from(!is_lent);
        }
        is_back
    }

    pub(super) fn forget(&mut self, task: TaskId) -> Option<Assigned> {
        let position = self.assigned.iter().position(|assigned| assigned.turn.task() == task)?;
        Some(self.assigned.remove(position))
    }

    pub(super) fn stop(&mut self, id: WorkerId, now: Instant, actions: &mut Vec<Action>) {
        self.phase = Phase::Stopping { until: now + STOP_GRACE };
        actions.push(Action::Stop { worker: id });
    }
}
