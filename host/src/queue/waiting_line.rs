//! Tasks in the order of their submission.

use crate::task::TaskId;
use std::collections::BTreeSet;

/// Tasks that wait, first submitted first. Ids grow with each submission, so a task that comes back (its worker died
/// before it began) takes its old turn again.
#[derive(Debug, Default)]
pub(crate) struct WaitingLine {
    tasks: BTreeSet<TaskId>,
}

impl WaitingLine {
    pub(crate) fn push(&mut self, task: TaskId) {
        self.tasks.insert(task);
    }

    pub(crate) fn pop(&mut self) -> Option<TaskId> {
        self.tasks.pop_first()
    }

    /// Takes a task out of its turn; false if it does not wait here.
    pub(crate) fn remove(&mut self, task: TaskId) -> bool {
        self.tasks.remove(&task)
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Takes all of them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = TaskId> + use<> {
        std::mem::take(&mut self.tasks).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_comes_back_takes_its_old_turn() {
        let mut line = WaitingLine::default();
        (1..=3).for_each(|n| line.push(TaskId(n)));
        assert_eq!(line.pop(), Some(TaskId(1)));
        line.push(TaskId(1));
        assert!(line.remove(TaskId(2)));
        assert!(!line.remove(TaskId(2)));
        assert_eq!(line.drain().collect::<Vec<_>>(), [TaskId(1), TaskId(3)]);
        assert!(line.is_empty());
    }
}
