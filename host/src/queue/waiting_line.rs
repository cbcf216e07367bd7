//! Tasks in their turn: the most urgent first, and those that are as urgent in the order of their submission. One line for
//! each class, because a worker takes tasks of one class only.

use crate::task::{ClassId, TaskId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

/// A task as the state machine knows it. Ordered by its turn: what is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    priority: Reverse<i32>,
    task: TaskId,
    retries: u32,
    time_limit: Option<Duration>,
    class: ClassId,
}

impl Turn {
    /// `retries`: how often it may be run again after its worker was lost.
    pub(crate) fn new(task: TaskId, priority: i32, retries: u32) -> Self {
        Self { priority: Reverse(priority), task, retries, time_limit: None, class: ClassId::default() }
    }

    /// For how long it may run.
    pub(crate) fn with_time_limit(self, time_limit: Option<Duration>) -> Self {
        Self { time_limit, ..self }
    }

    /// Which workers may run it.
    pub(crate) fn with_class(self, class: ClassId) -> Self {
        Self { class, ..self }
    }

    pub(crate) fn time_limit(self) -> Option<Duration> {
        self.time_limit
    }

    pub(crate) fn task(self) -> TaskId {
        self.task
    }

    pub(crate) fn class(self) -> ClassId {
        self.class
    }

    /// Higher is more urgent.
    pub(crate) fn priority(self) -> i32 {
        self.priority.0
    }

    /// The same turn with one retry less; `None` when there is none left.
    pub(crate) fn again(self) -> Option<Self> {
        Some(Self { retries: self.retries.checked_sub(1)?, ..self })
    }

    /// Most tasks are like this: nothing need be remembered to find them.
    fn is_usual(self) -> bool {
        self.priority.0 == 0 && self.class == ClassId::default()
    }
}

/// Tasks that wait. Ids grow with each submission, so a task that comes back (its worker died before it began) takes its
/// old turn again.
#[derive(Debug, Default)]
pub(crate) struct WaitingLine {
    /// None of them is empty.
    lines: BTreeMap<ClassId, BTreeSet<Turn>>,
    /// The first of each line.
    heads: BTreeSet<Turn>,
    /// Where those are to be found that are not of the usual kind.
    unusual: HashMap<TaskId, (i32, ClassId)>,
    len: usize,
}

impl WaitingLine {
    pub(crate) fn push(&mut self, turn: Turn) {
        if !turn.is_usual() {
            self.unusual.insert(turn.task, (turn.priority(), turn.class));
        }
        let line = self.lines.entry(turn.class).or_default();
        let head = line.first().copied();
        self.len += usize::from(line.insert(turn));
        if head.is_none_or(|head| turn < head) {
            head.map(|head| self.heads.remove(&head));
            self.heads.insert(turn);
        }
    }

    /// The one that is next, of whatever class.
    pub(crate) fn first(&self) -> Option<Turn> {
        self.heads.first().copied()
    }

    /// The first of each class, in their turn.
    pub(crate) fn heads(&self) -> impl Iterator<Item = Turn> {
        self.heads.iter().copied()
    }

    /// The first of these that comes after a turn; the very first for `None`. So all of them can be gone through while some
    /// are taken: what takes the place of one that was taken comes after it.
    pub(crate) fn head_after(&self, turn: Option<Turn>) -> Option<Turn> {
        let after = turn.map_or(Bound::Unbounded, Bound::Excluded);
        self.heads.range((after, Bound::Unbounded)).next().copied()
    }

    /// The tasks of one class, in their turn.
    pub(crate) fn of_class(&self, class: ClassId) -> impl Iterator<Item = Turn> {
        self.lines.get(&class).into_iter().flatten().copied()
    }

    /// Whether a task of this class waits; its first one.
    pub(crate) fn head_of(&self, class: ClassId) -> Option<Turn> {
        self.lines.get(&class)?.first().copied()
    }

    /// Takes the first task of a class.
    pub(crate) fn pop_of(&mut self, class: ClassId) -> Option<Turn> {
        let turn = self.head_of(class)?;
        self.take(turn);
        Some(turn)
    }

    /// Takes a task out of its turn; false if it does not wait here.
    pub(crate) fn remove(&mut self, task: TaskId) -> bool {
        let (priority, class) = self.unusual.get(&task).copied().unwrap_or_default();
        let least = Turn::new(task, priority, 0);
        let line = self.lines.get(&class);
        let found = line.and_then(|line| line.range(least..).next().copied()).filter(|turn| turn.task == task);
        found.inspect(|&turn| self.take(turn)).is_some()
    }

    fn take(&mut self, turn: Turn) {
        let Some(line) = self.lines.get_mut(&turn.class) else { return };
        self.len -= usize::from(line.remove(&turn));
        let next = line.first().copied();
        if self.heads.remove(&turn) {
            self.heads.extend(next);
        }
        if next.is_none() {
            self.lines.remove(&turn.class);
        }
        if !turn.is_usual() {
            self.unusual.remove(&turn.task);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Turn> + use<> {
        std::mem::take(self).lines.into_values().flatten()
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

    fn pop(line: &mut WaitingLine) -> Option<Turn> {
        line.first().and_then(|first| line.pop_of(first.class()))
    }

    #[test]
    fn a_task_that_comes_back_takes_its_old_turn() {
        let mut line = WaitingLine::default();
        (1..=3).for_each(|n| line.push(turn(n, 0)));
        assert_eq!(pop(&mut line), Some(turn(1, 0)));
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
        let popped = std::iter::from_fn(|| pop(&mut line));
        assert_eq!(tasks(popped), [7, 3, 5, 1, 4, 2, 6]);
    }

    #[test]
    fn a_task_of_any_kind_is_found_by_its_id_and_nothing_is_kept_of_it() {
        let mut line = WaitingLine::default();
        let of_class = turn(4, 0).with_class(ClassId(7));
        [turn(1, 3), turn(2, 0), turn(3, -3), of_class].into_iter().for_each(|turn| line.push(turn));
        assert!(line.remove(TaskId(3)) && line.remove(TaskId(1)) && line.remove(TaskId(2)) && line.remove(TaskId(4)));
        assert!(!line.remove(TaskId(1)));
        assert!(line.is_empty() && line.unusual.is_empty() && line.lines.is_empty() && line.heads.is_empty());
    }

    #[test]
    fn each_class_has_its_first_task_and_the_classes_take_turns_by_these() {
        let mut line = WaitingLine::default();
        let [a, b] = [ClassId(1), ClassId(2)];
        for (task, priority, class) in [(1, 0, a), (2, 0, b), (3, 0, a), (4, 1, b), (5, 0, b)] {
            line.push(turn(task, priority).with_class(class));
        }
        assert_eq!(tasks(line.heads()), [4, 1]);
        assert_eq!(tasks(line.of_class(b)), [4, 2, 5]);
        assert_eq!(line.pop_of(b).map(Turn::task), Some(TaskId(4)));
        assert_eq!(tasks(line.heads()), [1, 2]);
        let gone_through: Vec<u64> = tasks(std::iter::successors(line.head_after(None), |&head| {
            line.pop_of(head.class());
            line.head_after(Some(head))
        }));
        assert_eq!(gone_through, [1, 2, 3, 5]);
        assert_eq!((line.pop_of(a), line.len()), (None, 0));
    }

    #[test]
    fn retries_are_used_up() {
        let twice = Turn::new(TaskId(1), 4, 2);
        let once = twice.again().expect("two are left");
        assert_eq!((once.priority(), once.task()), (4, TaskId(1)));
        assert_eq!(once.again().expect("one is left").again(), None);
    }
}
