//! Tasks that run for too long are stopped.
//!
//! Nobody says when a task begins: it begins as soon as its worker has nothing else to do. So its time counts from the
//! moment when it is the first one that its worker has: when it was sent to an idle one, or when the answer of the task
//! before it was handled.
//!
//! How it is stopped is the executor's choice: its worker is killed; or asked to stop it, and killed when it does not.

use super::{Claims, State};
use crate::dispatcher::action::{Action, End, KillReason};
use crate::dispatcher::slot::{Asked, Worker};
use crate::executor::Interruption;
use crate::limits::INTERRUPTION_GRACE;
use crate::task::{TaskId, WorkerId};
use std::time::{Duration, Instant};

impl State {
    /// Notes which tasks are their workers' first from now on.
    pub(super) fn start_clocks(&mut self, now: Instant) {
        for worker in self.workers.values_mut() {
            if let Some(first) = worker.assigned.first_mut() {
                first.first_since.get_or_insert(now);
            }
            if let Some(asked) = &mut worker.asked {
                asked.kill_at.get_or_insert(now + INTERRUPTION_GRACE);
            }
        }
    }

    /// When the first task of a worker has had its time.
    pub(super) fn overdue_at(worker: &Worker) -> Option<Instant> {
        let first = worker.assigned.first().filter(|first| !first.abandoned)?;
        first.first_since?.checked_add(first.turn.time_limit()?)
    }

    /// Stops what has run for too long.
    pub(super) fn stop_overdue(&mut self, now: Instant, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        let is_overdue = |worker: &Worker| Self::overdue_at(worker).is_some_and(|moment| moment <= now);
        let due: Vec<WorkerId> =
            self.workers.iter().filter(|(_, worker)| is_overdue(worker)).map(|(&id, _)| id).collect();
        for id in due {
            let Some(first) = self.workers.get_mut(&id).and_then(|worker| worker.assigned.first_mut()) else {
                continue;
            };
            let (task, limit) = (first.turn.task(), first.turn.time_limit().unwrap_or(Duration::MAX));
            if claims.has_begun(id, task) {
                self.stop_running(id, task, End::TimedOut { limit }, KillReason::Overdue, claims, actions);
            } else {
                // Its worker has not come to it: a slow machine, or a worker that is about to end.
                first.first_since = Some(now);
            }
        }
    }

    /// Ends a task that runs, or has just ended. Only a worker that runs nothing else may be killed for it: first all that
    /// has not begun is taken back; if a later one has begun by now, this task is over already. One that began before it
    /// has ended, and its answer will be read even when the worker is killed.
    pub(super) fn stop_running(
        &mut self,
        id: WorkerId,
        task: TaskId,
        end: End,
        reason: KillReason,
        claims: &mut impl Claims,
        actions: &mut Vec<Action>,
    ) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        actions.push(Action::Finish { task, end });
        worker.abandon(task);
        let back = worker.take_back(id, 0, claims);
        if !worker.has_begun_after(id, task, claims) {
            if self.options.interruption == Interruption::Epoch && worker.can_stop(task) {
                worker.asked = Some(Asked { task, reason, kill_at: None });
                actions.push(Action::Interrupt { worker: id, task });
            } else {
                self.kill(id, reason, actions);
            }
        }
        self.put_back(back, actions);
    }

    /// Kills the workers that were asked to stop a task and have not done so in time.
    pub(super) fn kill_unyielding(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let late = |asked: Asked| asked.kill_at.is_some_and(|moment| moment <= now).then_some(asked.reason);
        let due: Vec<(WorkerId, KillReason)> =
            self.workers.iter().filter_map(|(&id, worker)| Some((id, late(worker.asked?)?))).collect();
        for (id, reason) in due {
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.asked = None;
            }
            self.kill(id, reason, actions);
        }
    }
}
