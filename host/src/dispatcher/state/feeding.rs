//! Who gets which task, and how many workers there are.
//!
//! The most urgent task that has not begun is the next to begin, with one exception: the task that was given to an idle
//! worker. Tasks that were sent ahead to busy workers are all of one priority, and at least as urgent as any that waits.
//! So a worker that comes to its end of one begins nothing while something more urgent waits, here or with another worker.

use super::{Claims, State};
use crate::dispatcher::action::{Action, KillReason};
use crate::dispatcher::slot::{Phase, Worker};
use crate::task::WorkerId;
use std::time::Instant;

impl State {
    /// Something more urgent waits than what was sent ahead: takes all of that back.
    pub(super) fn recall_less_urgent(&mut self, claims: &mut impl Claims) {
        if self.waiting.first().is_none_or(|first| first.priority() <= self.ahead) {
            return;
        }
        for (&id, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.ahead() > 1) {
            worker.take_back(id, 1, claims).into_iter().for_each(|turn| self.waiting.push(turn));
        }
    }

    fn is_ahead_first(&self) -> bool {
        self.waiting.first().is_none_or(|first| first.priority() < self.ahead)
    }

    /// A waiting task for each worker that has none.
    pub(super) fn feed_idle(&mut self, actions: &mut Vec<Action>) {
        for (&id, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.is_idle()) {
            let Some(turn) = self.waiting.pop() else { return };
            worker.give(id, turn, actions);
        }
    }

    /// Nothing that waits is as urgent as what was sent ahead, and a worker has nothing to do, or could be started: takes
    /// back half of what another one has not begun.
    pub(super) fn rebalance(&mut self, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        while self.is_ahead_first() && self.is_hungry() {
            let loaded = self.workers.iter_mut().filter(|(_, worker)| worker.ahead() > 1);
            let Some((&id, victim)) = loaded.max_by_key(|(_, worker)| worker.ahead()) else { return };
            let keep = victim.assigned.len() - victim.ahead() / 2;
            let back = victim.take_back(id, keep, claims);
            if back.is_empty() {
                return;
            }
            self.put_back(back, actions);
            self.feed_idle(actions);
        }
    }

    fn is_hungry(&self) -> bool {
        self.workers.values().any(Worker::is_idle)
            || (self.workers.len() < self.options.max_workers
                && !self.workers.values().any(|worker| matches!(worker.phase, Phase::Starting { .. })))
    }

    /// One worker for each waiting task that no starting worker will take, up to the allowed number of processes.
    pub(super) fn start_workers(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let starting = self.workers.values().filter(|worker| matches!(worker.phase, Phase::Starting { .. })).count();
        let wanted = self.waiting.len().saturating_sub(starting);
        let room = self.options.max_workers.saturating_sub(self.workers.len());
        if self.start_after.is_some_and(|moment| moment > now) {
            return;
        }
        for _ in 0..wanted.min(room) {
            let worker = WorkerId(self.next_worker);
            self.next_worker += 1;
            let index = self.free_index();
            self.workers.insert(worker, Worker::start(index, self.options.recycling.max_tasks, now));
            actions.push(Action::Start { worker, index });
        }
    }

    pub(super) fn may_start(&self) -> bool {
        !self.waiting.is_empty() && self.workers.len() < self.options.max_workers
    }

    fn free_index(&self) -> u32 {
        let taken: std::collections::BTreeSet<u32> = self.workers.values().map(|worker| worker.index).collect();
        (0..).find(|index| !taken.contains(index)).expect("there are more numbers than workers")
    }

    /// When all workers are busy and no more may be started, tasks go ahead to them, the least loaded first; and only
    /// tasks of one priority at a time.
    pub(super) fn send_ahead(&mut self, actions: &mut Vec<Action>) {
        let may_come = self.workers.values().any(|worker| !matches!(worker.phase, Phase::Ready | Phase::Retiring));
        if may_come || self.workers.len() < self.options.max_workers {
            return;
        }
        let Some(first) = self.waiting.first() else { return };
        if first.priority() != self.ahead && self.workers.values().any(|worker| worker.ahead() > 1) {
            return;
        }
        self.ahead = first.priority();
        while self.waiting.first().is_some_and(|turn| turn.priority() == self.ahead) {
            let free = self.workers.iter_mut().filter(|(_, worker)| worker.may_take());
            let Some((&id, worker)) = free.min_by_key(|(_, worker)| worker.assigned.len()) else { return };
            let Some(turn) = self.waiting.pop() else { return };
            worker.give(id, turn, actions);
        }
    }

    /// After a resize: workers beyond the allowed number take no more tasks. Idle ones first, then the youngest.
    pub(super) fn retire_surplus(&mut self, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let mut staying: Vec<(bool, std::cmp::Reverse<u32>, WorkerId)> = self
            .workers
            .iter()
            .filter(|(_, worker)| matches!(worker.phase, Phase::Starting { .. } | Phase::Ready))
            .map(|(&id, worker)| (!worker.assigned.is_empty(), std::cmp::Reverse(worker.index), id))
            .collect();
        staying.sort_unstable();
        let surplus = staying.len().saturating_sub(self.options.max_workers);
        let mut back = Vec::new();
        for (_, _, id) in staying.into_iter().take(surplus) {
            let Some(worker) = self.workers.get_mut(&id) else { continue };
            if worker.phase == Phase::Ready {
                worker.phase = Phase::Surplus;
                back.extend(worker.take_back(id, 0, claims));
            } else {
                self.kill(id, KillReason::Surplus, actions);
            }
        }
        self.put_back(back, actions);
    }
}
