//! How an executor ends, and what becomes of its tasks and workers.

use crate::support::{begin_waiting, executor, house, no_hang, wait_for_ever, wait_until};
use guest_basic::{crash, resources, value};
use isopool::{ErrorKind, Executor, Shutdown, TaskError, TaskFuture};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

fn noops(executor: &Executor, count: usize) -> Vec<TaskFuture<()>> {
    (0..count).map(|_| executor.submit(value::noop::task()).expect("submits")).collect()
}

// behaviour: B15
#[test]
fn a_patient_shutdown_finishes_everything_and_can_be_repeated() {
    let _house = house();
    let executor = executor(2);
    let futures = noops(&executor, 300);
    executor.shutdown(Shutdown::Finish);
    assert!(futures.iter().all(|future| future.done() && future.result() == Ok(())));
    executor.shutdown(Shutdown::Finish);
    executor.shutdown(Shutdown::Kill);
    assert!(executor.is_shut_down() && executor.broken().is_none());
    assert_eq!(executor.stats().workers, []);
}

// behaviour: B15
#[test]
fn a_shutdown_that_cancels_lets_only_what_runs_finish() {
    let _house = house();
    let executor = executor(1);
    let running = executor.submit(resources::sleep_ms::task(500)).expect("submits");
    wait_until("it runs", || running.running());
    let pending = noops(&executor, 200);
    executor.shutdown(Shutdown::CancelPending);
    assert_eq!(running.result(), Ok(()));
    assert!(pending.iter().all(|future| future.cancelled()));
}

// behaviour: B15
#[test]
fn a_killing_shutdown_fails_running_and_pending_tasks_within_five_seconds() {
    let _house = house();
    let executor = executor(4);
    let running: Vec<_> = (0..4).map(|_| begin_waiting(&executor)).collect();
    let pending = noops(&executor, 300);
    let begin = Instant::now();
    executor.shutdown(Shutdown::Kill);
    assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
    for future in running.iter().chain(&pending) {
        assert!(matches!(future.result(), Err(TaskError::Shutdown { .. })), "{future:?}");
    }
}

// behaviour: B15
#[test]
fn a_shutdown_with_a_deadline_is_patient_first_and_then_kills() {
    let _house = house();
    let patient = executor(1);
    let futures = noops(&patient, 50);
    patient.shutdown(Shutdown::FinishWithin(Duration::from_secs(60)));
    assert!(futures.iter().all(|future| future.result() == Ok(())));
    let executor = executor(1);
    let endless = begin_waiting(&executor);
    let stuck = executor.clone();
    no_hang("a deadline", move || stuck.shutdown(Shutdown::FinishWithin(Duration::from_millis(50))));
    assert!(matches!(endless.result(), Err(TaskError::Shutdown { .. })));
}

// behaviour: B16
#[test]
fn nothing_can_be_submitted_after_a_shutdown() {
    let _house = house();
    let executor = executor(1);
    executor.submit(value::noop::task()).expect("submits").result().expect("returns");
    executor.begin_shutdown(Shutdown::Finish);
    let error = executor.submit(value::noop::task()).expect_err("it is closed at once");
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    let refused = executor.try_submit(value::add::task(1, 2)).expect_err("it is closed at once");
    assert_eq!(refused.error.kind(), ErrorKind::Shutdown);
    assert!(executor.wait_for_shutdown(Duration::from_secs(60)));
    assert_eq!(executor.resize(2).expect_err("it has ended").kind(), ErrorKind::Shutdown);
}

// behaviour: B16
#[test]
fn a_dropped_executor_finishes_its_work_and_still_reports_a_crash() {
    let _house = house();
    let executor = executor(1);
    let blocker = begin_waiting(&executor);
    let good = executor.submit(value::add::task(1, 2)).expect("submits");
    let bad = executor.submit(crash::trap_unreachable::task()).expect("submits");
    let last = executor.submit(value::add::task(3, 4)).expect("submits");
    drop(executor);
    // The handle is gone, and the future can still cancel.
    assert!(blocker.cancel());
    assert_eq!((good.result(), last.result()), (Ok(3), Ok(7)));
    assert!(bad.result().is_err_and(|error| error.broken_process_pool().is_some()));
}

// behaviour: B17
#[test]
fn a_callback_can_shut_its_executor_down() {
    let _house = house();
    for how in [Shutdown::Finish, Shutdown::CancelPending, Shutdown::Kill] {
        let executor = executor(2);
        let (sender, receiver) = channel();
        let blocker = begin_waiting(&executor);
        let inner = executor.clone();
        blocker.add_done_callback(move |_| {
            inner.shutdown(how);
            sender.send(()).expect("the test listens");
        });
        let futures = noops(&executor, 50);
        blocker.cancel();
        receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|error| panic!("{how:?}: {error}"));
        assert!(futures.iter().all(|future| future.done()), "{how:?}");
    }
}

// behaviour: B17
#[test]
fn many_threads_can_shut_down_at_once_each_in_its_way() {
    let _house = house();
    let executor = executor(2);
    let _running = begin_waiting(&executor);
    let futures = noops(&executor, 200);
    let ways = [Shutdown::Finish, Shutdown::CancelPending, Shutdown::Finish, Shutdown::Kill];
    let threads = ways.map(|how| {
        let executor = executor.clone();
        std::thread::spawn(move || executor.shutdown(how))
    });
    no_hang("four shutdowns at once", || threads.map(|thread| thread.join().expect("it does not panic")));
    assert!(futures.iter().all(|future| future.done()));
}

// behaviour: B17
#[test]
fn a_shutdown_wakes_those_who_wait_for_room() {
    let _house = house();
    for how in [Shutdown::CancelPending, Shutdown::Kill] {
        let executor = Executor::builder().max_workers(1).queue_capacity(2).build().expect("builds");
        let running = begin_waiting(&executor);
        let pending = executor.submit(wait_for_ever()).expect("there is room for two");
        let (sender, receiver) = channel();
        let waiting = executor.clone();
        let thread = std::thread::spawn(move || {
            sender.send(()).expect("the test listens");
            waiting.submit(value::noop::task()).map(|future| future.result())
        });
        receiver.recv().expect("the thread runs");
        executor.begin_shutdown(how);
        // What has begun may finish, and would take for ever.
        running.cancel();
        let got = no_hang("a submit that waits for room", || thread.join().expect("it does not panic"));
        assert!(got.as_ref().is_err_and(|error| error.kind() == ErrorKind::Shutdown), "{how:?}: {got:?}");
        assert!(pending.exception().is_some());
        no_hang("the shutdown", move || executor.shutdown(Shutdown::Finish));
    }
}

// behaviour: B17
#[test]
fn a_shutdown_ends_with_no_work_and_with_only_cancelled_work() {
    let _house = house();
    let unused = executor(3);
    no_hang("an executor that never had a task", move || unused.shutdown(Shutdown::Finish));
    let executor = executor(1);
    let all: Vec<_> = (0..50).map(|_| executor.submit(wait_for_ever()).expect("submits")).collect();
    assert!(all.iter().all(|future| future.cancel()));
    no_hang("an executor with only cancelled tasks", move || executor.shutdown(Shutdown::Finish));
}

// behaviour: B17
#[test]
fn a_shutdown_while_a_worker_is_replaced_or_crashes_ends() {
    let _house = house();
    for round in 0..5 {
        let replaced = executor(2);
        let running = begin_waiting(&replaced);
        let behind = noops(&replaced, 20);
        running.cancel();
        let waits = replaced.clone();
        no_hang("a shutdown while a worker is replaced", move || waits.shutdown(Shutdown::Finish));
        assert!(behind.iter().all(|future| future.result() == Ok(())), "round {round}");

        let crashing = executor(2);
        let running = begin_waiting(&crashing);
        let pid = crashing.stats().workers[0].pid.to_string();
        let behind = noops(&crashing, 20);
        crashing.begin_shutdown(Shutdown::Finish);
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().expect("kill runs");
        assert!(killed.success());
        no_hang("a shutdown while a worker crashes", move || crashing.shutdown(Shutdown::Finish));
        assert!(running.result().is_err_and(|error| error.broken_process_pool().is_some()));
        assert!(behind.iter().all(|future| future.result() == Ok(())), "round {round}");
    }
}

// behaviour: B46
#[test]
fn killing_workers_when_there_are_none_or_dead_ones_is_no_error_and_submit_fails_after() {
    let _house = house();
    let never_used = executor(2);
    never_used.shutdown(Shutdown::Kill);
    let dead = executor(2);
    let running = [begin_waiting(&dead), begin_waiting(&dead)];
    for worker in dead.stats().workers {
        crate::patience::kill(worker.pid);
    }
    dead.shutdown(Shutdown::Kill);
    assert!(running.iter().all(TaskFuture::done));
    for executor in [never_used, dead] {
        executor.shutdown(Shutdown::Kill);
        let refused = executor.submit(value::noop::task()).expect_err("it was shut down");
        assert_eq!(refused.kind(), ErrorKind::Shutdown);
        assert_eq!(executor.stats().workers, []);
    }
}

// behaviour: B18
#[test]
fn fifty_executors_one_after_another_leave_nothing_behind() {
    // The house looks for processes, descriptors and shared memory; a leak of one each would be seen fifty times.
    let _house = house();
    for round in 0..50 {
        let executor = executor(1);
        assert_eq!(executor.submit(value::add::task(round, 1)).expect("submits").result(), Ok(round + 1));
        executor.shutdown(if round % 2 == 0 { Shutdown::Finish } else { Shutdown::Kill });
    }
}

// behaviour: B18
#[test]
fn a_worker_inherits_exactly_the_descriptors_it_needs() {
    let _house = house();
    // Without close-on-exec it reaches every child that does not take care.
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    let inheritable = nix::unistd::dup(&reader).expect("a descriptor is free");
    let link = format!("/proc/self/fd/{}", inheritable.as_raw_fd());
    let pipe = std::fs::read_link(link).expect("it is open");
    let executor = executor(1);
    let running = begin_waiting(&executor);
    let folder = PathBuf::from(format!("/proc/{}/fd", executor.stats().workers[0].pid));
    let mut sockets = 0;
    for entry in std::fs::read_dir(&folder).expect("it is our child").flatten() {
        let target = std::fs::read_link(entry.path()).expect("a worker that waits closes nothing");
        assert_ne!(target, pipe);
        let number: u32 = entry.file_name().to_string_lossy().parse().expect("descriptors are numbers");
        let said = target.to_string_lossy();
        sockets += u32::from(number > 2 && said.starts_with("socket:"));
        // Its channel; its claims and modules; what its engine polls with.
        let needed = ["socket:", "/memfd:", "anon_inode:[event"].iter().any(|kind| said.starts_with(kind));
        assert!(number <= 2 || needed, "descriptor {number} is {said}");
    }
    assert_eq!(std::fs::read_link(folder.join("0")).expect("it is open"), PathBuf::from("/dev/null"));
    assert_eq!(sockets, 1, "a worker has one channel");
    running.cancel();
}
