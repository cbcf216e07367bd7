//! The file and its bounds, without a pool.

use super::contents::{Answer, Contents};
use super::file::{Bundle, parse, write};
use super::recording::{Calls, Recording};
use super::writer::ONE_AT_A_TIME;
use super::{BundleWriter, Ending};
use crate::error::{TaskError, TaskRef, TimeLimit};
use crate::limits::{
    MAX_BUNDLE_ARGUMENT_BYTES, MAX_BUNDLE_DESCRIPTION_BYTES, MAX_BUNDLE_HOST_CALL_BYTES, MAX_BUNDLE_MODULE_BYTES,
    MAX_WAITING_BUNDLES,
};
use crate::module::Source;
use crate::task::{HostFault, HostFaultKind, ModuleHash, TaskId};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn contents() -> Contents {
    Contents {
        versions: "isopool".to_owned(),
        written_at: 0,
        task: 7,
        tenant: None,
        module: "numbers".to_owned(),
        module_hash: ModuleHash::of(b"").to_string(),
        function: "add".to_owned(),
        codec: "bincode".to_owned(),
        seed: Some(7),
        execution: crate::executor::Execution::Speed,
        interruption: crate::executor::Interruption::Kill,
        overflow: crate::executor::Overflow::Drop,
        reuse: crate::executor::Reuse::Never,
        limits: Vec::new(),
        own_limits: Vec::new(),
        max_argument_bytes: 1,
        max_result_bytes: 1,
        max_host_function_calls: 1,
        max_host_function_bytes: 1,
        time_limit: None,
        deadline: None,
        environment: Vec::new(),
        arguments: Vec::new(),
        directories: Vec::new(),
        addresses: Vec::new(),
        shared_objects: 0,
        initializer: None,
        argument_bytes: 0,
        module_bytes: None,
        host_calls: Vec::new(),
        host_calls_cut: false,
        message: String::new(),
        ending: Ending::TimedOut { at_deadline: false },
    }
}

/// A recording of a task with this module and these calls.
fn recording(wasm: usize, argument: usize, calls: Calls, directory: &Path) -> Arc<Recording> {
    let wasm = Arc::new(vec![0; wasm]);
    Arc::new(Recording {
        task: 7,
        describe: Box::new(|| (contents(), Vec::new())),
        source: Source::Loaded { name: "numbers".into(), hash: ModuleHash::of(b""), wasm },
        argument: Arc::new(vec![0; argument]),
        writer: Arc::new(BundleWriter::new(directory).expect("it is there")),
        calls: Mutex::new(calls),
    })
}

/// As it is written.
fn recorded(wasm: usize, calls: Calls) -> Bundle {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = recording(wasm, 0, calls, directory.path());
    recording.bundle(Ending::TimedOut { at_deadline: false }, "it was late".to_owned())
}

#[test]
fn what_is_written_is_what_is_read() {
    let mut calls = Calls::default();
    calls.called("a#b", b"one");
    calls.answered(Ok(b"two"));
    calls.called("a#c", b"");
    calls.answered(Err(&HostFault::new("a#c", HostFaultKind::Failed, "no\nmore")));
    calls.called("a#d", b"three");
    let bundle = recorded(100, calls);
    assert_eq!(bundle.contents.host_calls[0].answer, Some(Answer::Returned { bytes: 3 }));
    assert_eq!(bundle.contents.host_calls[2].answer, None, "its task ended first");
    let file = write(&bundle).expect("it is small");
    assert_eq!(parse(&file), Ok(bundle));
}

#[test]
fn a_file_with_any_byte_changed_or_missing_is_refused() {
    let file = write(&recorded(10, Calls::default())).expect("it is small");
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 4;
        assert!(parse(&changed).is_err(), "{place}");
        assert!(parse(&file[..place]).is_err(), "{place}");
    }
}

#[test]
fn lengths_that_the_bytes_do_not_have_are_refused() {
    for argument_bytes in [1, usize::MAX] {
        let mut bundle = recorded(0, Calls::default());
        bundle.contents.argument_bytes = argument_bytes;
        let refused = parse(&write(&bundle).expect("it is small")).expect_err("it has no such argument");
        assert_eq!(refused, "it is damaged: a part of it is missing");
    }
    let mut bundle = recorded(0, Calls::default());
    bundle.argument = b"more".to_vec();
    let refused = parse(&write(&bundle).expect("it is small")).expect_err("it has more than it says");
    assert_eq!(refused, "it is damaged: 4 bytes are left over");
}

// limit: MAX_BUNDLE_MODULE_BYTES
#[test]
fn a_module_that_is_too_large_is_left_out() {
    assert!(recorded(MAX_BUNDLE_MODULE_BYTES, Calls::default()).module.is_some());
    let bundle = recorded(MAX_BUNDLE_MODULE_BYTES + 1, Calls::default());
    assert_eq!((bundle.module, bundle.contents.module_bytes), (None, None));
}

// limit: MAX_BUNDLE_ARGUMENT_BYTES
#[test]
fn an_argument_that_is_too_large_leaves_no_bundle() {
    let mut bundle = recorded(0, Calls::default());
    bundle.argument = vec![0; MAX_BUNDLE_ARGUMENT_BYTES + 1];
    let refused = write(&bundle).expect_err("it is too large");
    assert_eq!(refused, "its argument has 67108865 bytes, the limit is 67108864");

    let directory = tempfile::tempdir().expect("a directory");
    for (argument, files) in [(MAX_BUNDLE_ARGUMENT_BYTES + 1, 0), (1, 1)] {
        let recording = recording(0, argument, Calls::default(), directory.path());
        recording.ended(&Err(late()));
        assert_eq!(recording.writer.wait_for(PATIENCE), 0);
        assert_eq!(std::fs::read_dir(directory.path()).expect("it is there").count(), files);
    }
}

/// More than a disk needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A failure.
fn late() -> TaskError {
    let task = TaskRef::new(TaskId(7), "numbers".into(), ModuleHash::of(b""), "add".into());
    TaskError::TimedOut { task, limit: Duration::from_secs(1), which: TimeLimit::Run }
}

#[test]
fn no_more_failures_wait_to_be_written_than_may_and_nobody_waits_for_them_for_ever() {
    let directory = tempfile::tempdir().expect("a directory");
    let recording = recording(0, 0, Calls::default(), directory.path());
    let held = ONE_AT_A_TIME.lock();
    (0..MAX_WAITING_BUNDLES + 10).for_each(|_| recording.ended(&Err(late())));
    let waiting = recording.writer.wait_for(Duration::ZERO);
    assert!(
        [MAX_WAITING_BUNDLES, MAX_WAITING_BUNDLES + 1].contains(&waiting),
        "one may be in the thread's hand: {waiting}"
    );
    drop(held);
    assert_eq!(recording.writer.wait_for(PATIENCE), 0);
}

// limit: MAX_BUNDLE_DESCRIPTION_BYTES
#[test]
fn a_description_that_is_too_long_leaves_no_bundle() {
    let mut bundle = recorded(0, Calls::default());
    bundle.contents.arguments.push("a".repeat(MAX_BUNDLE_DESCRIPTION_BYTES));
    let refused = write(&bundle).expect_err("it is too long");
    assert!(refused.starts_with("its description has ") && refused.ends_with("the limit is 8388608"), "{refused}");
}

// limit: MAX_BUNDLE_HOST_CALL_BYTES
#[test]
fn calls_are_kept_while_there_is_room_for_their_bytes() {
    let half = vec![0; MAX_BUNDLE_HOST_CALL_BYTES / 2];
    let mut calls = Calls::default();
    calls.called("a#b", &half);
    calls.answered(Ok(&half));
    calls.called("a#c", b"");
    calls.answered(Ok(b"x"));
    let bundle = recorded(0, calls);
    assert_eq!(bundle.calls, [(half.clone(), half)], "the call whose answer has no room is no call without an answer");
    assert!(bundle.contents.host_calls_cut);
}
