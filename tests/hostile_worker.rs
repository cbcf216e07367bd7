//! Workers that lie on the channel (see `liar/main.rs`): the caller never panics, never hangs, and never takes a lie for
//! an answer.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, only_worker, until};
use crate::support::{self, memory};
use guest_basic::value;
use isopool::{
    BrokenCause, Error, ErrorKind, Executor, ExecutorBuilder, Shutdown, StartMethod, TaskError, TaskFuture, limits,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lies of a worker that has begun a task, each with a part of what its future must say.
const LIES: [(&str, &str); 28] = [
    ("random-bytes", "limit"),
    ("half-header", HANGS),
    ("half-frame", HANGS),
    ("half-payload", HANGS),
    ("huge-message", "a message of 4294967295 bytes is over the limit of"),
    ("huge-payload", "a payload of 18446744073709551615 bytes is over the limit of"),
    ("unknown-flags", "unknown frame flags 0x80000000"),
    ("wrong-task", "it spoke of task 200, which it does not have"),
    ("log-of-another-task", "it spoke of task 200, which it does not have"),
    ("progress-of-another-task", "it spoke of task 200, which it does not have"),
    ("long-progress", "a text on a task's progress is over its limit"),
    ("child-of-another-task", "it spoke of task 200, which it does not have"),
    ("child-with-a-wrong-number", "the number of a child is not the next one"),
    ("long-log", "a text of a log record is over its limit"),
    ("many-logs", "a task has more than 10000 log records"),
    ("long-failure", "a text of an answer is over its limit"),
    ("long-trace", "a text of an answer is over its limit"),
    ("much-output", "the output of a task is over its limit"),
    ("many-children", "a task holds more children, or larger ones, than it may"),
    ("children-without-end", "its task submits others for ever, and never reads what became of them"),
    ("payload-of-the-limit", HANGS),
    ("progress-without-end", HANGS),
    ("host-call-of-another-task", "it spoke of task 200, which it does not have"),
    ("host-call", "a task has called a host function that its module does not import"),
    ("twice-ready", "it sent a reply that nobody had asked for"),
    ("answer-of-a-compiler", "it sent a reply that nobody had asked for"),
    ("closed-channel", "it closed its channel"),
    ("silence", HANGS),
];

/// A worker that says half a sentence and stays cannot be told from one that still speaks: its task runs on, until its
/// caller has enough of it.
const HANGS: &str = "";

/// An executor whose workers tell this lie. Its module comes from the cache: a liar cannot compile.
fn of_liars(lie: &str, max_workers: usize) -> Executor {
    liars(lie, max_workers).build().expect("a liar looks like any other program")
}

fn liars(lie: &str, max_workers: usize) -> ExecutorBuilder {
    let honest = Executor::builder().max_workers(1).build().expect("builds");
    assert_eq!(end_of(&honest.submit(value::add::task(1, 2)).expect("compiles")).expect("adds"), 3);
    honest.shutdown(Shutdown::Finish);
    Executor::builder()
        .max_workers(max_workers)
        .worker_program(env!("CARGO_BIN_EXE_liar"))
        // It is the workers that are bad here, and not the module.
        .quarantine_after(usize::MAX)
        .env("LIE", format!("[{lie}]"))
}

/// What the caller holds, and may not hold much more of after a lie.
struct Footprint {
    bytes: usize,
    descriptors: usize,
}

impl Footprint {
    /// Twice what a liar may leave unread, and what else one frame may hold.
    const MORE_BYTES: usize = 2 * limits::MAX_UNREAD_BYTES + 32 * 1024 * 1024;
    /// Those of a worker and of its replacement.
    const MORE_DESCRIPTORS: usize = 10;

    fn now() -> Self {
        memory::forget_peak();
        Self { bytes: memory::resident_bytes(), descriptors: memory::descriptors() }
    }

    fn check(&self, lie: &str) {
        let (bytes, descriptors) = (memory::peak_bytes(), memory::descriptors());
        assert!(bytes <= self.bytes + Self::MORE_BYTES, "{lie}: from {} bytes to {bytes}", self.bytes);
        assert!(descriptors <= self.descriptors + Self::MORE_DESCRIPTORS, "{lie}: {descriptors} descriptors");
    }
}

fn submit(executor: &Executor) -> TaskFuture<()> {
    executor.submit(value::noop::task()).expect("the module is in the cache")
}

/// That nobody else has noticed anything.
fn check_bystander(bystander: &Executor) {
    let future = bystander.submit(value::add::task(2, 2)).expect("an honest executor goes on");
    assert_eq!(end_of(&future).expect("its worker is honest"), 4);
}

fn check_ended(executor: &Executor) {
    let workers = executor.stats().workers;
    executor.begin_shutdown(Shutdown::Kill);
    assert!(executor.wait_for_shutdown(PATIENCE), "the shutdown hangs");
    assert!(!workers.iter().any(|worker| is_alive(worker.pid)));
}

// limit: MAX_LOG_RECORDS, MAX_PROGRESS_TEXT_BYTES, MAX_CHILDREN, MAX_UNREAD_BYTES
// limit: MAX_MESSAGE_BYTES, MAX_TRACE_ENTRIES, MAX_CAPTURED_OUTPUT_BYTES, MAX_MESSAGE_FRAME_BYTES
#[test]
fn lie_about_a_task_that_has_begun_fails_that_task_with_what_was_wrong() {
    let _house = support::house();
    let bystander = Executor::builder().max_workers(1).build().expect("builds");
    for (lie, said) in LIES.into_iter().filter(|(_, said)| *said != HANGS) {
        let executor = of_liars(lie, 1);
        let before = Footprint::now();
        let future = submit(&executor);
        let error = error_of(&future);
        before.check(lie);
        let broken = error.broken_process_pool().unwrap_or_else(|| panic!("{lie}: {error}"));
        let BrokenCause::Protocol { message } = &broken.cause else { panic!("{lie}: {error}") };
        assert!(message.contains(said), "{lie}: {error}");
        assert_eq!(broken.task.as_ref(), Some(future.task()), "{lie}");
        assert!(broken.worker.is_some_and(|worker| !is_alive(worker.pid)), "{lie}: the liar is gone");
        // Its replacement lies as well, and the pool still goes on.
        assert!(error_of(&submit(&executor)).broken_process_pool().is_some(), "{lie}");
        check_bystander(&bystander);
        check_ended(&executor);
    }
}

#[test]
fn a_child_of_a_liar_is_held_to_the_limits_of_the_executor() {
    let _house = support::house();
    let small = liars("large-child", 1).max_argument_bytes(1000).build().expect("builds");
    let error = error_of(&submit(&small)).to_string();
    assert!(error.contains("a task holds more children, or larger ones, than it may"), "{error}");
    check_ended(&small);
}

#[test]
fn worker_that_never_comes_to_an_end_can_be_cancelled_and_shut_down() {
    let _house = support::house();
    for (lie, _) in LIES.into_iter().filter(|(_, said)| *said == HANGS) {
        let executor = of_liars(lie, 1);
        let before = Footprint::now();
        let future = submit(&executor);
        until("the liar has begun", || future.running());
        if lie == "payload-of-the-limit" || lie == "progress-without-end" {
            // It goes on for a while.
            assert!(future.result_timeout(Duration::from_millis(500)).is_err_and(|error| error.is_wait_timeout()));
        }
        before.check(lie);
        let liar = only_worker(&executor);
        assert!(future.cancel(), "{lie}");
        assert!(error_of(&future).is_cancelled(), "{lie}");
        until("the liar is gone", || !is_alive(liar.pid));
        let next = submit(&executor);
        until("the next one has begun", || next.running());
        check_ended(&executor);
        assert!(error_of(&next).to_string().ends_with("had not ended when its executor was shut down"), "{lie}");
    }
}

#[test]
fn second_answer_for_a_task_is_not_taken() {
    let _house = support::house();
    let executor = of_liars("twice-done", 1);
    for _ in 0..20 {
        end_of(&submit(&executor)).expect("the first answer counts, and the next task has an honest beginning");
    }
    assert!(executor.broken().is_none());
    check_ended(&executor);
}

// limit: CRASH_LOOP_STARTS
#[test]
fn workers_that_lie_before_they_have_begun_anything_break_their_pool_instead_of_coming_back_for_ever() {
    let _house = support::house();
    let bystander = Executor::builder().max_workers(1).build().expect("builds");
    let lies = [
        "before-ready-random-bytes",
        "before-ready-other-protocol",
        "before-ready-wrong-task",
        "before-ready-closed-channel",
        "when-ready-random-bytes",
        "when-ready-twice-ready",
        "when-ready-closed-channel",
        "unclaimed-random-bytes",
        "unclaimed-wrong-task",
        "unclaimed-closed-channel",
    ];
    for lie in lies {
        let executor = of_liars(lie, 2);
        let futures: Vec<_> = (0..20).map(|_| executor.submit(value::noop::task())).collect();
        for future in futures {
            let told = match future {
                Ok(future) => error_of(&future).to_string(),
                // It broke while the last ones were submitted.
                Err(error) => check_broken(error),
            };
            assert!(told.contains("broke the protocol") || told.contains("could be started"), "{lie}: {told}");
        }
        assert!(executor.broken().is_some(), "{lie}");
        check_broken(executor.submit(value::noop::task()).expect_err("it is broken"));
        check_bystander(&bystander);
        check_ended(&executor);
    }
}

fn check_broken(error: Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Broken);
    error.to_string()
}

// behaviour: B34
#[test]
fn answer_of_a_worker_that_dies_right_after_it_is_kept() {
    let _house = support::house();
    for end in ["die", "exit"] {
        let executor = of_liars(&format!("honest-then-{end}"), 1);
        for round in 0..20 {
            end_of(&submit(&executor)).unwrap_or_else(|error| panic!("{end}, round {round}: {error}"));
        }
        check_ended(&executor);
    }
}

// behaviour: B34, B39
#[test]
fn worker_that_dies_in_the_middle_of_an_answer_is_told_by_what_ended_it_and_not_by_the_half_answer() {
    let _house = support::house();
    for words in ["silence", "half-header", "half-frame", "half-payload"] {
        let exited = BrokenCause::Exited { code: 7 };
        let died = BrokenCause::Signaled { signal: nix::sys::signal::Signal::SIGTERM as i32 };
        for (end, cause) in [("exit", exited), ("die", died)] {
            let executor = of_liars(&format!("{words}-then-{end}"), 1);
            for _ in 0..10 {
                let error = error_of(&submit(&executor));
                let broken = error.broken_process_pool().unwrap_or_else(|| panic!("{words}, {end}: {error}"));
                assert_eq!(broken.cause, cause, "{words}, {end}");
            }
            check_ended(&executor);
        }
    }
}

// behaviour: B38
#[test]
fn worker_of_another_build_is_told_as_such() {
    let _house = support::house();
    let executor = of_liars("before-ready-other-protocol", 1);
    let error = error_of(&submit(&executor));
    let told = error.to_string();
    assert!(told.contains("the worker program was built with isopool lie (protocol 10), this program with"), "{told}");
    assert!(told.contains("build both with the same"), "{told}");
    check_ended(&executor);
}

#[test]
fn answer_without_a_claim_harms_nobody_but_its_own_task() {
    let _house = support::house();
    let executor = of_liars("unclaimed-honest-then-go-on", 2);
    for _ in 0..200 {
        end_of(&submit(&executor)).expect("an answer is an answer");
    }
    check_ended(&executor);
}

#[test]
fn answer_that_comes_oddly_or_beside_what_nobody_asked_for_is_an_answer() {
    let _house = support::house();
    let ways = ["by-drops", "with-descriptors", "about-nobody", "with-last-words", "and-scribbling"];
    for way in ways {
        let executor = of_liars(&format!("honest-{way}-then-go-on"), 1);
        let before = Footprint::now();
        for round in 0..20 {
            end_of(&submit(&executor)).unwrap_or_else(|error| panic!("{way}, round {round}: {error}"));
        }
        before.check(way);
        assert!(executor.broken().is_none(), "{way}");
        check_ended(&executor);
    }
}

#[test]
fn tasks_sent_ahead_to_one_that_scribbles_over_its_claims_all_come_to_an_end() {
    let _house = support::house();
    let bystander = Executor::builder().max_workers(1).build().expect("builds");
    let executor = of_liars("honest-and-scribbling-then-go-on", 2);
    let futures: Vec<_> = (0..200).map(|_| submit(&executor)).collect();
    futures.iter().step_by(3).for_each(|future| _ = future.cancel());
    for future in &futures {
        // It says of its own tasks what it likes: that one has begun, so that it must be killed to cancel it.
        match end_of(future) {
            Ok(()) | Err(TaskError::Cancelled { .. }) => {}
            Err(error) => assert!(error.broken_process_pool().is_some(), "{error}"),
        }
        check_bystander(&bystander);
    }
    check_ended(&executor);
}

#[test]
fn answer_for_the_task_of_another_worker_is_not_taken() {
    let _house = support::house();
    let executor = of_liars("answer-of-a-neighbour", 2);
    let futures = [submit(&executor), submit(&executor)];
    let told = futures.map(|future| error_of(&future).to_string());
    assert!(told.iter().any(|told| told.contains("which it does not have")), "{told:?}");
    check_ended(&executor);
}

/// The lies of a compile worker, each with a part of what is said of it.
const COMPILER_LIES: [(&str, &str); 12] = [
    ("random-bytes", "over the limit of"),
    ("closed-channel", "was killed by SIGKILL"),
    ("twice-ready-and-other-build", "it is isopool lie, this program has"),
    ("answer-of-a-worker", "it sent a reply that nobody had asked for"),
    ("payload", "a payload of 1 bytes is over the limit of 0"),
    ("nothing-written", "it said 100 bytes of machine code and wrote 0"),
    ("less-written", "it said 100 bytes of machine code and wrote 99"),
    ("empty", "it said 0 bytes of machine code and wrote 0"),
    ("huge-file", "it said 5368709120 bytes of machine code and wrote 5368709120"),
    ("seventy-thousand-functions", "it lists 70000 functions, the limit is 65536"),
    ("a-manifest-that-leads-out", "\"/in/..\" is no path for a directory in a guest"),
    ("a-manifest-without-end", "it has 20000 bytes, the limit is 16384"),
];

/// A program that is told the lie as an argument: compile workers and fork servers do not know the environment of the guests.
pub(crate) fn program_that_lies(folder: &Path, lie: &str) -> PathBuf {
    let (script, liar) = (folder.join(lie), env!("CARGO_BIN_EXE_liar"));
    fs::write(&script, format!("#!/bin/sh\nexec '{liar}' '{lie}'\n")).expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its owner may");
    script
}

/// A module that nobody has compiled: one that differs in bytes that mean nothing.
fn fresh_module(lie: &str) -> Vec<u8> {
    let mut wasm = value::noop::task().module.wasm.to_vec();
    // A custom section: its size, the size of its name, its name, what it holds.
    let unique = format!("{lie}{}", std::process::id());
    wasm.extend([0, 2 + unique.len() as u8, 1, b'x']);
    wasm.extend(unique.bytes());
    wasm
}

fn of_lying_compilers(folder: &Path, lie: &str) -> Executor {
    Executor::builder()
        .max_workers(1)
        .worker_program(program_that_lies(folder, &format!("compiler-{lie}")))
        // It is the workers that are bad here, and not the module.
        .quarantine_after(usize::MAX)
        .env("HONEST", std::env::current_exe().expect("it runs").to_str().expect("a path in UTF-8"))
        .build()
        .expect("a liar looks like any other program")
}

// limit: MAX_ARTIFACT_BYTES, MAX_FUNCTIONS, MAX_MANIFEST_BYTES
#[test]
fn compile_worker_that_lies_is_killed_and_its_module_refused_with_what_was_wrong() {
    let _house = support::house();
    let bystander = Executor::builder().max_workers(1).build().expect("builds");
    let folder = tempfile::tempdir().expect("a folder");
    for (lie, said) in COMPILER_LIES {
        let executor = of_lying_compilers(folder.path(), lie);
        let before = Footprint::now();
        let error = executor.load(lie, fresh_module(lie)).expect_err(lie);
        before.check(lie);
        assert_eq!(error.kind(), ErrorKind::Module, "{lie}");
        assert!(error.to_string().contains(said), "{lie}: {error}");
        check_bystander(&bystander);
        check_ended(&executor);
    }
}

#[test]
fn noise_for_machine_code_fails_its_tasks_and_nothing_else() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let executor = of_lying_compilers(folder.path(), "noise-for-code");
    let module = executor.load("noise", fresh_module("noise")).expect("nobody has looked at it yet");
    let function = module.function("value::noop").expect("it says so");
    for _ in 0..3 {
        let error = error_of(&executor.submit(function.call::<_, ()>(())).expect("submits"));
        assert!(matches!(error, TaskError::ModuleFailed { .. }), "{error}");
    }
    assert!(executor.broken().is_none());
    assert_eq!(executor.stats().workers_lost, 0, "its worker looks at the code before it runs it");
    check_ended(&executor);
}

/// The lies of a fork server, each with a part of what is said of it.
const FORK_SERVER_LIES: [(&str, &str); 11] = [
    ("random-bytes", "it broke the protocol: "),
    ("twice-ready", "it sent a reply that nobody had asked for"),
    ("other-worker", "which it was not asked for"),
    ("no-descriptor", "a worker without a descriptor"),
    ("no-process", "got one of no process"),
    ("other-process", "expected a descriptor of process 1, got one of"),
    ("twice", "which it was not asked for"),
    ("end-of-one-that-lives", "has ended, which lives"),
    ("end-of-nobody", "which it was not asked for"),
    ("many-descriptors", "more than 4 descriptors came that no message spoke of"),
    ("closed-channel", "it closed its channel and did not leave"),
];

// behaviour: B50, B38
#[test]
fn fork_server_that_lies_is_killed_and_named_and_nobody_else_notices() {
    let _house = support::house();
    let bystander = Executor::builder().max_workers(1).start_method(StartMethod::ForkServer).build().expect("builds");
    check_bystander(&bystander);
    let folder = tempfile::tempdir().expect("a folder");
    for (lie, said) in FORK_SERVER_LIES {
        let executor = Executor::builder()
            .max_workers(1)
            .start_method(StartMethod::ForkServer)
            .worker_program(program_that_lies(folder.path(), &format!("fork-server-{lie}")))
            .build()
            .expect("a liar looks like any other program");
        let error = error_of(&submit(&executor));
        let broken = error.broken_process_pool().unwrap_or_else(|| panic!("{lie}: {error}"));
        let BrokenCause::SpawnFailed { reason } = &broken.cause else { panic!("{lie}: {error}") };
        assert!(reason.contains("the fork server (pid ") && reason.contains(said), "{lie}: {reason}");
        check_ended(&executor);
        check_bystander(&bystander);
    }
}
