//! The shared objects that this worker has mapped for its tasks and its native initializer.

use super::exit::WorkerError;
use crate::sync::{ProcessMark, SharedObject};
use crate::task::ObjectSpec;
use isopool_guest::sync::{Object, ObjectId};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Objects by name.
#[derive(Debug, Default)]
pub(super) struct Objects(HashMap<ObjectId, Arc<SharedObject>>);

impl Objects {
    /// Maps an object. Its descriptor is not needed after that.
    pub(super) fn add(
        &mut self,
        id: ObjectId,
        spec: ObjectSpec,
        holder: ProcessMark,
        file: Option<OwnedFd>,
    ) -> Result<(), WorkerError> {
        let file = file.ok_or(WorkerError::OutOfFiles("a shared object"))?;
        holder.adopt();
        let object = SharedObject::open(id, spec, file.as_fd())
            .map_err(|source| WorkerError::Setup { step: "map a shared object", source })?;
        self.0.insert(id, Arc::new(object));
        Ok(())
    }

    pub(super) fn forget(&mut self, id: ObjectId) {
        self.0.remove(&id);
    }

    /// What one task, or the native initializer, may use.
    pub(super) fn of_task(&self, ids: &[ObjectId]) -> Result<TaskObjects, WorkerError> {
        let find = |id| self.0.get(id).map(Arc::clone);
        let objects = ids.iter().map(find).collect::<Option<_>>();
        objects.map(TaskObjects).ok_or(WorkerError::Protocol("a task with an object that was not shared"))
    }
}

/// The objects of the task, or native initializer, that runs. What it still holds when it ends is given back, however it ends; when it ends with
/// the process, the caller does that.
pub(super) struct TaskObjects(Vec<Arc<SharedObject>>);

impl TaskObjects {
    /// As the engine takes them.
    pub(super) fn for_guest(&self) -> Vec<Arc<dyn Object>> {
        self.0.iter().map(|object| Arc::clone(object) as Arc<dyn Object>).collect()
    }

    /// As a native function takes them.
    pub(super) fn for_native(&self) -> Vec<Arc<SharedObject>> {
        self.0.clone()
    }
}

impl Drop for TaskObjects {
    fn drop(&mut self) {
        // Nobody but the initializer and tasks holds anything here, and one runs at a time.
        self.0.iter().for_each(|object| object.take_from(ProcessMark::current()));
    }
}
