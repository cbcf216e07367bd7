//! Whose tasks have begun, as the tests of the state machine say it.

use super::state::Claims;
use crate::task::{TaskId, WorkerId};
use std::collections::BTreeSet;

/// What has begun; everything else can be taken back.
#[derive(Default)]
pub(super) struct Begun(pub(super) BTreeSet<TaskId>);

impl Claims for Begun {
    fn reclaim(&mut self, _: WorkerId, task: TaskId) -> bool {
        !self.0.contains(&task)
    }

    fn has_begun(&mut self, _: WorkerId, task: TaskId) -> bool {
        self.0.contains(&task)
    }
}
