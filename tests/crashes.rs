//! Processes that die: the caller's own, one worker, many at once, at every point of a task; and workers that cannot be
//! started at all.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, kill, only_worker, until, until_within};
use crate::support;
use guest_basic::crash_point::{self, CrashPoint, How, When};
use guest_basic::{resources, value};
use isopool::{BrokenCause, Bytes, Containment, ErrorKind, Executor, Shutdown, Side, TaskError, TaskFuture, TrapCode};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Says to a second process of this test program which caller it is.
const CALLER_VARIABLE: &str = "ISOPOOL_TEST_CALLER";

fn pool(max_workers: usize) -> Executor {
    Executor::builder().max_workers(max_workers).build().expect("builds")
}

fn submit<T: isopool::IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

/// Tasks that run for longer than any test, one for each worker.
fn endless(executor: &Executor) -> Vec<TaskFuture<()>> {
    let count = executor.max_workers();
    let tasks: Vec<_> = (0..count).map(|_| submit(executor, resources::sleep_ms::task(3_600_000))).collect();
    until("all workers are busy", || tasks.iter().all(TaskFuture::running));
    tasks
}

fn works(executor: &Executor) {
    assert_eq!(end_of(&submit(executor, value::add::task(2, 3))).expect("the pool works"), 5);
}

fn cause_of(error: &TaskError) -> BrokenCause {
    error.broken_process_pool().unwrap_or_else(|| panic!("no crash: {error}")).cause.clone()
}

// ── The caller's process ────────────────────────────────────────────────────────────────────────────────────────────

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_a_caller() {
    let Some(caller) = std::env::var_os(CALLER_VARIABLE) else { return };
    let executor = pool(3);
    let _running = endless(&executor);
    let _pending: Vec<_> = (0..1000).map(|n| submit(&executor, value::add::task(n, 1))).collect();
    let workers: Vec<String> = executor.stats().workers.iter().map(|worker| worker.pid.to_string()).collect();
    println!("\nworkers {}", workers.join(" "));
    if caller == "leaves" {
        std::process::exit(0);
    }
    // Until the test kills this process; or, if the test was killed, until its patience is at its end.
    std::thread::sleep(PATIENCE);
}

/// This program again, as a caller.
fn caller(how: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("Linux knows the path of a program"));
    command
        .args(["--exact", "crashes::stands_in_for_a_caller", "--nocapture", "--test-threads=1"])
        .env(CALLER_VARIABLE, how);
    command
}

/// Starts a caller with three busy workers, and gives the ids of their processes.
fn start_caller(command: &mut Command) -> (Child, Vec<u32>) {
    let mut caller = command
        // As a shell does: a Ctrl-C there is for this group, and not for the tests.
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let lines = BufReader::new(caller.stdout.take().expect("it is piped")).lines();
    let mut lines = lines.map(|line| line.expect("the caller writes text"));
    let workers = lines.find_map(|line| line.strip_prefix("workers ").map(str::to_owned)).expect("it starts workers");
    let workers: Vec<u32> = workers.split(' ').map(|pid| pid.parse().expect("a number")).collect();
    assert!(workers.len() == 3 && workers.iter().all(|&pid| pid != caller.id()));
    (caller, workers)
}

fn check_gone_within_a_second(workers: &[u32]) {
    until_within(Duration::from_secs(1), "all workers are gone", || !workers.iter().any(|&pid| is_alive(pid)));
}

// behaviour: B19
#[test]
fn workers_of_a_caller_that_was_killed_are_gone_within_a_second() {
    let _house = support::house();
    let (mut caller, workers) = start_caller(&mut caller("stays"));
    assert!(workers.iter().all(|&pid| is_alive(pid)));
    kill(caller.id());
    check_gone_within_a_second(&workers);
    caller.wait().expect("it was started here");
}

// behaviour: B19, B52
#[test]
fn caller_killed_at_any_of_a_hundred_moments_leaves_no_process_and_no_file() {
    let _house = support::house();
    let shared = tempfile::tempdir().expect("a temporary directory can be made");
    let files = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
        entries.unwrap_or_default().iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let in_shared_memory = files(Path::new("/dev/shm"));
    let (mut first, _) = start_caller(caller("stays").env(support::CACHE_VARIABLE, shared.path()));
    kill(first.id());
    first.wait().expect("it was started here");
    let mut slowest = Duration::ZERO;
    for round in 0..100u64 {
        // An empty cache: it is killed while a module is compiled and stored. Else: while workers start and run.
        let empty = tempfile::tempdir().expect("a temporary directory can be made");
        let cache = if round % 4 == 0 { empty.path() } else { shared.path() };
        let (mut everyone, writer) = std::io::pipe().expect("a pipe");
        let mut command = caller("stays");
        command
            .env(support::CACHE_VARIABLE, cache)
            .stdout(writer.try_clone().expect("a descriptor is free"))
            .stderr(writer);
        let mut process = command.spawn().expect("this program can be started");
        drop(command);
        // Not a wait for anything: the moment of the kill, spread over the caller's life; to compile takes longer.
        std::thread::sleep(Duration::from_millis(if round % 4 == 0 { round * 7 } else { round * 7919 % 251 }));
        let killed = Instant::now();
        kill(process.id());
        process.wait().expect("it was started here");
        // Whatever it had started holds the other end of the pipe, which ends when the last one is gone.
        let said = support::no_hang("the caller's processes end with it", move || {
            let mut said = Vec::new();
            everyone.read_to_end(&mut said).map(|_| said)
        });
        said.expect("a pipe can be read");
        slowest = slowest.max(killed.elapsed());
        let unfinished: Vec<_> = files(cache).into_iter().filter(|name| !name.ends_with(".module")).collect();
        assert_eq!(unfinished, [""; 0], "round {round}");
    }
    println!("the last process of a killed caller was gone after {slowest:?} at most");
    assert_eq!(files(Path::new("/dev/shm")), in_shared_memory);
    assert_eq!(files(shared.path()).len(), 1, "the module that the first one compiled");
}

// behaviour: B20
#[test]
fn one_interrupt_ends_a_caller_and_all_of_its_workers() {
    let _house = support::house();
    let (mut caller, workers) = start_caller(&mut caller("stays"));
    let group = Pid::from_raw(i32::try_from(caller.id()).expect("process ids are small"));
    nix::sys::signal::killpg(group, Signal::SIGINT).expect("the group is there");
    check_gone_within_a_second(&workers);
    assert!(!caller.wait().expect("it was started here").success());
}

// behaviour: B20
#[test]
fn caller_that_leaves_with_work_pending_takes_its_workers_along_and_makes_no_noise() {
    let _house = support::house();
    let (mut caller, workers) = start_caller(&mut caller("leaves"));
    assert!(caller.wait().expect("it was started here").success());
    check_gone_within_a_second(&workers);
    let mut noise = String::new();
    caller.stderr.take().expect("it is piped").read_to_string(&mut noise).expect("text");
    assert_eq!(noise, "");
}

// ── Every point of a task ───────────────────────────────────────────────────────────────────────────────────────────

const POINTS: [When; 3] = [When::Decoding, When::Running, When::Encoding];

fn check_end(when: When, how: How, error: &TaskError) {
    let code = |error: &TaskError| match cause_of(error) {
        BrokenCause::Trap(trap) => trap.code,
        cause => panic!("{when:?}, {how:?}: {cause}"),
    };
    match (when, how) {
        (When::Running, How::Error) => assert!(matches!(error, TaskError::Failed { .. }), "{error}"),
        (_, How::Error) => {
            let TaskError::Codec { failure, .. } = error else { panic!("{when:?}: {error}") };
            let side = if when == When::Decoding { Side::Argument } else { Side::Result };
            assert_eq!(failure.side, side);
            assert!(failure.message.contains("an error on purpose"), "{error}");
        }
        (_, How::Panic) => {
            let TaskError::Panicked { panic, .. } = error else { panic!("{when:?}: {error}") };
            assert_eq!(panic.message, "a panic on purpose");
        }
        (_, How::Exit) => assert!(matches!(code(error), TrapCode::Exit(told) if told != 0), "{when:?}: {error}"),
        (_, How::Trap) => assert_eq!(code(error), TrapCode::Unreachable, "{when:?}"),
        (_, How::Spin) => assert_eq!(cause_of(error), BrokenCause::Signaled { signal: Signal::SIGTERM as i32 }),
    }
}

/// Ends a task in one way; one that never ends is killed with its worker.
fn crash_at(executor: &Executor, when: When, how: How) -> TaskError {
    let future = submit(executor, crash_point::crash_at::task(CrashPoint(when, how)));
    if how == How::Spin {
        until("it runs", || future.running());
        let pid = Pid::from_raw(i32::try_from(only_worker(executor).pid).expect("process ids are small"));
        nix::sys::signal::kill(pid, Signal::SIGTERM).expect("the worker is there");
    }
    error_of(&future)
}

// behaviour: B31
#[test]
fn task_that_ends_at_any_point_in_any_way_is_told_as_what_it_is_and_the_pool_works_on() {
    let _house = support::house();
    let executor = pool(1);
    for when in POINTS {
        for how in [How::Error, How::Panic, How::Exit, How::Trap, How::Spin] {
            check_end(when, how, &crash_at(&executor, when, how));
            works(&executor);
        }
    }
}

// behaviour: B31, B21
#[test]
fn task_that_ends_at_any_point_can_be_submitted_from_a_callback() {
    let _house = support::house();
    let executor = pool(1);
    for when in POINTS {
        for how in [How::Error, How::Panic, How::Exit, How::Trap, How::Spin] {
            let (sender, ends) = channel();
            let inner = executor.clone();
            let first = submit(&executor, value::add::task(1, 2));
            first.add_done_callback(move |_| sender.send(crash_at(&inner, when, how)).expect("the test waits"));
            check_end(when, how, &ends.recv_timeout(PATIENCE).expect("the callback does not hang"));
            works(&executor);
        }
    }
}

// behaviour: B31
#[test]
fn value_that_cannot_be_encoded_or_decoded_here_fails_its_future_and_nothing_else() {
    let _house = support::house();
    let executor = pool(1);
    let module = executor.load("basic", value::add::task(0, 0).module.wasm).expect("the module is sound");
    let function = module.function("value::noop").expect("it is there");
    let error = error_of(&submit(&executor, function.call::<_, ()>((guest_basic::failure::Unwritable,))));
    assert!(matches!(error, TaskError::Codec { .. }), "{error}");
    let error = error_of(&submit(&executor, function.call::<_, String>(())));
    assert!(matches!(error, TaskError::Codec { .. }), "{error}");
    works(&executor);
}

// behaviour: B26, B36
#[test]
fn waker_that_panics_stops_nothing() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            panic!("a waker on purpose");
        }
    }
    let _house = support::house();
    let executor = pool(1);
    let task = endless(&executor).remove(0);
    let waker = std::sync::Arc::new(Panics).into();
    let mut polled = task.clone();
    let poll = std::future::Future::poll(std::pin::Pin::new(&mut polled), &mut std::task::Context::from_waker(&waker));
    assert!(poll.is_pending());
    assert!(task.cancel());
    works(&executor);
    assert!(executor.broken().is_none());
}

// ── Workers that are killed ─────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B32
#[test]
fn idle_worker_that_is_killed_is_missed_by_nobody() {
    let _house = support::house();
    let executor = pool(2);
    for _ in 0..20 {
        works(&executor);
        for worker in executor.stats().workers {
            kill(worker.pid);
        }
        // Whether or not its end was noticed by now.
        works(&executor);
    }
    assert!(executor.broken().is_none());
}

// behaviour: B32
#[test]
fn idle_worker_that_is_killed_breaks_a_pool_that_is_contained_as_a_whole() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).containment(Containment::Pool).build().expect("builds");
    works(&executor);
    let worker = only_worker(&executor);
    kill(worker.pid);
    until("it is noticed", || executor.broken().is_some());
    let error = executor.submit(value::add::task(1, 2)).expect_err("it is broken");
    assert_eq!(error.kind(), ErrorKind::Broken);
    let broken = error.broken_process_pool().expect("it says why");
    assert_eq!((&broken.cause, broken.worker), (&BrokenCause::Signaled { signal: 9 }, Some(worker)));
    let text = error.to_string();
    assert!(text.contains("killed by SIGKILL (9), which isopool did not send") && text.contains("dmesg"), "{text}");
}

// behaviour: B33
#[test]
fn any_number_of_workers_killed_at_once_lose_their_own_tasks_and_no_others() {
    let _house = support::house();
    for count in [1, 2, 5, 13] {
        let executor = pool(13);
        let running = endless(&executor);
        let behind: Vec<_> = (0..100).map(|n| submit(&executor, value::add::task(n, 1))).collect();
        let killed: Vec<u32> = executor.stats().workers.iter().take(count).map(|worker| worker.pid).collect();
        killed.iter().for_each(|&pid| kill(pid));
        for (n, future) in (0..).zip(&behind) {
            assert_eq!(end_of(future).expect("it had not begun"), n + 1);
        }
        let lost: Vec<_> = running.iter().filter(|future| future.done()).map(error_of).collect();
        assert!(lost.iter().all(|error| cause_of(error) == BrokenCause::Signaled { signal: 9 }), "{lost:?}");
        let pids = lost.iter().filter_map(|error| error.broken_process_pool()?.worker).map(|worker| worker.pid);
        // Not all ends may have been noticed yet: a replacement that came first has done the work behind.
        let pids: HashSet<u32> = pids.collect();
        assert!(!pids.is_empty() && pids.iter().all(|pid| killed.contains(pid)));
        until("all ends are noticed", || running.iter().filter(|future| future.done()).count() == count);
        assert_eq!(executor.stats().workers_lost, count as u64);
        executor.shutdown(Shutdown::Kill);
        assert!(running.iter().all(TaskFuture::done));
    }
}

// behaviour: B34
#[test]
fn worker_killed_in_the_middle_of_a_large_result_loses_it_cleanly() {
    const RESULT_BYTES: usize = 64 << 20;
    let _house = support::house();
    let executor = pool(1);
    works(&executor);
    for round in 0..10 {
        let future = submit(&executor, value::big_result::task(RESULT_BYTES));
        until("it runs", || future.running());
        // Somewhere between its begin and its end, another place each time.
        std::thread::sleep(Duration::from_millis(round * 12));
        kill(only_worker(&executor).pid);
        match end_of(&future) {
            Ok(bytes) => assert_eq!(bytes.len(), RESULT_BYTES),
            Err(error) => assert_eq!(cause_of(&error), BrokenCause::Signaled { signal: 9 }, "{error}"),
        }
        works(&executor);
    }
}

// behaviour: B34
#[test]
fn worker_killed_in_the_middle_of_a_large_argument_leaves_the_task_to_another() {
    let _house = support::house();
    let executor = pool(1);
    let argument = Bytes::from(vec![7; 32 << 20]);
    for _ in 0..10 {
        works(&executor);
        let worker = Pid::from_raw(i32::try_from(only_worker(&executor).pid).expect("process ids are small"));
        // A worker that does not read: the argument is stuck in the middle for certain.
        nix::sys::signal::kill(worker, Signal::SIGSTOP).expect("the worker is there");
        let future = submit(&executor, value::echo::task(argument.clone()));
        // When the dispatcher has answered twice, it has sent what was there before as far as the channel takes it.
        for _ in 0..2 {
            assert!(submit(&executor, value::noop::task()).cancel());
        }
        nix::sys::signal::kill(worker, Signal::SIGKILL).expect("the worker is there");
        assert_eq!(end_of(&future).expect("another worker runs it").len(), argument.len());
    }
}

// behaviour: B35
#[test]
fn long_queue_with_cancelled_tasks_and_a_killed_worker_comes_to_an_end() {
    const WORKERS: usize = 4;
    let _house = support::house();
    let executor = pool(WORKERS);
    let running = endless(&executor);
    let queued: Vec<_> = (0..2 * WORKERS as u64 + 50).map(|n| submit(&executor, value::add::task(n, 1))).collect();
    let cancelled: Vec<bool> = queued.iter().enumerate().map(|(n, future)| n % 2 == 0 && future.cancel()).collect();
    kill(executor.stats().workers[1].pid);
    for (n, (future, was_cancelled)) in (0..).zip(queued.iter().zip(cancelled)) {
        match end_of(future) {
            Ok(sum) => assert!(!was_cancelled && sum == n + 1),
            Err(error) => assert!(was_cancelled && error.is_cancelled(), "{error}"),
        }
    }
    assert_eq!(running.iter().filter(|future| future.done()).count(), 1);
    running.iter().for_each(|future| _ = future.cancel());
    assert!(running.iter().all(TaskFuture::done));
}

// ── Workers that cannot be started ──────────────────────────────────────────────────────────────────────────────────

// behaviour: B38
#[test]
fn worker_program_that_is_none_is_refused_when_the_executor_is_built() {
    let _house = support::house();
    for (program, reason) in
        [("/nonexistent/worker", "cannot be used"), ("/proc/version", "is not executable"), ("/tmp", "is not a file")]
    {
        let error = Executor::builder().worker_program(program).build().expect_err(program);
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.to_string().contains(&format!("`{program}` {reason}")), "{error}");
    }
}

/// An executor whose module is compiled already, and whose workers run this program.
fn pool_of(program: &std::path::Path) -> Executor {
    works(&pool(1));
    Executor::builder().max_workers(2).worker_program(program).build().expect("it is an executable file")
}

/// Submits tasks, and gives what they and the executor say of workers that cannot be started.
fn failed_starts(executor: &Executor) -> String {
    let first = submit(executor, value::add::task(1, 2));
    let error = error_of(&first);
    let BrokenCause::SpawnFailed { reason } = cause_of(&error) else { panic!("{error}") };
    assert_eq!(executor.submit(value::add::task(1, 2)).expect_err("it is broken").kind(), ErrorKind::Broken);
    assert_eq!(executor.broken().expect("it is broken").cause, BrokenCause::SpawnFailed { reason: reason.clone() });
    reason
}

// behaviour: B38
#[test]
fn worker_program_that_ends_at_once_or_is_none_of_ours_breaks_the_pool_with_the_reason() {
    let _house = support::house();
    for (program, reason) in [
        ("/bin/true", "the worker process left with exit code 0"),
        ("/bin/false", "the worker process left with exit code 1"),
    ] {
        let executor = pool_of(program.as_ref());
        let told = failed_starts(&executor);
        assert!(told.contains("ended before it was ready") && told.contains(reason), "{program}: {told}");
        executor.shutdown(Shutdown::Finish);
        assert!(executor.stats().workers.is_empty());
    }
}

// behaviour: B38
#[test]
fn worker_program_that_is_removed_breaks_the_pool_with_the_reason() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("worker");
    std::fs::copy("/bin/true", &program).expect("it can be copied");
    let executor = pool_of(&program);
    std::fs::remove_file(&program).expect("it is there");
    let told = failed_starts(&executor);
    assert!(told.contains("could not be started") && told.contains("No such file"), "{told}");
}
