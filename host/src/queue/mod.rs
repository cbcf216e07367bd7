//! What it does: the waiting line: tasks that were submitted and not sent to a worker.
//! Takes from: dispatcher::state. Hands to: dispatcher::state.
//! Never: blocks; knows that workers exist.

mod waiting_line;

pub(crate) use waiting_line::{Turn, WaitingLine};
