//! Who gets which task, and how many workers there are.
//!
//! The most urgent task that has not begun is the next to begin, with one exception: the task that was given to an idle
//! worker. Tasks that were sent ahead to busy workers are all of one priority, and at least as urgent as any that waits.
//! So a worker that comes to its end of one begins nothing while something more urgent waits, here or with another worker.
//!
//! A worker is started for one class of tasks and serves no other. A class whose turn comes and that has no worker gets one:
//! an idle worker of another class makes way, one that has nothing to do before one that has. More than one, when others have
//! nothing to do, or less urgent tasks. So no class starves, and classes that all have workers do not drive out each other's.

use super::{Claims, State};
use crate::dispatcher::action::{Action, KillReason};
use crate::dispatcher::slot::{Phase, Worker};
use crate::queue::Turn;
use crate::task::{ClassId, WorkerId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
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

    /// A waiting task of its class for each worker that has none, in the turn of the tasks. Where one has no worker, a worker
    /// of another class that has nothing to do makes way.
    pub(super) fn feed_idle(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.waiting.is_empty() {
            return;
        }
        let idle = self.workers.iter().rev().filter(|(_, worker)| worker.is_idle());
        let mut idle: Vec<(ClassId, WorkerId)> = idle.map(|(&id, worker)| (worker.class, id)).collect();
        let mut places = self.places_to_come();
        let mut head = None;
        while !idle.is_empty() {
            head = self.waiting.head_after(head);
            let Some(class) = head.map(Turn::class) else { return };
            let Some(position) = idle.iter().rposition(|(other, _)| *other == class) else {
                self.make_way(class, &mut places, &mut idle, now, actions);
                continue;
            };
            let (_, id) = idle.remove(position);
            if let (Some(turn), Some(worker)) = (self.waiting.pop_of(class), self.workers.get_mut(&id)) {
                worker.give(id, turn, actions);
            }
        }
    }

    /// Processes that may be started now, or when others have left.
    fn places_to_come(&self) -> usize {
        let staying = self.workers.values().filter(|worker| worker.stays()).count();
        self.options.max_workers.saturating_sub(staying)
    }

    /// Tasks of a class wait, and none of its workers is idle: those that no starting worker will take want a worker each. While
    /// no place comes for it by itself, an idle worker of another class is asked to leave.
    fn make_way(
        &mut self,
        class: ClassId,
        places: &mut usize,
        idle: &mut Vec<(ClassId, WorkerId)>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        let of_class = |worker: &&Worker| worker.class == class && worker.stays();
        let mut is_served = self.workers.values().any(|worker| of_class(&worker));
        let starting = self.workers.values().filter(of_class).filter(|worker| worker.is_starting()).count();
        let unserved: Vec<Turn> = self.waiting.of_class(class).skip(starting).take(*places + idle.len()).collect();
        for turn in unserved {
            if *places > 0 {
                *places -= 1;
            } else if let Some(position) = self.least_needed(idle, turn, is_served) {
                let (_, id) = idle.remove(position);
                if let Some(worker) = self.workers.get_mut(&id) {
                    actions.push(Action::Replace { worker: id });
                    worker.stop(id, now, actions);
                }
            } else {
                return;
            }
            is_served = true;
        }
    }

    /// Which idle worker makes way for a task: one for whose class nothing waits; else the one whose class's turn comes last,
    /// but only for a class that has no worker at all, or for a task that is more urgent.
    fn least_needed(&self, idle: &[(ClassId, WorkerId)], turn: Turn, is_served: bool) -> Option<usize> {
        let needed_at =
            |position: &usize| self.waiting.head_of(idle[*position].0).map_or((1, None), |head| (0, Some(head)));
        let last = (0..idle.len()).max_by_key(needed_at)?;
        let head = self.waiting.head_of(idle[last].0);
        head.is_none_or(|head| !is_served || turn.priority() > head.priority()).then_some(last)
    }

    /// Nothing that waits is as urgent as what was sent ahead, and a worker has nothing to do, or could be started: takes
    /// back half of what another one has not begun.
    pub(super) fn rebalance(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        while self.is_ahead_first() && self.is_hungry() {
            // One of the class of an idle worker first: of another class, that has to make way.
            let loaded = self.workers.iter().filter(|(_, worker)| worker.ahead() > 1);
            let is_own = |class| self.workers.values().any(|worker| worker.class == class && worker.is_idle());
            let most = loaded.max_by_key(|(_, worker)| (is_own(worker.class), worker.ahead()));
            let Some((&id, _)) = most else { return };
            let Some(victim) = self.workers.get_mut(&id) else { return };
            let keep = victim.assigned.len() - victim.ahead() / 2;
            let back = victim.take_back(id, keep, claims);
            if back.is_empty() {
                return;
            }
            self.put_back(back, actions);
            self.feed_idle(now, actions);
        }
    }

    /// Whether a worker is up and has nothing to do.
    pub(crate) fn has_idle_worker(&self) -> bool {
        self.workers.values().any(Worker::is_idle)
    }

    fn is_hungry(&self) -> bool {
        self.has_idle_worker()
            || (self.workers.len() < self.options.max_workers && !self.workers.values().any(Worker::is_starting))
    }

    /// One worker for each waiting task that no starting worker will take, up to the allowed number of processes.
    pub(super) fn start_workers(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let room = self.options.max_workers.saturating_sub(self.workers.len());
        if room == 0 || self.waiting.is_empty() || self.start_after.is_some_and(|moment| moment > now) {
            return;
        }
        let mut starting: BTreeMap<ClassId, usize> = BTreeMap::new();
        for worker in self.workers.values().filter(|worker| worker.stays()) {
            *starting.entry(worker.class).or_default() += usize::from(worker.is_starting());
        }
        for _ in 0..room {
            let Some(class) = self.class_to_start(&starting) else { return };
            *starting.entry(class).or_default() += 1;
            let worker = WorkerId(self.next_worker);
            self.next_worker += 1;
            let index = self.free_index();
            self.workers.insert(worker, Worker::start(index, class, self.options.recycling.max_tasks, now));
            actions.push(Action::Start { worker, index, class });
        }
    }

    /// The class of the most urgent task that no starting worker will take; among equals one that has no worker at all, and then
    /// the one whose turn comes first. `starting`: how many workers of each class are on their way, 0 for a class that has
    /// others.
    fn class_to_start(&self, starting: &BTreeMap<ClassId, usize>) -> Option<ClassId> {
        // No more classes than there can be workers are served, so the next one is among these.
        let heads = self.waiting.heads().take(self.options.max_workers);
        let calls = heads.filter_map(|head| {
            let on_their_way = starting.get(&head.class());
            let turn = self.waiting.of_class(head.class()).nth(on_their_way.copied().unwrap_or(0))?;
            Some((Reverse(turn.priority()), on_their_way.is_some(), turn))
        });
        calls.min().map(|(_, _, turn)| turn.class())
    }

    fn free_index(&self) -> u32 {
        let taken: BTreeSet<u32> = self.workers.values().map(|worker| worker.index).collect();
        (0..).find(|index| !taken.contains(index)).expect("there are more numbers than workers")
    }

    pub(super) fn may_start(&self) -> bool {
        !self.waiting.is_empty() && self.workers.len() < self.options.max_workers
    }

    /// When all workers are busy and no more may be started, tasks go ahead to them, the least loaded first; and only
    /// tasks of one priority at a time. Nothing goes ahead of a task whose class has no worker: one is to come to its end, and
    /// to make way.
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
        let mut head = None;
        while self.workers.values().any(Worker::may_take) {
            head = self.waiting.head_after(head).filter(|head| head.priority() == self.ahead);
            let Some(class) = head.map(Turn::class) else { return };
            let mut of_class = self.workers.iter_mut().filter(|(_, worker)| worker.class == class && worker.stays());
            let Some(any) = of_class.next() else { return };
            let free = std::iter::once(any).chain(of_class).filter(|(_, worker)| worker.may_take());
            if let Some((&id, worker)) = free.min_by_key(|(_, worker)| worker.assigned.len())
                && let Some(turn) = self.waiting.pop_of(class)
            {
                worker.give(id, turn, actions);
            }
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
