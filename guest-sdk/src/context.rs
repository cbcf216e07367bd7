//! What it does: says where a task runs. Takes from: the worker, through the `host` import. Hands to: guest code.
//! Never: changes anything.

/// Where a task runs: what [`context`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskContext {
    /// The task's number; unique for the executor that it was submitted to.
    pub task_id: u64,
    /// Which of the executor's workers runs it: `0 <= worker_index < max_workers`, stable for the life of a worker.
    pub worker_index: u32,
}

/// Where the running task runs.
///
/// Outside a sandbox, when a task's function is called as the ordinary function it also is (in a unit test, say), both
/// numbers are 0.
///
/// ```
/// use isopool_guest::{TaskContext, context};
///
/// let TaskContext { task_id, worker_index, .. } = context();
/// assert_eq!((task_id, worker_index), (0, 0)); // this is no sandbox
/// ```
#[must_use]
pub fn context() -> TaskContext {
    #[cfg(target_family = "wasm")]
    {
        crate::wasm::task_context()
    }
    #[cfg(not(target_family = "wasm"))]
    {
        TaskContext { task_id: 0, worker_index: 0 }
    }
}
