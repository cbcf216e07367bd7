//! Pools of one worker that is never replaced, against the state machine, in thousands of orders of events: no task is ever sent to a
//! second worker, and each ends once.

use super::action::{Action, End};
use super::begun::Begun;
use super::event::{Event, ShutdownMode};
use super::quarantine::QuarantineOptions;
use super::recycling::Recycling;
use super::simulation::model::Random;
use super::state::{State, StateOptions};
use crate::executor::{Containment, Interruption};
use crate::queue::Turn;
use crate::task::{TaskId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

struct Run {
    random: Random,
    state: State,
    begun: Begun,
    now: Instant,
    next_task: u64,
    /// Those that were started and have not ended; and whether they are up.
    workers: BTreeMap<WorkerId, bool>,
    /// What the one that is up has, the first of which it runs.
    sent: Vec<TaskId>,
    /// Whoever was ever sent a task.
    served_by: BTreeSet<WorkerId>,
    open: BTreeSet<TaskId>,
    terminated: bool,
    broken: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let state = State::new(StateOptions {
            max_workers: 1,
            idle_timeout: random.chance(50).then(|| Duration::from_millis(20)),
            containment: Containment::Pool,
            recycling: Recycling { one_life: true, ..Recycling::default() },
            interruption: if random.chance(50) { Interruption::Epoch } else { Interruption::Kill },
            quarantine: QuarantineOptions { deaths: None, ..QuarantineOptions::default() },
        });
        let (begun, now, next_task) = (Begun::default(), Instant::now(), 0);
        let (workers, sent, served_by, open) = Default::default();
        let (terminated, broken) = (false, false);
        Self { random, state, begun, now, next_task, workers, sent, served_by, open, terminated, broken }
    }

    fn event(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.state.handle(event, self.now, &mut self.begun, &mut actions);
        for action in actions {
            match action {
                Action::Start { worker, .. } => {
                    assert!(self.served_by.is_empty(), "another worker for an instance that is gone");
                    self.workers.insert(worker, false);
                }
                Action::Send { worker, task } => {
                    self.served_by.insert(worker);
                    assert_eq!(self.served_by.len(), 1, "a task meets another instance");
                    self.sent.push(task);
                }
                Action::Finish { task, end } => {
                    assert!(self.open.remove(&task), "{task} ends twice");
                    assert!(!matches!(end, End::Quarantined(_)));
                    if !self.begun.0.contains(&task) {
                        self.sent.retain(|other| *other != task);
                    }
                }
                Action::Break { .. } => self.broken = true,
                Action::Terminate => self.terminated = true,
                _ => {}
            }
        }
        let open = &self.open;
        let begun = &self.begun.0;
        self.sent.retain(|task| open.contains(task) || begun.contains(task));
    }

    fn step(&mut self) {
        let up = self.workers.iter().find(|(_, up)| **up).map(|(&id, _)| id);
        let first = self.sent.first().copied();
        match (self.random.below(12), up) {
            (0..=2, _) if !self.broken => {
                let task = TaskId(self.next_task);
                self.next_task += 1;
                self.open.insert(task);
                self.event(Event::Submitted { turn: Turn::new(task, 0, 0) });
            }
            (3, _) => {
                if let Some(&task) = self.open.iter().next() {
                    self.event(Event::Cancel { task, even_running: true });
                }
            }
            (4, _) => {
                self.now = self.state.next_deadline().unwrap_or(self.now).max(self.now);
                self.event(Event::Tick);
            }
            (5, _) if self.random.chance(30) => self.exit(),
            (6, Some(worker)) if self.random.chance(20) => self.event(Event::WorkerLied { worker }),
            (7, Some(worker)) if self.random.chance(20) => self.event(Event::WorkerHungUp { worker }),
            (8..=9, Some(worker)) => {
                // It begins the next one, and ends it some time later.
                if let Some(task) = first {
                    if self.begun.0.insert(task) {
                        return;
                    }
                    self.sent.remove(0);
                    let trapped = self.random.chance(15);
                    self.event(Event::TaskDone { worker, task, trapped });
                }
            }
            (10, None) => {
                if let Some((&worker, _)) = self.workers.iter().next() {
                    if self.random.chance(20) {
                        self.workers.remove(&worker);
                        self.event(Event::StartFailed { worker });
                    } else {
                        self.workers.insert(worker, true);
                        self.event(Event::WorkerReady { worker });
                    }
                }
            }
            (11, _) if self.random.chance(3) => self.event(Event::Shutdown { mode: ShutdownMode::Finish }),
            _ => {}
        }
    }

    fn exit(&mut self) {
        if let Some((&worker, _)) = self.workers.iter().next() {
            self.workers.remove(&worker);
            self.event(Event::WorkerExited { worker });
            self.sent.clear();
        }
    }
}

#[test]
fn no_task_meets_a_second_worker_in_any_order_of_events() {
    let (mut broken, mut served) = (0, 0);
    for seed in 0..5000 {
        let mut run = Run::new(seed);
        for _ in 0..120 {
            run.step();
            if run.terminated {
                break;
            }
        }
        if !run.terminated {
            run.event(Event::Shutdown { mode: ShutdownMode::Kill });
            while !run.workers.is_empty() {
                run.exit();
            }
        }
        assert!(run.open.is_empty(), "seed {seed}: {:?} never end", run.open);
        assert!(run.terminated, "seed {seed}: the pool never ends");
        broken += u32::from(run.broken);
        served += u32::from(!run.served_by.is_empty());
    }
    assert!(broken > 2000 && served > 3000, "the orders show something: {broken}, {served}");
}
