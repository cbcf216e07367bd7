//! Which task was submitted by which. Pure, as the rest of the state.

use crate::queue::Turn;
use crate::task::TaskId;
use std::collections::{BTreeMap, HashMap};

/// Tasks that have not ended and are children, or have children that have not ended.
#[derive(Debug, Default)]
pub(super) struct Family {
    parents: HashMap<TaskId, TaskId>,
    children: HashMap<TaskId, BTreeMap<TaskId, Turn>>,
}

impl Family {
    pub(super) fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.children.is_empty()
    }

    pub(super) fn born(&mut self, child: Turn, parent: TaskId) {
        self.parents.insert(child.task(), parent);
        self.children.entry(parent).or_default().insert(child.task(), child);
    }

    pub(super) fn parent(&self, child: TaskId) -> Option<TaskId> {
        self.parents.get(&child).copied()
    }

    /// The turn of a child that has not ended.
    pub(super) fn turn(&self, child: TaskId) -> Option<Turn> {
        self.children.get(&self.parent(child)?)?.get(&child).copied()
    }

    /// The children of a task that have not ended, the eldest first.
    pub(super) fn children(&self, parent: TaskId) -> impl Iterator<Item = Turn> {
        self.children.get(&parent).into_iter().flat_map(BTreeMap::values).copied()
    }

    /// A task has ended; gives its children that have not.
    pub(super) fn ended(&mut self, task: TaskId) -> Vec<TaskId> {
        if let Some(parent) = self.parents.remove(&task)
            && let Some(siblings) = self.children.get_mut(&parent)
        {
            siblings.remove(&task);
            if siblings.is_empty() {
                self.children.remove(&parent);
            }
        }
        self.left_by(task)
    }

    /// The children that a task leaves behind: it is not their parent any more.
    pub(super) fn left_by(&mut self, task: TaskId) -> Vec<TaskId> {
        let children: Vec<TaskId> = self.children.remove(&task).unwrap_or_default().into_keys().collect();
        children.iter().for_each(|child| _ = self.parents.remove(child));
        children
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_those_who_have_ended() {
        let mut family = Family::default();
        let [root, first, second, grandchild] = [0, 1, 2, 3].map(TaskId);
        let turn = |task| Turn::new(task, 5, 0);
        family.born(turn(first), root);
        family.born(turn(second), root);
        family.born(turn(grandchild), first);
        assert_eq!(family.children(root).collect::<Vec<_>>(), [turn(first), turn(second)]);
        assert_eq!((family.turn(grandchild), family.turn(root)), (Some(turn(grandchild)), None));
        assert_eq!(family.ended(first), [grandchild]);
        assert_eq!(family.parent(grandchild), None, "an orphan");
        assert_eq!(family.ended(root), [second]);
        assert!(family.ended(second).is_empty() && family.ended(grandchild).is_empty());
        assert!(family.is_empty());
    }
}
