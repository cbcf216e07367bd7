//! Tasks of tasks. A worker whose task waits for a child runs children of that task meanwhile, above it: so the number of
//! workers does not grow with the depth, and a pool whose workers all wait goes on.
//!
//! Why it cannot stand still: what a worker has begun is a chain, each task the child of the one below. If every worker
//! waits, follow any of them to the child that it waits for: either it has not begun, and is lent to that very worker; or it
//! is in the chain of another worker, whose top waits for a child that lies deeper still. The tree has an end.

use super::{Claims, Life, State};
use crate::dispatcher::action::{Action, End};
use crate::dispatcher::event::ShutdownMode;
use crate::dispatcher::slot::Waits;
use crate::limits::SEND_AHEAD;
use crate::queue::Turn;
use crate::task::{TaskId, WorkerId};

impl State {
    /// A task has submitted another one. Accepted also while the pool finishes what was submitted: this is part of it.
    pub(super) fn child_submitted(&mut self, turn: Turn, parent: TaskId, actions: &mut Vec<Action>) {
        let holder = self.workers.values_mut().find(|worker| worker.holds(parent));
        match (self.life, holder) {
            (Life::Open | Life::Ending(ShutdownMode::Finish), Some(worker)) => {
                worker.nests = true;
                self.family.born(turn, parent);
                self.waiting.push(turn);
            }
            // Nobody will ask for it.
            _ => actions.push(Action::Finish { task: turn.task(), end: End::Cancelled }),
        }
    }

    /// A worker's task waits for one of its children: nothing else begins there before that has ended, but other children
    /// of the same task.
    pub(super) fn awaits(
        &mut self,
        id: WorkerId,
        parent: TaskId,
        child: TaskId,
        claims: &mut impl Claims,
        actions: &mut Vec<Action>,
    ) {
        // The child may have ended while the word was on its way: then the worker does not wait any more.
        if self.family.parent(child) != Some(parent) {
            return;
        }
        let Some(worker) = self.workers.get_mut(&id).filter(|worker| worker.holds(parent)) else { return };
        worker.waits = Some(Waits { parent, child });
        let mut back = worker.take_back(id, 0, claims);
        back.extend(self.sibling_sent_ahead(parent, claims));
        self.put_back(back, actions);
    }

    /// Takes back one child of a task that was sent ahead: it must not stand behind a long task while a worker waits.
    fn sibling_sent_ahead(&mut self, parent: TaskId, claims: &mut impl Claims) -> Option<Turn> {
        for (&holder, worker) in &mut self.workers {
            let ahead = worker.assigned.iter().skip(1).map(|assigned| assigned.turn);
            let child = ahead.rev().find(|turn| self.family.parent(turn.task()) == Some(parent));
            if let Some(turn) = child.filter(|turn| worker.take_back_one(holder, turn.task(), claims)) {
                return Some(turn);
            }
        }
        None
    }

    /// A child that has not begun for each worker that waits for children: the one that it waits for, wherever that is,
    /// else another one of the same task.
    pub(super) fn lend_to_waiting(&mut self, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let waiting: Vec<(WorkerId, Waits)> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.is_working() && worker.assigned.len() < SEND_AHEAD)
            .filter_map(|(&id, worker)| Some((id, worker.waits?)))
            .collect();
        for (id, waits) in waiting {
            let Some(turn) = self.child_to_lend(waits, claims) else { continue };
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.lend(id, turn, actions);
            }
        }
    }

    fn child_to_lend(&mut self, waits: Waits, claims: &mut impl Claims) -> Option<Turn> {
        let awaited = self.family.turn(waits.child)?;
        if self.waiting.remove(waits.child) {
            return Some(awaited);
        }
        let holder = self.workers.iter_mut().find(|(_, worker)| worker.holds(waits.child));
        if let Some((&holder, worker)) = holder
            && worker.take_back_one(holder, waits.child, claims)
        {
            return Some(awaited);
        }
        let siblings: Vec<Turn> = self.family.children(waits.parent).collect();
        siblings.into_iter().find(|sibling| self.waiting.remove(sibling.task()))
    }

    /// What the end of tasks means for their relatives: a worker that waited for one goes on, and the children of one are
    /// cancelled. Looks at the actions from `from` on, its own included; gives whether anything was cancelled.
    pub(super) fn follow_families(
        &mut self,
        from: &mut usize,
        claims: &mut impl Claims,
        actions: &mut Vec<Action>,
    ) -> bool {
        if self.family.is_empty() {
            *from = actions.len();
            return false;
        }
        let mut cancelled = false;
        while let Some(&action) = actions.get(*from) {
            *from += 1;
            let (task, left) = match action {
                Action::Finish { task, .. } => (task, self.family.ended(task)),
                // It is run again, without those that it had.
                Action::Retry { task, .. } => (task, self.family.left_by(task)),
                _ => continue,
            };
            for worker in self.workers.values_mut() {
                worker.waits = worker.waits.filter(|waits| waits.child != task && waits.parent != task);
            }
            for child in left {
                cancelled = true;
                self.cancel(child, true, claims, actions);
            }
        }
        cancelled
    }
}
