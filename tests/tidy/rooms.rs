//! Who may import whom.

use super::checkout::{expect_none, sources};
use super::imports::imports;
use super::source::Source;

/// Rooms, or files, that every room may import.
const OPEN_TO_ALL: &[&str] = &["task", "limits", "error", "metrics", "audit", "fault"];

/// What a room may import besides itself and what is open to all. A row for one file of a room stands for the room's own
/// row. `room::Name` lets only that name in.
///
/// The executor names what it configures in `ipc` and `process`: values that it hands to the dispatcher and the modules.
const TABLE: &[(&str, &[&str])] = &[
    // A program like any other: it reaches the library by its public door, `isopool::`, not by `crate::`.
    ("cli", &[]),
    (
        "executor",
        &[
            "dispatcher",
            // What a task that fails leaves, and what is read of that.
            "bundle",
            "host_functions",
            "module",
            "values",
            "sync",
            "context",
            "ipc::WorkerConfig",
            "ipc::InitializerCall",
            "ipc::LogLevel",
            "ipc::RunOptions",
            "ipc::PROTOCOL_VERSION",
            "ipc::Role",
            "ipc::NativeCall",
            "process::Program",
            "process::expect_no_worker",
            "process::expect_input",
            "process::WorkerGroups",
            "native::NativeCall",
            "native::Parts",
            // What a worker is locked in by, and whether it is.
            "sandbox",
            "probe",
        ],
    ),
    // By the executor's public door, like any user, but for `forget`.
    ("registry", &["executor"]),
    ("queue", &[]),
    (
        "dispatcher",
        &[
            "queue",
            "bundle::Recording",
            "host_functions",
            "ipc",
            "process",
            "module",
            "sandbox",
            "sync",
            "sys",
            "executor::Containment",
            "executor::Interruption",
            "context::StartMethod",
        ],
    ),
    ("dispatcher::state", &["queue", "executor::Containment", "executor::Interruption"]),
    (
        "bundle",
        &[
            "module::Source",
            "module::compatibility",
            "executor::Execution",
            "executor::Interruption",
            "executor::Overflow",
            "executor::Reuse",
        ],
    ),
    ("host_functions", &["values"]),
    ("module", &["host_functions", "ipc", "process", "sandbox::NotHardened", "sys", "values"]),
    (
        "ipc",
        &[
            "sandbox",
            "sys",
            "executor::Execution",
            "executor::Interruption",
            "executor::Overflow",
            "executor::Flavour",
            "executor::Reuse",
            "executor::GuestOutput",
        ],
    ),
    // `become_worker`: what a copy of the caller does instead of going on as the caller.
    ("process", &["ipc", "sandbox", "sys", "context::StartMethod", "worker::become_worker"]),
    ("probe", &["ipc", "process", "sandbox", "sys"]),
    ("native", &["ipc", "process", "sync", "sys", "context::ProcessContext"]),
    ("sandbox", &["sys"]),
    (
        "worker",
        &[
            "ipc",
            "engine",
            "native",
            "sandbox",
            "sync",
            "sys",
            "executor::Execution",
            "executor::Interruption",
            "executor::Overflow",
            "executor::Flavour",
            "executor::Reuse",
            "executor::GuestOutput",
        ],
    ),
    (
        "engine",
        &[
            "sys",
            "values",
            "executor::Execution",
            "executor::Interruption",
            "executor::Overflow",
            "executor::Flavour",
            "executor::Reuse",
            "executor::GuestOutput",
        ],
    ),
    ("sync", &["sys", "context::ProcessContext"]),
    ("stream", &["sync"]),
    ("context", &["sys"]),
    ("sys", &[]),
    ("values", &[]),
    ("task", &[]),
    ("error", &["sandbox::Layer"]),
    ("limits", &[]),
    ("metrics", &[]),
    ("audit", &[]),
    ("fault", &[]),
    ("guide", &[]),
];

#[test]
fn every_room_imports_only_what_its_row_allows() {
    let found: Vec<String> = sources("host/src").flat_map(trespasses).collect();
    expect_none(&found, "see the table in tests/tidy/rooms.rs; a new row needs a reason in ARCHITECTURE.md");
}

/// What a file imports and must not.
fn trespasses(source: &Source) -> Vec<String> {
    let Some((room, file)) = home(source) else { return Vec::new() };
    let row = TABLE
        .iter()
        .find(|(name, _)| *name == format!("{room}::{file}"))
        .or_else(|| TABLE.iter().find(|(name, _)| *name == room));
    let Some((row, allowed)) = row else { return vec![format!("{}: no room `{room}`", source.path.display())] };
    let is_allowed = |path: &str| {
        let below = |door: &str| path == door || path.strip_prefix(door).is_some_and(|rest| rest.starts_with("::"));
        below(&room) || allowed.iter().chain(OPEN_TO_ALL).any(|door| below(door))
    };
    imports(source)
        .into_iter()
        .filter(|import| !is_allowed(&import.path))
        .map(|import| format!("{}: `{row}` must not import `crate::{}`", import.place, import.path))
        .collect()
}

/// The room and the first file or folder in it; `None` for the crate's root, which names every room, and for programs.
fn home(source: &Source) -> Option<(String, String)> {
    let mut parts = source.path.strip_prefix("host/src").ok()?.iter().map(|part| part.to_string_lossy());
    let room = parts.next()?.trim_end_matches(".rs").to_owned();
    let file = parts.next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    (room != "lib" && room != "bin").then_some((room, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        trespasses(&Source::new(path.into(), text.to_owned())).len()
    }

    #[test]
    fn row_of_a_room_is_kept() {
        assert_eq!(found("host/src/queue/line.rs", "use crate::task::TaskId; use crate::queue::X;"), 0);
        assert_eq!(found("host/src/queue/line.rs", "use crate::dispatcher::X;"), 1);
        assert_eq!(found("host/src/queue/line.rs", "use crate::{sys, ipc::Y, limits::MIB};"), 2);
        assert_eq!(found("host/src/queue/line.rs", "#[cfg(test)] use crate::sys;"), 0);
        assert_eq!(found("host/src/engine/a.rs", "fn f() { crate::ipc::g() }"), 1);
        assert_eq!(found("host/src/error.rs", "use crate::sys;"), 1);
    }

    #[test]
    fn row_of_a_file_stands_for_the_row_of_its_room() {
        let text = "use crate::ipc::Request; use crate::queue::Queue;";
        assert_eq!(found("host/src/dispatcher/event_loop.rs", text), 0);
        assert_eq!(found("host/src/dispatcher/state.rs", text), 1);
        assert_eq!(found("host/src/dispatcher/state/idle.rs", text), 1);
    }

    #[test]
    fn only_the_names_of_a_narrow_door_pass() {
        assert_eq!(found("host/src/ipc/message.rs", "use crate::executor::{GuestOutput, Reuse};"), 0);
        assert_eq!(found("host/src/ipc/message.rs", "use crate::executor::{Executor, Reuse};"), 1);
        assert_eq!(found("host/src/ipc/message.rs", "use crate::executor::ReuseOther;"), 1);
        assert_eq!(found("host/src/ipc/message.rs", "use crate::executor::*;"), 1);
        assert_eq!(found("host/src/ipc/message.rs", "use crate::TaskId;"), 1, "names come from their room");
    }

    #[test]
    fn room_without_a_row_is_found() {
        assert_eq!(found("host/src/utils/mod.rs", ""), 1);
        assert_eq!(found("host/src/lib.rs", "use crate::anything;"), 0);
    }
}
