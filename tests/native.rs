//! Native functions of the program: processes that run them, and initializers of workers.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, kill, until, until_within};
use crate::support;
use guest_basic::value;
use isopool::{
    BrokenCause, ErrorKind, Executor, NativeCall, Process, ProcessError, Shutdown, StartMethod, get_context,
};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Tells a second process of this test program to be a caller.
const CALLER_VARIABLE: &str = "ISOPOOL_TEST_NATIVE_CALLER";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Facts {
    pid: u32,
    words: Vec<String>,
}

#[isopool::native]
fn facts(words: Vec<String>) -> Facts {
    Facts { pid: std::process::id(), words }
}

#[isopool::native]
fn divide(a: u64, b: u64) -> Result<u64, std::io::Error> {
    a.checked_div(b).ok_or_else(|| std::io::Error::other("there is nothing to divide by"))
}

#[isopool::native]
fn panics(text: String) {
    panic!("on purpose: {text}");
}

#[isopool::native]
fn nothing() {}

#[isopool::native]
fn wait_for_ever() {
    std::thread::sleep(PATIENCE * 10);
}

#[isopool::native]
fn leave(code: i32) -> u32 {
    std::process::exit(code);
}

#[isopool::native]
fn bytes(count: usize) -> Vec<u8> {
    vec![7; count]
}

#[isopool::native]
fn length(bytes: Vec<u8>) -> usize {
    bytes.len()
}

/// What the process sees of its surroundings: a variable, its folder, the number of its descriptors.
#[isopool::native]
fn surroundings(variable: String) -> std::io::Result<(Option<String>, String, usize)> {
    let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
    let folder = std::env::current_dir()?.display().to_string();
    Ok((std::env::var(variable).ok(), folder, descriptors))
}

/// A process may have a pool of its own.
#[isopool::native]
fn sum_in_a_pool(a: u64, b: u64) -> Result<u64, String> {
    let executor = Executor::builder().max_workers(1).build().map_err(|error| error.to_string())?;
    let future = executor.submit(value::add::task(a, b)).map_err(|error| error.to_string())?;
    let sum = future.result().map_err(|error| error.to_string())?;
    executor.shutdown(Shutdown::Finish);
    Ok(sum)
}

#[isopool::native]
fn leave_a_thread() {
    std::thread::spawn(|| std::thread::sleep(PATIENCE));
}

fn process<R>(call: NativeCall<R>) -> Process<R> {
    get_context(None).process(call)
}

fn started<R>(call: NativeCall<R>) -> Process<R> {
    let process = process(call);
    process.start().expect("the system has room for a process");
    process
}

// ── Processes ───────────────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B51
#[test]
fn process_runs_a_function_under_every_start_method_and_gives_its_value() {
    let _house = support::house();
    for method in StartMethod::ALL {
        let process = get_context(method).process(facts::call(vec!["a".into(), "b".into()]));
        assert_eq!((process.pid(), process.is_alive(), process.exit_code()), (None, false, None));
        assert!(!process.join(Duration::ZERO));
        assert_eq!(process.result(), Err(ProcessError::NotStarted));
        process.start().expect("the system has room for a process");
        let pid = process.pid().expect("it was started");
        let facts = process.result_timeout(PATIENCE).expect("it returns");
        assert_eq!(facts, Facts { pid, words: vec!["a".into(), "b".into()] });
        assert_ne!(pid, std::process::id());
        assert_eq!((process.is_alive(), process.exit_code(), process.pid()), (false, Some(0), Some(pid)));
        assert!(process.join(None));
        assert_eq!(process.result().expect("it can be asked again").pid, pid);
        let error = process.start().expect_err("once is all");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}

// behaviour: B51
#[test]
fn every_end_of_a_process_is_told_as_what_it_is() {
    let _house = support::house();
    let process = started(divide::call(7, 2));
    assert_eq!((process.result(), process.exit_code()), (Ok(3), Some(0)));
    let process = started(divide::call(1, 0));
    let error = process.result().expect_err("it fails").to_string();
    assert!(error.ends_with("::divide` failed: there is nothing to divide by"), "{error}");
    assert_eq!(process.exit_code(), Some(1));
    let process = started(panics::call("really".into()));
    let error = process.result().expect_err("it panics").to_string();
    assert!(
        error.contains("::panics` panicked at tests/native.rs:") && error.ends_with("on purpose: really"),
        "{error}"
    );
    assert_eq!(process.exit_code(), Some(1));
    let process = started(leave::call(42));
    let pid = process.pid().expect("it was started");
    let error = process.result().expect_err("it leaves");
    assert_eq!(error, ProcessError::Died { pid, cause: BrokenCause::Exited { code: 42 } });
    assert_eq!(process.exit_code(), Some(42));
    let process = started(nothing::call());
    assert_eq!(process.result(), Ok(()));
}

// behaviour: B51
#[test]
fn process_is_waited_for_terminated_and_killed() {
    let _house = support::house();
    for signal in [15, 9] {
        let process = started(wait_for_ever::call());
        let pid = process.pid().expect("it was started");
        let begun = Instant::now();
        assert!(!process.join(Duration::from_millis(50)) && begun.elapsed() >= Duration::from_millis(50));
        let error = process.result_timeout(Duration::from_millis(1)).expect_err("it runs on");
        assert!(matches!(error, ProcessError::StillRunning { .. }), "{error}");
        assert!(process.is_alive() && is_alive(pid) && process.exit_code().is_none());
        if signal == 15 {
            process.terminate()
        } else {
            process.kill()
        }
        assert!(process.join(PATIENCE));
        assert_eq!(process.exit_code(), Some(-signal));
        let error = process.result().expect_err("it was killed");
        assert_eq!(error, ProcessError::Died { pid, cause: BrokenCause::Signaled { signal } });
        process.terminate();
        process.kill();
    }
    let process = started(wait_for_ever::call());
    let pid = process.pid().expect("it was started");
    drop(process);
    assert!(!is_alive(pid), "a process that nobody holds is ended");
}

// behaviour: B51
#[test]
fn process_of_a_thread_that_has_ended_lives_on() {
    let _house = support::house();
    let process = std::thread::spawn(|| started(wait_for_ever::call())).join().expect("it does not panic");
    assert!(!process.join(Duration::from_millis(100)));
    assert!(process.is_alive());
    process.kill();
    assert!(process.join(PATIENCE));
}

// behaviour: B51
#[test]
fn large_arguments_and_values_reach_their_end() {
    const COUNT: usize = 32 << 20;
    let _house = support::house();
    let process = started(bytes::call(COUNT));
    assert_eq!(process.result_timeout(PATIENCE).expect("it returns").len(), COUNT);
    let process = started(length::call(vec![1; COUNT]));
    assert_eq!(process.result_timeout(PATIENCE), Ok(COUNT));
    // One that does not read them has no chance to keep its caller.
    let process = process_of_program_that_leaves(vec![1; COUNT]);
    assert!(process.join(PATIENCE));
}

/// Leaves before it has read a large argument whole: the argument is not one of its function's.
fn process_of_program_that_leaves(bytes: Vec<u8>) -> Process<usize> {
    let process = started(length::call(bytes));
    process.kill();
    process
}

// behaviour: B51, B18
#[test]
fn process_has_the_caller_s_surroundings_and_no_descriptor_of_it() {
    let _house = support::house();
    let busy = Executor::builder().max_workers(2).build().expect("builds");
    assert_eq!(end_of(&busy.submit(value::add::task(1, 2)).expect("submits")), Ok(3));
    // Without close-on-exec it reaches every child that does not take care.
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    let _inheritable = nix::unistd::dup(&reader).expect("a descriptor is free");
    let here = std::env::current_dir().expect("it is there").display().to_string();
    let (path, folder, descriptors) = started(surroundings::call("PATH".into())).result().expect("it can look");
    assert_eq!((path, folder), (std::env::var("PATH").ok(), here));
    // The three standard ones, the channel, and the folder that is read.
    assert_eq!(descriptors, 5);
    let (variable, ..) = started(surroundings::call("ISOPOOL_WORKER".into())).result().expect("it can look");
    assert_eq!(variable, None);
}

// behaviour: B51
#[test]
fn process_can_have_a_pool_of_its_own() {
    let _house = support::house();
    assert_eq!(started(sum_in_a_pool::call(2, 3)).result_timeout(PATIENCE), Ok(5));
}

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_a_caller() {
    if std::env::var_os(CALLER_VARIABLE).is_none() {
        return;
    }
    let process = started(wait_for_ever::call());
    println!("\nprocess {}", process.pid().expect("it was started"));
    std::io::stdout().flush().expect("the test reads");
    let mut nothing = [0];
    // Until the test kills this process, or is gone.
    let _ = std::io::stdin().read(&mut nothing);
}

// behaviour: B51, B19
#[test]
fn process_of_a_killed_caller_is_gone_within_a_second() {
    let _house = support::house();
    let mut caller = Command::new(std::env::current_exe().expect("Linux knows the path of a program"))
        .args(["--exact", "native::stands_in_for_a_caller", "--nocapture", "--test-threads=1"])
        .env(CALLER_VARIABLE, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let lines = BufReader::new(caller.stdout.take().expect("it is piped")).lines();
    let mut lines = lines.map(|line| line.expect("the caller writes text"));
    let pid = lines.find_map(|line| line.strip_prefix("process ").map(str::to_owned)).expect("it has a process");
    let pid: u32 = pid.parse().expect("a number");
    assert!(is_alive(pid));
    kill(caller.id());
    until_within(Duration::from_secs(1), "it is gone", || !is_alive(pid));
    caller.wait().expect("it was started here");
}

// ── Initializers of workers ─────────────────────────────────────────────────────────────────────────────────────────

fn initialized<R>(call: NativeCall<R>) -> Executor {
    let builder = get_context(StartMethod::InitMain).executor().max_workers(3);
    builder.native_initializer(call).build().expect("builds")
}

/// Makes a folder, which shows that it has run, and how often.
#[isopool::native]
fn leave_a_trace(folder: String) -> std::io::Result<()> {
    std::fs::create_dir(format!("{folder}/{}", std::process::id()))
}

// behaviour: B50
#[test]
fn native_initializer_runs_once_in_each_worker_before_its_tasks() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let executor = initialized(leave_a_trace::call(folder.path().display().to_string()));
    for round in 1..=3 {
        assert_eq!(end_of(&executor.submit(value::add::task(1, 2)).expect("submits")), Ok(3));
        let workers = executor.stats().workers;
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), round);
        assert!(folder.path().join(workers[0].pid.to_string()).is_dir());
        kill(workers[0].pid);
        until("its end is noticed", || executor.stats().workers.is_empty());
    }
    executor.shutdown(Shutdown::Finish);
}

// behaviour: B50, B37
#[test]
fn native_initializer_that_does_not_end_well_breaks_the_pool_in_its_own_words_and_at_once() {
    let _house = support::house();
    let cases = [
        (initialized(divide::call(1, 0)), "::divide` failed: there is nothing to divide by"),
        (initialized(panics::call("it".into())), "on purpose: it"),
        (initialized(leave_a_thread::call()), "left 1 threads behind; a worker must have one thread only"),
    ];
    for (executor, words) in cases {
        let tasks: Vec<_> = (0..20).map(|_| executor.submit(value::noop::task())).filter_map(Result::ok).collect();
        for task in &tasks {
            let error = error_of(task);
            let cause = error.broken_process_pool().unwrap_or_else(|| panic!("{error}")).cause.clone();
            let BrokenCause::InitializerFailed { message } = cause else { panic!("{error}") };
            assert!(message.contains(words), "{message}");
        }
        assert_eq!(executor.submit(value::noop::task()).expect_err("it is broken").kind(), ErrorKind::Broken);
        assert!(executor.stats().workers_started <= 3, "it is not tried again");
        executor.shutdown(Shutdown::Finish);
    }
}

// behaviour: B50, B38
#[test]
fn native_initializer_that_ends_its_worker_breaks_the_pool_after_a_few_tries() {
    let _house = support::house();
    let executor = initialized(leave::call(3));
    let task = executor.submit(value::noop::task()).expect("submits");
    let error = error_of(&task);
    let cause = error.broken_process_pool().unwrap_or_else(|| panic!("{error}")).cause.clone();
    let BrokenCause::SpawnFailed { reason } = cause else { panic!("{error}") };
    assert!(reason.contains("left with exit code 3"), "{reason}");
    executor.shutdown(Shutdown::Finish);
}
