//! A system that gives no more addresses, descriptors or processes: each refusal is an error of the future that met it, with
//! the limit and the remedy; nothing hangs.
//!
//! A limit holds for a whole process, so that each is set in a second process of this program.

use crate::patience::{end_of, error_of};
use crate::support;
use guest_basic::value;
use isopool::{BrokenCause, Error, ErrorKind, Executor, ModuleErrorKind};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, setuid};
use std::process::{Command, Stdio};

/// Says to a second process of this test program what it is to do without.
const STARVED_VARIABLE: &str = "ISOPOOL_TEST_STARVED";

/// Less than one worker reserves, and more than this program needs.
const FEW_ADDRESSES_BYTES: u64 = 16 << 30;

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_a_program_that_gets_no_more() {
    let Ok(want) = std::env::var(STARVED_VARIABLE) else { return };
    let said = match want.as_str() {
        "addresses" => no_addresses(),
        "descriptors" => no_descriptors(),
        "processes" => no_processes(),
        other => panic!("{other}"),
    };
    println!("\nsaid {said}");
}

/// An executor that has prepared the module, and no worker.
fn prepared() -> Executor {
    let executor = Executor::builder().max_workers(3).build().expect("there is enough by now");
    executor.load("basic", value::add::task(0, 0).module.wasm).expect("a sound module");
    executor
}

fn limit(resource: Resource, soft: u64) {
    let (_, hard) = getrlimit(resource).expect("it can be asked");
    setrlimit(resource, soft.min(hard), hard).expect("a limit may be lowered");
}

/// What tasks say whose workers cannot be started; the executor is broken for the same reason.
fn refused_starts(executor: &Executor) -> String {
    let tasks: Vec<_> = (0..3).filter_map(|n| executor.submit(value::add::task(n, 1)).ok()).collect();
    let mut reasons = tasks.iter().map(|task| {
        let error = error_of(task);
        let broken = error.broken_process_pool().unwrap_or_else(|| panic!("{error}"));
        assert_eq!(broken.task.as_ref(), Some(task.task()));
        let BrokenCause::SpawnFailed { reason } = &broken.cause else { panic!("{error}") };
        reason.clone()
    });
    let reason = reasons.next().expect("the first one was taken");
    assert!(executor.broken().is_some());
    assert_eq!(executor.submit(value::add::task(1, 2)).expect_err("it is broken").kind(), ErrorKind::Broken);
    assert!(reasons.all(|other| other.contains("could not be started") == reason.contains("could not be started")));
    reason
}

fn no_addresses() -> String {
    let executor = prepared();
    limit(Resource::RLIMIT_AS, FEW_ADDRESSES_BYTES);
    let started = refused_starts(&executor);
    // Nor can anything be compiled.
    let error: Error = prepared_anew().expect_err("a compile worker needs addresses too");
    let module = error.module_error().expect("it is of the module");
    assert!(matches!(module.kind, ModuleErrorKind::System { .. }), "{error}");
    format!("{started} | {error}")
}

/// A module that nobody has compiled: one that differs in bytes that mean nothing.
fn prepared_anew() -> Result<isopool::Module, Error> {
    let mut wasm = value::add::task(0, 0).module.wasm.to_vec();
    // A custom section: its size, the size of its name, its name, what it holds.
    let unique = std::process::id().to_le_bytes();
    wasm.extend([0, 6, 1, b'x'].into_iter().chain(unique));
    Executor::builder().max_workers(1).build()?.load("new", wasm)
}

fn no_descriptors() -> String {
    let executor = prepared();
    let open = std::fs::read_dir("/proc/self/fd").expect("Linux has it").count() as u64;
    limit(Resource::RLIMIT_NOFILE, open);
    let said = refused_starts(&executor);
    limit(Resource::RLIMIT_NOFILE, open + 100);
    let sum = prepared().submit(value::add::task(2, 3)).expect("there are enough again");
    assert_eq!(end_of(&sum).expect("adds"), 5);
    said
}

fn no_processes() -> String {
    let executor = prepared();
    // The super-user may have as many as there are.
    if Uid::effective().is_root() {
        setuid(Uid::from_raw(65534)).expect("the super-user may become anyone");
    }
    limit(Resource::RLIMIT_NPROC, 0);
    refused_starts(&executor)
}

/// What a program says that has to do without.
fn starved(want: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("Linux knows the path of a program"))
        .args(["--exact", "starved::stands_in_for_a_program_that_gets_no_more", "--nocapture", "--test-threads=1"])
        .env(STARVED_VARIABLE, want)
        .stdin(Stdio::null())
        .output()
        .expect("this program can be started");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.lines().find_map(|line| line.strip_prefix("said ")).unwrap_or_else(|| panic!("{out}{err}")).to_owned()
}

// behaviour: B38
#[test]
fn worker_that_gets_no_memory_is_told_with_its_own_words_and_the_limit() {
    let _house = support::house();
    let said = starved("addresses");
    let (started, compiled) = said.split_once(" | ").expect("two errors");
    for (text, begin) in [(started, "ended before it was ready"), (compiled, "could not make itself ready")] {
        assert!(text.contains(begin) && text.contains("could not start the engine"), "{text}");
        assert!(text.ends_with("raise the limit of 17179869184 bytes (RLIMIT_AS, `ulimit -v`)"), "{text}");
    }
}

// behaviour: B38
#[test]
fn worker_for_which_no_descriptor_is_left_is_told_with_the_remedy() {
    let _house = support::house();
    let said = starved("descriptors");
    assert!(said.contains("could not be started: Too many open files") && said.contains("raise `ulimit -n`"), "{said}");
}

// behaviour: B38
#[test]
fn worker_for_which_no_process_is_left_is_told_with_the_remedy() {
    let _house = support::house();
    let said = starved("processes");
    assert!(said.contains("could not be started: Resource temporarily unavailable"), "{said}");
    assert!(said.contains("raise `ulimit -u` or pids.max"), "{said}");
}
