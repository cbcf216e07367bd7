//! How a pool ends: shut down, or broken.

use super::{Claims, Life, State};
use crate::dispatcher::action::{Action, End, KillReason};
use crate::dispatcher::event::ShutdownMode;
use crate::dispatcher::slot::Phase;
use crate::queue::Turn;
use crate::task::{TaskId, WorkerId};
use std::time::Instant;

impl State {
    pub(super) fn shutdown(&mut self, mode: ShutdownMode, claims: &mut impl Claims, actions: &mut Vec<Action>) {
        match self.life {
            Life::Terminated => return,
            Life::Broken => {
                self.ending_broken = true;
                return;
            }
            Life::Open => self.life = Life::Ending(mode),
            Life::Ending(before) => self.life = Life::Ending(mode.max(before)),
        }
        if mode == ShutdownMode::Finish {
            return;
        }
        let waiting = self.waiting.drain().collect();
        self.put_back(waiting, actions);
        let mut back = Vec::new();
        for (&id, worker) in &mut self.workers {
            back.extend(worker.take_back(id, 0, claims));
            if mode == ShutdownMode::Kill {
                back.extend(worker.abandon_all());
            }
        }
        self.put_back(back, actions);
        if mode == ShutdownMode::Kill {
            self.kill_all(KillReason::Shutdown, actions);
        }
    }

    /// Tasks that were taken from a worker wait again, or end if nothing more is to begin.
    pub(super) fn put_back(&mut self, turns: Vec<Turn>, actions: &mut Vec<Action>) {
        let end = match self.life {
            Life::Open | Life::Ending(ShutdownMode::Finish) => {
                return turns.into_iter().for_each(|turn| self.waiting.push(turn));
            }
            Life::Ending(ShutdownMode::CancelPending) => End::Cancelled,
            Life::Ending(ShutdownMode::Kill) | Life::Terminated => End::Shutdown,
            Life::Broken => End::Broken,
        };
        actions.extend(turns.into_iter().map(|turn| Action::Finish { task: turn.task(), end }));
    }

    /// Workers that nobody will need are asked to leave.
    pub(super) fn release_workers(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let over = matches!(self.life, Life::Ending(_)) && self.waiting.is_empty();
        for (&id, worker) in &mut self.workers {
            match worker.phase {
                Phase::Surplus | Phase::Retiring if worker.assigned.is_empty() => worker.stop(id, now, actions),
                Phase::Ready if over && worker.assigned.is_empty() => worker.stop(id, now, actions),
                // Not even up, and not needed any more.
                Phase::Starting { .. } if over => {
                    worker.phase = Phase::Killed;
                    actions.push(Action::Kill { worker: id, reason: KillReason::Surplus });
                }
                _ => {}
            }
        }
    }

    pub(super) fn terminate_if_over(&mut self, actions: &mut Vec<Action>) {
        let ending = matches!(self.life, Life::Ending(_)) || (self.life == Life::Broken && self.ending_broken);
        if ending && self.waiting.is_empty() && self.workers.is_empty() {
            self.life = Life::Terminated;
            actions.push(Action::Terminate);
        }
    }

    /// Everything unfinished fails, and nothing is accepted any more.
    pub(super) fn break_pool(&mut self, worker: WorkerId, culprit: Option<TaskId>, actions: &mut Vec<Action>) {
        match self.life {
            Life::Broken | Life::Terminated => return,
            Life::Ending(_) => self.ending_broken = true,
            Life::Open => {}
        }
        self.life = Life::Broken;
        actions.push(Action::Break { worker, culprit });
        let mut turns: Vec<Turn> = self.waiting.drain().collect();
        for worker in self.workers.values_mut() {
            turns.extend(worker.abandon_all());
        }
        self.put_back(turns, actions);
        self.kill_all(KillReason::Broken, actions);
    }

    fn kill_all(&mut self, reason: KillReason, actions: &mut Vec<Action>) {
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.kill(id, reason, actions);
        }
    }

    pub(super) fn kill(&mut self, id: WorkerId, reason: KillReason, actions: &mut Vec<Action>) {
        if let Some(worker) = self.workers.get_mut(&id)
            && !matches!(worker.phase, Phase::Killed | Phase::Late | Phase::Liar)
        {
            worker.phase = Phase::Killed;
            actions.push(Action::Kill { worker: id, reason });
        }
    }
}
