//! `isopool replay` from outside: what it prints, and its exit codes.

#![cfg(feature = "cli")]

use guest_basic::crash::trap_unreachable;
use guest_basic::environment::random;
use isopool::{Executor, ExecutorBuilder, IntoTask, Shutdown};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The bundle of a task that fails.
fn bundle<T: IntoTask>(builder: ExecutorBuilder, task: T, directory: &Path) -> PathBuf {
    let executor = builder.max_workers(1).crash_bundles(directory).build().expect("builds");
    let future = executor.submit(task).expect("submits");
    executor.shutdown(Shutdown::Finish);
    assert!(future.done());
    fs::read_dir(directory).expect("it is there").next().expect("it has failed").expect("it is read").path()
}

fn replay(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command
        .arg("replay")
        .args(arguments)
        .env("ISOPOOL_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_failure_comes_again_with_its_backtrace_and_the_exit_code_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = bundle(Executor::builder().deterministic(7), trap_unreachable::task(), directory.path());
    let (code, out, err) = replay(&[&file]);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(out.starts_with("recorded: task 0 (crash::trap_unreachable in "), "{out}");
    assert!(out.contains("\nreplayed: task 0 (crash::trap_unreachable in "), "{out}");
    assert_eq!(out.matches("the guest trapped: ").count(), 2, "{out}");
    assert!(out.lines().filter(|line| line.starts_with("  ")).count() >= 4, "backtraces: {out}");
    assert!(out.ends_with("same outcome\n"), "{out}");
}

#[test]
fn another_outcome_has_an_exit_code_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    // It asked for time that it had not, and has more now.
    let task = guest_basic::resources::compute_ms::task(200).into_task();
    let file = bundle(Executor::builder(), task.time_limit(std::time::Duration::from_millis(20)), directory.path());
    let (code, out, err) = replay(&[&file, Path::new("--timeout"), Path::new("3600")]);
    assert_eq!((code, &*err), (Some(9), "isopool: the task ended otherwise than its crash bundle says\n"), "{out}");
    assert!(out.starts_with("note: it did not run in deterministic mode"), "{out}");
}

#[test]
fn what_is_no_bundle_and_what_is_not_its_module_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = bundle(Executor::builder().deterministic(7), trap_unreachable::task(), directory.path());
    let other = directory.path().join("other");
    fs::write(&other, random::task().module.wasm.split_at(8).0).expect("it is written");
    let (code, _, err) = replay(&[&other]);
    assert_eq!(code, Some(6));
    assert!(err.ends_with("it is no crash bundle of isopool\n"), "{err}");
    let (code, _, err) = replay(&[&file, Path::new("--module"), &other]);
    assert_eq!(code, Some(6));
    assert!(err.starts_with("isopool: the module is another one: its hash is "), "{err}");
    let (code, _, err) = replay(&[&file, Path::new("--module"), Path::new("/nonexistent")]);
    assert_eq!(code, Some(6));
    assert!(err.starts_with("isopool: cannot read /nonexistent: "), "{err}");
}
