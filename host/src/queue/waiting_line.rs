//! Tasks in their turn: the most urgent first, and those that are as urgent in the order of their submission.

use crate::task::TaskId;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// A task as the state machine knows it. Ordered by its turn: what is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    priority: Reverse<i32>,
    task: TaskId,
    retries: u32,
    time_limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl Turn {
    /// `retries`: how often it may be run again after its worker was lost.
    pub(crate) fn new(task: TaskId, priority: i32, retries: u32) -> Self {
        Self { priority: Reverse(priority), task, retries, time_limit: None, deadline: None }
    }

    /// For how long it may run.
    pub(crate) fn with_time_limit(self, time_limit: Option<Duration>) -> Self {
        Self { time_limit, ..self }
    }

    /// When it must have ended.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    pub(crate) fn deadline(self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn time_limit(self) -> Option<Duration> {
        self.time_limit
    }

    pub(crate) fn task(self) -> TaskId {
        self.task
    }

    /// Higher is more urgent.
    pub(crate) fn priority(self) -> i32 {
        self.priority.0
    }

    /// The same turn with one retry less; `None` when there is none left.
    pub(crate) fn again(self) -> Option<Self> {
        Some(Self { retries: self.retries.checked_sub(1)?, ..self })
    }
}

/// Tasks that wait. Ids grow with each submission, so a task that comes back (its worker died before it began) takes its
/// old turn again.
#[derive(Debug, Default)]
pub(crate) struct WaitingLine {
    turns: BTreeSet<Turn>,
    /// Of those whose priority is not 0: most tasks have no need of it.
    priorities: HashMap<TaskId, i32>,
}

impl WaitingLine {
    pub(crate) fn push(&mut self, turn: Turn) {
        if turn.priority() != 0 {
            self.priorities.insert(turn.task, turn.priority());
        }
        self.turns.insert(turn);
    }

    /// The one that is next.
    pub(crate) fn first(&self) -> Option<Turn> {
        self.turns.first().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<Turn> {
        let turn = self.turns.pop_first()?;
        self.forget_priority(turn);
        Some(turn)
    }

    /// Takes a task out of its turn; false if it does not wait here.
    pub(crate) fn remove(&mut self, task: TaskId) -> bool {
        let priority = self.priorities.get(&task).copied().unwrap_or(0);
        let least = Turn::new(task, priority, 0);
        let found = self.turns.range(least..).next().copied().filter(|turn| turn.task == task);
        if let Some(turn) = found {
            self.turns.remove(&turn);
            self.forget_priority(turn);
        }
        found.is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Turn> + use<> {
        self.priorities.clear();
        std::mem::take(&mut self.turns).into_iter()
    }

    fn forget_priority(&mut self, turn: Turn) {
        if turn.priority() != 0 {
            self.priorities.remove(&turn.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(task: u64, priority: i32) -> Turn {
        Turn::new(TaskId(task), priority, 1)
    }

    fn tasks(turns: impl Iterator<Item = Turn>) -> Vec<u64> {
        turns.map(|turn| turn.task().get()).collect()
    }

    #[test]
    fn a_task_that_comes_back_takes_its_old_turn() {
        let mut line = WaitingLine::default();
        (1..=3).for_each(|n| line.push(turn(n, 0)));
        assert_eq!(line.pop(), Some(turn(1, 0)));
        line.push(turn(1, 0));
        assert!(line.remove(TaskId(2)));
        assert!(!line.remove(TaskId(2)));
        assert_eq!(tasks(line.drain()), [1, 3]);
        assert!(line.is_empty());
    }

    #[test]
    fn the_most_urgent_comes_first_and_equals_in_order_of_submission() {
        let mut line = WaitingLine::default();
        for (task, priority) in [(1, 0), (2, -1), (3, 5), (4, 0), (5, 5), (6, i32::MIN), (7, i32::MAX)] {
            line.push(turn(task, priority));
        }
        assert_eq!(line.first().map(Turn::priority), Some(i32::MAX));
        let popped = std::iter::from_fn(|| line.pop());
        assert_eq!(tasks(popped), [7, 3, 5, 1, 4, 2, 6]);
    }

    #[test]
    fn a_task_of_any_priority_is_found_by_its_id_and_nothing_is_kept_of_it() {
        let mut line = WaitingLine::default();
        [turn(1, 3), turn(2, 0), turn(3, -3)].into_iter().for_each(|turn| line.push(turn));
        assert!(line.remove(TaskId(3)) && line.remove(TaskId(1)) && line.remove(TaskId(2)));
        assert!(!line.remove(TaskId(1)));
        assert!(line.is_empty() && line.priorities.is_empty());
    }

    #[test]
    fn retries_are_used_up() {
        let twice = Turn::new(TaskId(1), 4, 2);
        let once = twice.again().expect("two are left");
        assert_eq!((once.priority(), once.task()), (4, TaskId(1)));
        assert_eq!(once.again().expect("one is left").again(), None);
    }
}
