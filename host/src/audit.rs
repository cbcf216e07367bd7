//! The audit log: what each task was granted and denied, for the facade crate [`tracing`](https://docs.rs/tracing).
//!
//! Subscribe to the target `isopool::audit`. Each event is one thing that a guest asks for or that its caller grants:
//!
//! | field | holds |
//! |---|---|
//! | `task` | the number of the task; none for a module that was refused |
//! | `module`, `hash` | the plugin: the name that it was loaded by, and the hash of its WebAssembly |
//! | `kind` | `directory`, `variable`, `address`, `arguments`, `host function`, `import` |
//! | `name` | a directory's path in the guest, a variable's name, addresses, the import. Never a value |
//! | `decision` | `granted` or `denied` |
//! | `why` | in some words |
//!
//! What each task is given, and what not, is said at the level `debug` when it is submitted: a program that logs at `info` does not
//! pay for it. What ends a task, or refuses one, is said at `info`: something that is required and not granted, an import that nobody
//! implements, a call of a host function over its limits. A task that a task submits has what its parent has.
//!
//! A module without a [manifest](crate::Manifest) is given what there is, and the log says so (`no manifest`). Nothing is computed
//! while nobody subscribes.

use crate::task::{Decision, GrantKind, ModuleHash, TaskId};
use tracing::Level;

/// The target of every event.
const TARGET: &str = "isopool::audit";

/// Whether anybody wants to know what tasks are given.
pub(crate) fn is_heard() -> bool {
    tracing::event_enabled!(target: TARGET, Level::DEBUG)
}

/// Whose the decisions are.
#[derive(Clone, Copy)]
pub(crate) struct Plugin<'a> {
    pub(crate) module: &'a str,
    pub(crate) hash: ModuleHash,
}

/// What a task is given, and what not.
pub(crate) fn given(task: TaskId, plugin: Plugin<'_>, decisions: &[Decision]) {
    let (task, Plugin { module, hash }) = (task.get(), plugin);
    for Decision { kind, name, granted, why } in decisions {
        let decision = word(*granted);
        tracing::debug!(target: TARGET, task, module, %hash, %kind, name, decision, why, "{decision}");
    }
}

/// Something that ends a task, or keeps a module from having any.
pub(crate) fn refused(task: Option<TaskId>, plugin: Plugin<'_>, kind: GrantKind, name: &str, why: &str) {
    let (task, Plugin { module, hash }) = (task.map(TaskId::get), plugin);
    let decision = word(false);
    tracing::info!(target: TARGET, task, module, %hash, %kind, name, decision, why, "{decision}");
}

fn word(granted: bool) -> &'static str {
    if granted { "granted" } else { "denied" }
}
