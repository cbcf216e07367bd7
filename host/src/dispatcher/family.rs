//! Which task was submitted by which. Pure, as the rest of the state.

use crate::task::TaskId;
use std::collections::{BTreeSet, HashMap};

/// Tasks that have not ended and are children, or have children that have not ended.
#[derive(Debug, Default)]
pub(super) struct Family {
    parents: HashMap<TaskId, TaskId>,
    children: HashMap<TaskId, BTreeSet<TaskId>>,
}

impl Family {
    pub(super) fn is_empty(&self) -> bool {
        self.parents.is_empty() && self.children.is_empty()
    }

    pub(super) fn born(&mut self, child: TaskId, parent: TaskId) {
        self.parents.insert(child, parent);
        self.children.entry(parent).or_default().insert(child);
    }

    pub(super) fn parent(&self, child: TaskId) -> Option<TaskId> {
        self.parents.get(&child).copied()
    }

    /// The children of a task that have not ended, the eldest first.
    pub(super) fn children(&self, parent: TaskId) -> impl Iterator<Item = TaskId> {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    /// A task has ended; gives its children that have not.
    pub(super) fn ended(&mut self, task: TaskId) -> BTreeSet<TaskId> {
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
    pub(super) fn left_by(&mut self, task: TaskId) -> BTreeSet<TaskId> {
        let children = self.children.remove(&task).unwrap_or_default();
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
        family.born(first, root);
        family.born(second, root);
        family.born(grandchild, first);
        assert_eq!(family.children(root).collect::<Vec<_>>(), [first, second]);
        assert_eq!(family.ended(first), BTreeSet::from([grandchild]));
        assert_eq!(family.parent(grandchild), None, "an orphan");
        assert_eq!(family.ended(root), BTreeSet::from([second]));
        assert!(family.ended(second).is_empty() && family.ended(grandchild).is_empty());
        assert!(family.is_empty());
    }
}
