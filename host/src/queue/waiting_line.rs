//! Tasks in their turn: the most urgent first, and those that are as urgent in the order of their submission. One line for
//! each class, because a worker takes tasks of one class only.

use crate::task::{ClassId, ModuleNumber, TaskId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::{Duration, Instant};

/// A task as the state machine knows it. Ordered by its turn: what is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    priority: Reverse<i32>,
    task: TaskId,
    retries: u32,
    time_limit: Option<Duration>,
    deadline: Option<Instant>,
    class: ClassId,
    module: ModuleNumber,
}

impl Turn {
    /// `retries`: how often it may be run again after its worker was lost.
    pub(crate) fn new(task: TaskId, priority: i32, retries: u32) -> Self {
        let (class, module) = Default::default();
        Self { priority: Reverse(priority), task, retries, time_limit: None, deadline: None, class, module }
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

    /// Which workers may run it.
    pub(crate) fn with_class(self, class: ClassId) -> Self {
        Self { class, ..self }
    }

    /// What it is a function of.
    pub(crate) fn with_module(self, module: ModuleNumber) -> Self {
        Self { module, ..self }
    }

    pub(crate) fn module(self) -> ModuleNumber {
        self.module
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
    /// Those of the executor's own class: most pools know no other, and pay for no other.
    own: BTreeSet<Turn>,
    /// Those of other classes; none of these lines is empty.
    others: BTreeMap<ClassId, BTreeSet<Turn>>,
    /// The first of each of these lines.
    heads: BTreeSet<Turn>,
    /// Where those are to be found that are not of the usual kind.
    unusual: HashMap<TaskId, (i32, ClassId)>,
    len: usize,
}

const OWN: ClassId = ClassId(0);

impl WaitingLine {
    pub(crate) fn push(&mut self, turn: Turn) {
        if !turn.is_usual() {
            self.unusual.insert(turn.task, (turn.priority(), turn.class));
        }
        let is_new = if turn.class == OWN { self.own.insert(turn) } else { self.push_other(turn) };
        self.len += usize::from(is_new);
    }

    fn push_other(&mut self, turn: Turn) -> bool {
        let line = self.others.entry(turn.class).or_default();
        let head = line.first().copied();
        if head.is_none_or(|head| turn < head) {
            head.map(|head| self.heads.remove(&head));
            self.heads.insert(turn);
        }
        line.insert(turn)
    }

    /// The one that is next, of whatever class.
    pub(crate) fn first(&self) -> Option<Turn> {
        self.head_after(None)
    }

    /// The first of each class, those of others than the executor's own in their turn.
    pub(crate) fn heads(&self) -> impl Iterator<Item = Turn> {
        self.own.first().into_iter().chain(&self.heads).copied()
    }

    /// The first of these that comes after a turn; the very first for `None`. So all of them can be gone through while some
    /// are taken: what takes the place of one that was taken comes after it.
    pub(crate) fn head_after(&self, turn: Option<Turn>) -> Option<Turn> {
        let after = turn.map_or(Bound::Unbounded, Bound::Excluded);
        let own = self.own.first().filter(|&&own| turn.is_none_or(|turn| turn < own));
        own.into_iter().chain(self.heads.range((after, Bound::Unbounded)).next()).min().copied()
    }

    fn line(&self, class: ClassId) -> Option<&BTreeSet<Turn>> {
        if class == OWN { Some(&self.own) } else { self.others.get(&class) }
    }

    /// The tasks of one class, in their turn.
    pub(crate) fn of_class(&self, class: ClassId) -> impl Iterator<Item = Turn> {
        self.line(class).into_iter().flatten().copied()
    }

    /// The first task of this class.
    pub(crate) fn head_of(&self, class: ClassId) -> Option<Turn> {
        self.line(class)?.first().copied()
    }

    /// Takes the first task of a class.
    pub(crate) fn pop_of(&mut self, class: ClassId) -> Option<Turn> {
        let turn = self.head_of(class)?;
        self.take(turn);
        Some(turn)
    }

    /// Takes a task out of its turn; false if it does not wait here.
    pub(crate) fn remove(&mut self, task: TaskId) -> bool {
        self.find(task).inspect(|&turn| self.take(turn)).is_some()
    }

    /// Takes all tasks of a module.
    pub(crate) fn remove_module(&mut self, module: ModuleNumber) -> Vec<Turn> {
        let all = self.own.iter().chain(self.others.values().flatten());
        let turns: Vec<Turn> = all.copied().filter(|turn| turn.module == module).collect();
        turns.iter().for_each(|&turn| self.take(turn));
        turns
    }

    /// A task that waits here.
    pub(crate) fn find(&self, task: TaskId) -> Option<Turn> {
        let (priority, class) = self.unusual.get(&task).copied().unwrap_or_default();
        let least = Turn::new(task, priority, 0);
        self.line(class)?.range(least..).next().copied().filter(|turn| turn.task == task)
    }

    fn take(&mut self, turn: Turn) {
        let was_here = if turn.class == OWN { self.own.remove(&turn) } else { self.take_other(turn) };
        self.len -= usize::from(was_here);
        if !turn.is_usual() {
            self.unusual.remove(&turn.task);
        }
    }

    fn take_other(&mut self, turn: Turn) -> bool {
        let Some(line) = self.others.get_mut(&turn.class) else { return false };
        let was_here = line.remove(&turn);
        let next = line.first().copied();
        if self.heads.remove(&turn) {
            self.heads.extend(next);
        }
        if next.is_none() {
            self.others.remove(&turn.class);
        }
        was_here
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Turn> + use<> {
        let Self { own, others, .. } = std::mem::take(self);
        own.into_iter().chain(others.into_values().flatten())
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
        assert!(line.is_empty() && line.unusual.is_empty() && line.others.is_empty() && line.heads.is_empty());
    }

    #[test]
    fn each_class_has_its_first_task_and_the_classes_take_turns_by_these() {
        let mut line = WaitingLine::default();
        let [a, b] = [ClassId(1), ClassId(2)];
        for (task, priority, class) in [(1, 0, a), (2, 0, b), (3, 0, a), (4, 1, b), (5, 0, b), (6, 0, OWN), (7, 0, a)] {
            line.push(turn(task, priority).with_class(class));
        }
        assert_eq!((tasks(line.heads()), line.first().map(Turn::task)), (vec![4, 1], Some(TaskId(4))));
        assert_eq!(tasks(line.of_class(b)), [4, 2, 5]);
        assert_eq!(line.pop_of(b).map(Turn::task), Some(TaskId(4)));
        assert_eq!(tasks(line.heads()), [6, 1, 2]);
        let gone_through: Vec<u64> = tasks(std::iter::successors(line.head_after(None), |&head| {
            line.pop_of(head.class());
            line.head_after(Some(head))
        }));
        assert_eq!(gone_through, [1, 2, 3, 5, 6, 7], "as if there were one line");
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
