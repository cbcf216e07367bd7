//! What tasks that fail leave, and that it brings the same failure again.

use crate::host_functions::shop;
use crate::patience::{end_of, error_of, only_worker};
use crate::support::house;
use guest_basic::crash::{exit, spin, stack_overflow, trap_unreachable};
use guest_basic::failure::{fails, panics};
use guest_basic::resources::{allocate, sleep_ms};
use guest_basic::value::{add, big_result};
use guest_host_calls::{lookup, lookup_in_tasks, lookup_often, note_chance, reserve};
use isopool::limits::{MAX_BUNDLE_HOST_CALLS, MAX_BUNDLE_MODULE_BYTES, MAX_CRASH_BUNDLES};
use isopool::{
    CrashBundle, ErrorKind, Executor, ExecutorBuilder, HostError, IntoTask, Limit, Replay, Shutdown, TaskError,
};
use serde::de::DeserializeOwned;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The failure of a task, and where it has left its bundle, if it has.
fn fail<T: IntoTask>(builder: ExecutorBuilder, task: T) -> (TaskError, TempDir)
where
    T::Output: DeserializeOwned,
{
    let directory = tempfile::tempdir().expect("a directory");
    let executor = builder.max_workers(1).crash_bundles(directory.path()).build().expect("builds");
    let error = error_of(&executor.submit(task).expect("submits"));
    executor.shutdown(Shutdown::Finish);
    (error, directory)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is read").path()).collect();
    files.sort();
    files
}

fn only_file(directory: &TempDir) -> PathBuf {
    let files = files(directory.path());
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn read(directory: &TempDir) -> CrashBundle {
    CrashBundle::read(only_file(directory)).expect("it is read")
}

fn replay(bundle: &CrashBundle) -> Replay {
    bundle.replay(Executor::builder(), None).expect("it is replayed")
}

/// The error without its task and its worker, which are other ones.
fn words(error: &TaskError) -> String {
    let text = error.to_string();
    let (_, rest) = text.split_once(')').expect("it names its task");
    rest.split_once("): ").map_or(rest, |(_, rest)| rest).to_owned()
}

fn comes_again<T: IntoTask>(builder: ExecutorBuilder, task: T)
where
    T::Output: DeserializeOwned,
{
    let (error, directory) = fail(builder, task);
    let bundle = read(&directory);
    assert_eq!(bundle.message(), error.to_string());
    let again = replay(&bundle);
    assert!(again.is_same && again.divergence.is_none(), "{error}\n{again:?}");
    assert_eq!(words(&again.result.expect_err("it fails again")), words(&error));
}

fn deterministic() -> ExecutorBuilder {
    Executor::builder().deterministic(7)
}

#[test]
fn traps_panics_and_limits_come_again_with_the_same_words_and_frames() {
    let _house = house();
    comes_again(deterministic(), trap_unreachable::task());
    comes_again(deterministic(), stack_overflow::task());
    comes_again(deterministic(), exit::task(3));
    comes_again(deterministic(), panics::task("on purpose".into()));
    comes_again(deterministic().limit(Limit::Fuel, 1_000_000), spin::task());
    comes_again(deterministic(), allocate::task(64 << 20).into_task().limit(Limit::MemoryBytes, 16 << 20));
    comes_again(deterministic().max_result_bytes(1000), big_result::task(2000));
}

#[test]
fn twenty_replays_give_the_same_outcome() {
    let _house = house();
    let (_, directory) = fail(deterministic(), trap_unreachable::task());
    let bundle = read(&directory);
    let first = replay(&bundle).result.expect_err("it traps");
    assert!(first.to_string().contains("trap_unreachable"), "a backtrace: {first}");
    for _ in 1..20 {
        let again = replay(&bundle);
        assert!(again.is_same);
        assert_eq!(words(&again.result.expect_err("it traps")), words(&first));
    }
}

#[test]
fn a_task_that_ran_out_of_time_does_so_again() {
    let _house = house();
    let (error, directory) = fail(deterministic(), spin::task().into_task().time_limit(Duration::from_millis(50)));
    assert!(matches!(error, TaskError::TimedOut { .. }), "{error}");
    assert!(replay(&read(&directory)).is_same);
}

#[test]
fn host_functions_answer_from_the_log_and_are_not_called() {
    let _house = house();
    let calls = std::sync::Arc::new(AtomicU64::new(0));
    let counts = std::sync::Arc::clone(&calls);
    let counted = move |key: String| match counts.fetch_add(1, Ordering::SeqCst) {
        3 => Err::<Option<u32>, HostError>(format!("there is no more {key}").into()),
        number => Ok(Some(number as u32)),
    };
    let builder = shop().deterministic(7).host_function("test:host/store#lookup", counted);
    let (error, directory) = fail(builder, lookup_often::task("tea".into(), 10));
    assert!(error.to_string().ends_with("which failed: there is no more tea"), "{error}");
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let bundle = read(&directory);
    for _ in 0..20 {
        let again = replay(&bundle);
        assert!(again.is_same && again.divergence.is_none(), "{again:?}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4, "the caller is asked nothing");
}

#[test]
fn a_host_function_that_panicked_or_never_answered_does_so_again() {
    let _house = house();
    let panics = |_: String| -> Result<Option<u32>, HostError> { panic!("on purpose") };
    let builder = shop().deterministic(7).host_function("test:host/store#lookup", panics);
    let (_, directory) = fail(builder, lookup::task("tea".into()));
    assert!(replay(&read(&directory)).is_same);

    let never = |_: isopool::HostCall, _: String| std::future::pending::<Result<Option<u32>, HostError>>();
    let builder = shop().deterministic(7).async_host_function("test:host/store#lookup", never);
    let task = lookup::task("tea".into()).into_task().time_limit(Duration::from_millis(50));
    let (error, directory) = fail(builder, task);
    assert!(matches!(error, TaskError::TimedOut { .. }), "{error}");
    let again = replay(&read(&directory));
    assert!(again.is_same && again.divergence.is_none(), "{again:?}");
}

#[test]
fn a_call_that_is_not_the_one_in_the_log_is_told_with_both() {
    let _house = house();
    // Without deterministic mode chance is another one in each run.
    let (_, directory) = fail(shop(), note_chance::task());
    let bundle = read(&directory);
    assert!(bundle.reservations()[0].starts_with("it did not run in deterministic mode"), "{bundle:?}");
    let again = replay(&bundle);
    assert!(!again.is_same);
    let divergence = again.divergence.expect("the text is another one");
    assert_eq!(divergence.call, 1);
    assert_ne!(divergence.recorded, divergence.replayed);
    for call in [&divergence.recorded, &divergence.replayed] {
        assert!(call.starts_with("`test:host/store@0.1.0#note` with "), "{call}");
    }

    let (_, directory) = fail(shop().deterministic(7), note_chance::task());
    assert!(replay(&read(&directory)).is_same, "with a seed it is the same one");
}

#[test]
fn calls_of_nested_tasks_are_not_in_the_log_and_the_replay_says_so() {
    let _house = house();
    let calls = AtomicU64::new(0);
    let fails = move |_: String| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(Some(1)),
        _ => Err::<Option<u32>, HostError>("no more".into()),
    };
    let builder = shop().deterministic(7).host_function("test:host/store#lookup", fails);
    let (error, directory) = fail(builder, lookup_in_tasks::task("tea".into(), 1));
    assert!(matches!(error, TaskError::HostFunction { .. }), "{error}");
    let divergence = replay(&read(&directory)).divergence.expect("the child's call is not recorded");
    assert_eq!(divergence.recorded, "not recorded, as none of a nested task's is");
}

#[test]
fn what_returned_or_was_ended_by_its_caller_leaves_nothing() {
    let _house = house();
    let directory = tempfile::tempdir().expect("a directory");
    let executor = deterministic().max_workers(1).crash_bundles(directory.path()).build().expect("builds");
    assert_eq!(end_of(&executor.submit(add::task(2, 3)).expect("submits")), Ok(5));
    error_of(&executor.submit(fails::task()).expect("submits"));
    let cancelled = executor.submit(spin::task()).expect("submits");
    only_worker(&executor);
    cancelled.cancel();
    error_of(&cancelled);
    let _shut_down = executor.submit(sleep_ms::task(3_600_000)).expect("submits");
    executor.shutdown(Shutdown::Kill);
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

// limit: MAX_CRASH_BUNDLES
#[test]
fn a_directory_gets_no_more_bundles_than_it_may_hold_and_they_are_this_user_s_alone() {
    let _house = house();
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("new");
    let leave = |failures| {
        let executor = deterministic().max_workers(1).crash_bundles(&directory).build().expect("builds");
        for _ in 0..failures {
            error_of(&executor.submit(trap_unreachable::task()).expect("submits"));
        }
        executor.shutdown(Shutdown::Finish);
    };
    // The line of those that wait to be written is shorter than a directory's room.
    (0..MAX_CRASH_BUNDLES + 4).step_by(4).for_each(|_| leave(4));
    let files = files(&directory);
    assert_eq!(files.len(), MAX_CRASH_BUNDLES);
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in files {
        assert_eq!(mode(&file), 0o600);
        CrashBundle::read(file).expect("each is whole");
    }
}

// limit: MAX_BUNDLE_HOST_CALLS
#[test]
fn a_bundle_holds_no_more_calls_than_it_may_and_its_replay_says_so() {
    let _house = house();
    let most = MAX_BUNDLE_HOST_CALLS as u64;
    let calls = AtomicU64::new(0);
    let counted = move |_: String| match calls.fetch_add(1, Ordering::SeqCst) {
        number if number > most => Err::<Option<u32>, HostError>("too often".into()),
        _ => Ok(Some(1)),
    };
    let builder = shop().deterministic(7).host_function("test:host/store#lookup", counted);
    let (_, directory) = fail(builder, lookup_often::task("tea".into(), most + 10));
    let again = replay(&read(&directory));
    let divergence = again.divergence.expect("the log ends");
    assert_eq!(
        (divergence.call, &*divergence.recorded),
        (MAX_BUNDLE_HOST_CALLS + 1, "not recorded, being one too many")
    );
}

#[test]
fn values_of_variables_are_not_in_it_and_can_be_given_again() {
    let _house = house();
    let builder = deterministic().env("TOKEN", "a-great-secret").env("OTHER", "hidden");
    let (_, directory) = fail(builder, panics::task("on purpose".into()));
    let bytes = fs::read(only_file(&directory)).expect("it is read");
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("TOKEN") && !has("a-great-secret") && !has("hidden"));
    let bundle = read(&directory);
    assert_eq!(bundle.reservations(), ["values of variables are not in it; it had OTHER, TOKEN"]);
    let again = bundle.replay(Executor::builder().env("TOKEN", "another"), None).expect("it is replayed");
    assert!(again.is_same);
}

#[test]
fn an_initializer_is_replayed_too() {
    let _house = house();
    let set = guest_basic::state::set_global::task(7);
    comes_again(deterministic().initializer(set), guest_basic::state::panics_with_global::task());
}

#[test]
fn bundles_that_cannot_be_replayed_say_why() {
    let _house = house();
    let (_, directory) = fail(deterministic(), trap_unreachable::task());
    let whole = fs::read(only_file(&directory)).expect("it is read");
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("bundle");
    let mut said = String::new();
    let mut tell = |what: &str, error: isopool::Error| {
        assert_eq!(error.kind(), ErrorKind::Bundle);
        let error = error.to_string().replace(&path.display().to_string(), "PATH");
        said += &format!("{what}: {error}\n");
    };
    let mut refused = |what: &str, bytes: &[u8]| {
        fs::write(&path, bytes).expect("it is written");
        tell(what, CrashBundle::read(&path).expect_err(what));
    };
    refused("empty", b"");
    refused("another file", b"\0asm");
    let text = String::from_utf8_lossy(&whole[..100]).into_owned();
    let other = [text.lines().next().expect("a line").replace("format 1", "format 2").as_bytes(), b"\nx"].concat();
    refused("another version", &other);
    refused("truncated", &whole[..whole.len() - 1]);
    refused("cut in its first lines", &whole[..50]);
    let mut damaged = whole.clone();
    *damaged.last_mut().expect("it has bytes") ^= 1;
    refused("damaged", &damaged);

    fs::write(&path, &whole).expect("it is written");
    let bundle = CrashBundle::read(&path).expect("it is whole");
    let other = bundle.replay(Executor::builder(), Some(b"\0asm".to_vec())).expect_err("another module");
    let hash = bundle.module_hash().to_owned();
    let hash = |error: isopool::Error| error.to_string().replace(&hash, "HASH");
    said += &format!("another module: {}\n", hash(other));
    let lock = isopool::sync::lock().expect("made");
    let task = guest_basic::resources::hold_and_spin::task(lock).into_task().time_limit(Duration::from_millis(50));
    let (_, directory) = fail(deterministic(), task);
    let shared = read(&directory).replay(Executor::builder(), None).expect_err("its lock is gone");
    said += &format!("shared objects: {shared}\n");
    insta::assert_snapshot!("bundles_that_cannot_be_replayed", said);
}

/// The guest with so many bytes more, in a section that nobody looks into.
fn padded(wasm: &[u8], bytes: usize) -> Vec<u8> {
    let body = [&[3][..], b"pad", &vec![0; bytes]].concat();
    let (mut padded, mut size) = ([wasm, &[0][..]].concat(), body.len());
    while size >= 0x80 {
        padded.push(size as u8 | 0x80);
        size >>= 7;
    }
    padded.push(size as u8);
    [padded, body].concat()
}

#[test]
fn a_module_that_is_too_large_for_a_bundle_is_asked_for_and_can_be_given() {
    let _house = house();
    let wasm = padded(trap_unreachable::task().module.wasm, MAX_BUNDLE_MODULE_BYTES);
    let directory = tempfile::tempdir().expect("a directory");
    let executor = deterministic().max_workers(1).crash_bundles(directory.path()).build().expect("builds");
    let module = executor.load("large", wasm.clone()).expect("a section more is allowed");
    let function = module.function("crash::trap_unreachable").expect("it is there");
    error_of(&executor.submit(function.call::<_, ()>(())).expect("submits"));
    executor.shutdown(Shutdown::Finish);
    let bundle = read(&directory);
    let missing = bundle.replay(Executor::builder(), None).expect_err("it is not in the bundle");
    assert_eq!(missing.kind(), ErrorKind::Bundle);
    insta::assert_snapshot!(missing.to_string().replace(bundle.module_hash(), "HASH"));
    assert!(bundle.replay(Executor::builder(), Some(wasm)).expect("it is replayed").is_same);
}

#[test]
fn a_file_that_is_too_large_to_be_a_bundle_is_not_read() {
    let _house = house();
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("bundle");
    let file = fs::File::create(&path).expect("it is made");
    // A hole: it takes no room.
    file.set_len(1 << 40).expect("the file system has holes");
    let error = CrashBundle::read(&path).expect_err("it is too large");
    assert!(error.to_string().ends_with("the most that a crash bundle can have"), "{error}");
}

#[test]
fn arguments_and_answers_that_the_guest_handles_come_again_as_well() {
    let _house = house();
    let builder = shop().deterministic(7).max_result_bytes(5);
    let (error, directory) = fail(builder, reserve::task("ale".into(), 1));
    assert!(matches!(error, TaskError::ResultTooLarge { .. }), "{error}");
    assert!(replay(&read(&directory)).is_same, "with the error that the guest got then");
}
