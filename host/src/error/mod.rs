//! What it does: the errors that users see.
//! Takes from: task. Hands to: every room.
//! Never: decides anything.

mod broken;
mod module;
mod panic;
mod pool;
mod quarantine;
mod task;

pub(crate) use broken::signal_name;
pub use broken::{BrokenCause, BrokenProcessPool};
pub use module::{ModuleError, ModuleErrorKind};
pub(crate) use panic::panic_text;
pub use pool::{Error, ErrorKind};
pub use quarantine::Quarantine;
pub use task::{TaskError, TaskRef, TimeLimit, WorkerRef};
