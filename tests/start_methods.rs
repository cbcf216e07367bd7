//! How workers come to life: the basic promises under each start method, and fork servers that die.

use crate::patience::{PATIENCE, end_of, error_of, is_alive, kill, only_worker, until, until_within};
use crate::support;
use guest_basic::{crash, environment, failure, resources, value};
use isopool::{
    BrokenCause, ErrorKind, Executor, ExecutorBuilder, Force, GuestOutput, Shutdown, StartMethod, TaskError,
    TaskFuture, TrapCode, get_context, get_reusable_executor, get_start_method, set_start_method,
};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Says to a second process of this test program which start method its workers have.
const CALLER_VARIABLE: &str = "ISOPOOL_TEST_START_METHOD";

/// What each worker of `init_main` calls first.
#[isopool::native]
fn prepare(word: String) -> Result<usize, String> {
    if word.is_empty() { Err("no word".to_owned()) } else { Ok(word.len()) }
}

fn builder(method: StartMethod) -> ExecutorBuilder {
    let builder = get_context(method).executor();
    match method {
        StartMethod::InitMain => builder.native_initializer(prepare::call("ready".to_owned())),
        _ => builder,
    }
}

fn pool(method: StartMethod, max_workers: usize) -> Executor {
    builder(method).max_workers(max_workers).build().expect("builds")
}

fn submit<T: isopool::IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

fn works(executor: &Executor) {
    assert_eq!(end_of(&submit(executor, value::add::task(2, 3))).expect("the pool works"), 5);
}

fn cause_of(error: &TaskError) -> BrokenCause {
    error.broken_process_pool().unwrap_or_else(|| panic!("no crash: {error}")).cause.clone()
}

/// Tasks that run for longer than any test, one for each worker.
fn endless(executor: &Executor) -> Vec<TaskFuture<()>> {
    let count = executor.max_workers();
    let tasks: Vec<_> = (0..count).map(|_| submit(executor, resources::sleep_ms::task(3_600_000))).collect();
    until("all workers are busy", || tasks.iter().all(TaskFuture::running));
    tasks
}

fn send(pid: u32, signal: Signal) {
    nix::sys::signal::kill(Pid::from_raw(pid.cast_signed()), signal).expect("the process is there");
}

/// The process ids of this program's children that have this name.
fn children(parent: u32, name: &str) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let of_threads = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let all = of_threads.collect::<Vec<_>>().join(" ");
    let mut pids: Vec<u32> = all.split_whitespace().map(|pid| pid.parse().expect("a number")).collect();
    let has_name =
        |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(name.as_bytes()));
    pids.retain(has_name);
    pids
}

/// The fork server of the only pool that has one.
fn fork_server() -> u32 {
    let servers = children(std::process::id(), "isopool-forkserver");
    assert_eq!(servers.len(), 1, "{servers:?}");
    servers[0]
}

fn pids(executor: &Executor) -> Vec<u32> {
    executor.stats().workers.iter().map(|worker| worker.pid).collect()
}

// ── Names and choices ───────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B50
#[test]
fn start_method_of_the_process_is_chosen_once_or_by_force() {
    let _house = support::house();
    assert_eq!(get_start_method(), StartMethod::Spawn);
    assert_eq!(get_context(None).start_method(), StartMethod::Spawn);
    set_start_method(StartMethod::ForkServer, Force::No).expect("nobody has chosen");
    let error = set_start_method(StartMethod::Spawn, Force::No).expect_err("it is chosen");
    assert_eq!((error.set, error.wanted), (StartMethod::ForkServer, StartMethod::Spawn));
    assert!(error.to_string().starts_with("the start method is forkserver already and was to become spawn"), "{error}");
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    works(&executor);
    assert!(is_alive(fork_server()));
    executor.shutdown(Shutdown::Finish);
    set_start_method(StartMethod::Spawn, Force::Yes).expect("it is forced");
    assert_eq!(get_start_method(), StartMethod::Spawn);
    let error = "threads".parse::<StartMethod>().expect_err("there is none of that name");
    assert!(error.to_string().contains(r#""spawn", "forkserver", "fork", "init_main""#), "{error}");
}

// behaviour: B50
#[test]
fn choices_that_do_not_fit_are_refused_when_the_executor_is_built() {
    let _house = support::house();
    let refused = |builder: ExecutorBuilder| {
        let error = builder.build().expect_err("it does not fit");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        error.to_string()
    };
    let said = refused(get_context(StartMethod::InitMain).executor());
    assert!(said.contains("init_main calls a native initializer, and none is given"), "{said}");
    let call = prepare::call("x".to_owned());
    let said = refused(get_context(StartMethod::ForkServer).executor().native_initializer(call));
    assert!(
        said.contains("::prepare` is called by the start method init_main only, and this one is forkserver"),
        "{said}"
    );
    let said = refused(get_context(StartMethod::Fork).executor().worker_program("/bin/true"));
    assert!(said.contains("cannot run the worker program `/bin/true`"), "{said}");
    let error = get_reusable_executor(get_context(StartMethod::Fork).executor()).expect_err("it is not for fork");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    assert!(error.to_string().contains("does not take the start method fork"), "{error}");
}

// ── The basic promises ──────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B50
#[test]
fn tasks_end_as_what_they_are_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let executor = builder(method).max_workers(2).env("NAME", "value").guest_output(GuestOutput::Capture);
        let executor = executor.build().expect("builds");
        for round in 0..3 {
            works(&executor);
            let error = error_of(&submit(&executor, crash::out_of_bounds::task()));
            assert!(
                matches!(cause_of(&error), BrokenCause::Trap(trap) if trap.code == TrapCode::MemoryOutOfBounds),
                "{error}"
            );
            let error = error_of(&submit(&executor, crash::stack_overflow::task()));
            assert!(matches!(cause_of(&error), BrokenCause::Trap(_)), "{method} {round}: {error}");
            let error = error_of(&submit(&executor, failure::panics::task("on purpose".into())));
            assert!(matches!(error, TaskError::Panicked { .. }), "{error}");
            assert_eq!(end_of(&submit(&executor, resources::sleep_ms::task(5))), Ok(()));
            assert_eq!(end_of(&submit(&executor, environment::env::task("NAME".into()))), Ok(Some("value".into())));
            assert_eq!(end_of(&submit(&executor, environment::env::task("PATH".into()))), Ok(None));
            let print = submit(&executor, environment::print::task("out\n".into(), "err".into()));
            assert_eq!(end_of(&print), Ok(()));
            assert_eq!(print.report().expect("it has run").output.stdout, b"out\n");
        }
        assert_eq!(executor.stats().workers_lost, 0, "{method}");
        let sums: Vec<u64> = executor.map(|n| value::add::task(n, n), 0..500).map(|sum| sum.expect("adds")).collect();
        assert_eq!(sums, (0..500).map(|n| 2 * n).collect::<Vec<u64>>());
        executor.shutdown(Shutdown::Finish);
    }
}

// behaviour: B50
#[test]
fn workers_are_told_apart_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let executor = pool(method, 4);
        let running = endless(&executor);
        let workers = executor.stats().workers;
        assert_eq!(workers.iter().map(|worker| worker.index).collect::<Vec<_>>(), [0, 1, 2, 3], "{method}");
        for &pid in &pids(&executor) {
            assert_eq!(std::fs::read_dir(format!("/proc/{pid}/task")).expect("alive").count(), 1, "{method}");
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("alive");
            assert!(status.contains("NoNewPrivs:\t1"), "{method}");
            let session = nix::unistd::getsid(Some(Pid::from_raw(pid.cast_signed()))).expect("alive");
            assert_eq!(session.as_raw().cast_unsigned(), pid, "{method}: a session of its own");
            check_descriptors(method, pid);
        }
        running.iter().for_each(|task| _ = task.cancel());
        // Each replacement starts from the same copy, and is no twin of another.
        let numbers: Vec<_> = (0..8).map(|_| submit(&executor, environment::random::task())).collect();
        let mut numbers: Vec<u64> = numbers.iter().map(|number| end_of(number).expect("a number")).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 8, "{method}");
        executor.shutdown(Shutdown::Finish);
    }
}

/// A worker has its channel, its claim table and its modules, and nothing of its siblings.
fn check_descriptors(method: StartMethod, pid: u32) {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("alive").map(|entry| entry.expect("alive").path());
    let beside_the_standard_ones = links.filter(|path| !["0", "1", "2"].iter().any(|fd| path.ends_with(fd)));
    let files: Vec<String> =
        beside_the_standard_ones.map(|path| std::fs::read_link(path).expect("open").display().to_string()).collect();
    let count = |start: &str| files.iter().filter(|file| file.starts_with(start)).count();
    assert_eq!(count("socket:"), 1, "{method}: {files:?}");
    assert_eq!(count("/memfd:isopool-claims"), 1, "{method}: {files:?}");
    assert_eq!(count("socket:") + count("/memfd:"), files.len(), "{method}: {files:?}");
    let input = std::fs::read_link(format!("/proc/{pid}/fd/0")).expect("open");
    assert_eq!(input, std::path::Path::new("/dev/null"), "{method}");
}

// behaviour: B50, B32
#[test]
fn worker_that_dies_loses_its_own_task_only_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let executor = pool(method, 3);
        let running = endless(&executor);
        let victim = executor.stats().workers[1];
        let behind: Vec<_> = (0..20).map(|n| submit(&executor, value::add::task(n, 1))).collect();
        send(victim.pid, Signal::SIGTERM);
        for (n, future) in (0..).zip(&behind) {
            assert_eq!(end_of(future), Ok(n + 1), "{method}");
        }
        let lost: Vec<_> = running.iter().filter(|task| task.done()).map(error_of).collect();
        let broken = lost[0].broken_process_pool().expect("its worker died");
        assert_eq!((lost.len(), broken.worker), (1, Some(victim)), "{method}");
        assert_eq!(broken.cause, BrokenCause::Signaled { signal: 15 }, "{method}");
        assert_eq!(executor.stats().workers_lost, 1, "{method}");
        for _ in 0..5 {
            works(&executor);
            let idle = pids(&executor).into_iter().find(|pid| *pid != victim.pid).expect("one is up");
            kill(idle);
        }
        works(&executor);
        executor.shutdown(Shutdown::Kill);
    }
}

// behaviour: B50, B29
#[test]
fn running_task_is_cancelled_and_the_next_runs_at_once_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let executor = pool(method, 1);
        for _ in 0..10 {
            let task = endless(&executor).remove(0);
            let pid = only_worker(&executor).pid;
            assert!(task.cancel());
            assert!(error_of(&task).is_cancelled());
            works(&executor);
            assert!(!is_alive(pid));
        }
        assert_eq!(executor.stats().workers_lost, 0, "{method}");
        executor.shutdown(Shutdown::Finish);
    }
}

// behaviour: B50, B8, B6
#[test]
fn pool_is_resized_and_its_idle_workers_leave_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let idle = Duration::from_millis(30);
        let executor = builder(method).max_workers(2).idle_timeout(idle).build().expect("builds");
        for size in [12, 2, 1, 12, 6, 1, 8, 5] {
            executor.resize(size).expect("it is open");
            let tasks: Vec<_> = (0..20).map(|n| submit(&executor, value::add::task(n, n))).collect();
            assert!(tasks.iter().all(|task| end_of(task).is_ok()), "{method}");
        }
        until("all idle workers have left", || executor.stats().workers.is_empty());
        works(&executor);
        assert_eq!(executor.stats().workers_lost, 0, "{method}");
        executor.shutdown(Shutdown::Finish);
    }
}

// behaviour: B50, B15
#[test]
fn every_shutdown_comes_to_its_end_under_every_start_method() {
    for method in StartMethod::ALL {
        for how in [Shutdown::Finish, Shutdown::CancelPending, Shutdown::Kill] {
            let _house = support::house();
            let executor = pool(method, 3);
            let tasks: Vec<_> = (0..100).map(|_| submit(&executor, resources::sleep_ms::task(1))).collect();
            if how == Shutdown::CancelPending {
                until("it has begun", || tasks[0].running() || tasks[0].done());
            }
            executor.begin_shutdown(how);
            assert!(executor.wait_for_shutdown(PATIENCE), "{method}, {how:?}: it hangs");
            assert!(tasks.iter().all(TaskFuture::done), "{method}, {how:?}");
            assert!(how != Shutdown::Finish || tasks.iter().all(|task| end_of(task).is_ok()), "{method}");
            assert_eq!(executor.stats().workers, []);
        }
    }
}

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_a_caller() {
    let Some(method) = std::env::var(CALLER_VARIABLE).ok() else { return };
    let executor = pool(method.parse().expect("a start method"), 3);
    let _running = endless(&executor);
    let servers = children(std::process::id(), "isopool-forkserver");
    let all: Vec<String> = pids(&executor).iter().chain(&servers).map(ToString::to_string).collect();
    println!("\nprocesses {}", all.join(" "));
    // Until the test kills this process; or, if the test was killed, until its patience is at its end.
    std::thread::sleep(PATIENCE);
}

// behaviour: B50, B19
#[test]
fn every_process_of_a_killed_caller_is_gone_within_a_second_under_every_start_method() {
    for method in StartMethod::ALL {
        let _house = support::house();
        let mut caller = Command::new(std::env::current_exe().expect("Linux knows the path of a program"))
            .args(["--exact", "start_methods::stands_in_for_a_caller", "--nocapture", "--test-threads=1"])
            .env(CALLER_VARIABLE, method.name())
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let lines = BufReader::new(caller.stdout.take().expect("it is piped")).lines();
        let mut lines = lines.map(|line| line.expect("the caller writes text"));
        let all = lines.find_map(|line| line.strip_prefix("processes ").map(str::to_owned)).expect("it has workers");
        let all: Vec<u32> = all.split(' ').map(|pid| pid.parse().expect("a number")).collect();
        assert_eq!(all.len(), if method == StartMethod::ForkServer { 4 } else { 3 });
        assert!(all.iter().all(|&pid| is_alive(pid)));
        kill(caller.id());
        until_within(Duration::from_secs(1), "all are gone", || !all.iter().any(|&pid| is_alive(pid)));
        caller.wait().expect("it was started here");
    }
}

// ── Fork servers ────────────────────────────────────────────────────────────────────────────────────────────────────

// behaviour: B50
#[test]
fn fork_server_is_alone_with_one_thread_and_leaves_with_its_pool() {
    let _house = support::house();
    let executor = pool(StartMethod::ForkServer, 2);
    assert!(children(std::process::id(), "isopool-forkserver").is_empty(), "none before the first worker");
    let running = endless(&executor);
    let server = fork_server();
    assert_eq!(std::fs::read_dir(format!("/proc/{server}/task")).expect("alive").count(), 1);
    let mut forked = children(server, "");
    let mut workers = pids(&executor);
    forked.sort_unstable();
    workers.sort_unstable();
    assert_eq!(forked, workers, "the workers are its children");
    running.iter().for_each(|task| _ = task.cancel());
    works(&executor);
    assert_eq!(fork_server(), server, "it forks the replacements too");
    executor.shutdown(Shutdown::Finish);
    assert!(!is_alive(server));
}

// behaviour: B50
#[test]
fn fork_server_killed_while_tasks_run_takes_them_along_and_another_one_comes() {
    let _house = support::house();
    let executor = pool(StartMethod::ForkServer, 3);
    for _ in 0..3 {
        let running = endless(&executor);
        let (server, workers) = (fork_server(), pids(&executor));
        let behind: Vec<_> = (0..30).map(|n| submit(&executor, value::add::task(n, 1))).collect();
        kill(server);
        for task in &running {
            let error = error_of(task);
            let BrokenCause::ForkServerDied { reason } = cause_of(&error) else { panic!("{error}") };
            assert_eq!(reason, format!("the fork server (pid {server}) was killed by SIGKILL (9)"));
        }
        assert!(!workers.iter().any(|&pid| is_alive(pid)));
        for (n, future) in (0..).zip(&behind) {
            assert_eq!(end_of(future), Ok(n + 1), "it had not begun");
        }
        assert_ne!(fork_server(), server);
    }
    executor.shutdown(Shutdown::Finish);
}

// behaviour: B50, B32
#[test]
fn fork_server_killed_while_idle_is_missed_by_nobody() {
    let _house = support::house();
    let executor = pool(StartMethod::ForkServer, 2);
    for _ in 0..10 {
        works(&executor);
        let workers = pids(&executor);
        kill(fork_server());
        // Before that, one of them might take the next task along.
        until("its workers are gone", || !workers.iter().any(|&pid| is_alive(pid)));
        works(&executor);
    }
    assert!(executor.broken().is_none());
    executor.shutdown(Shutdown::Finish);
    // Also one that has no worker left.
    let executor =
        builder(StartMethod::ForkServer).max_workers(1).idle_timeout(Duration::ZERO).build().expect("builds");
    works(&executor);
    until("its worker has left", || executor.stats().workers.is_empty());
    kill(fork_server());
    works(&executor);
}

// behaviour: B50
#[test]
fn fork_server_killed_at_any_moment_while_it_forks_loses_no_task_that_had_not_begun() {
    let _house = support::house();
    for round in 0..20 {
        let executor = pool(StartMethod::ForkServer, 8);
        let tasks: Vec<_> = (0..50).map(|n| submit(&executor, value::add::task(n, 1))).collect();
        until("the fork server is there", || !children(std::process::id(), "isopool-forkserver").is_empty());
        // A different moment each time: before it is up, while it forks, after it.
        std::thread::sleep(Duration::from_micros(200 * round));
        kill(fork_server());
        for (n, task) in (0..).zip(&tasks) {
            match end_of(task) {
                Ok(sum) => assert_eq!(sum, n + 1),
                Err(error) => assert!(matches!(cause_of(&error), BrokenCause::ForkServerDied { .. }), "{error}"),
            }
        }
        works(&executor);
        executor.shutdown(Shutdown::Finish);
    }
}

// behaviour: B50
// limit: FORK_SERVER_PATIENCE
#[test]
fn fork_server_that_does_not_answer_keeps_nobody_from_leaving() {
    let _house = support::house();
    let executor = pool(StartMethod::ForkServer, 1);
    // A worker whose end nobody tells.
    let running = endless(&executor).remove(0);
    let server = fork_server();
    send(server, Signal::SIGSTOP);
    kill(only_worker(&executor).pid);
    let error = error_of(&running);
    let BrokenCause::ForkServerDied { reason } = cause_of(&error) else { panic!("{error}") };
    assert_eq!(reason, format!("the fork server (pid {server}) was killed: it did not answer in time"));
    // Workers that nobody forks.
    works(&executor);
    let server = fork_server();
    executor.resize(4).expect("it is open");
    send(server, Signal::SIGSTOP);
    let tasks: Vec<_> = (0..50).map(|_| submit(&executor, resources::sleep_ms::task(1))).collect();
    executor.begin_shutdown(Shutdown::Kill);
    assert!(executor.wait_for_shutdown(Duration::from_secs(10)), "it hangs");
    assert!(tasks.iter().all(TaskFuture::done) && !is_alive(server));
}

// behaviour: B50, B38
#[test]
fn fork_servers_that_cannot_come_up_break_the_pool_with_the_reason() {
    let _house = support::house();
    works(&pool(StartMethod::Spawn, 1));
    let executor =
        builder(StartMethod::ForkServer).max_workers(3).worker_program("/bin/false").build().expect("it can be run");
    let tasks: Vec<_> = (0..9).map(|_| submit(&executor, value::add::task(1, 2))).collect();
    for task in &tasks {
        let error = error_of(task);
        let BrokenCause::SpawnFailed { reason } = cause_of(&error) else { panic!("{error}") };
        assert!(reason.contains("the fork server (pid") && reason.ends_with("left with exit code 1"), "{reason}");
    }
}
