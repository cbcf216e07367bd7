//! How many workers there are, when they come and go, and how full a pool may be.

use crate::support::{begin_waiting, executor, house, no_hang, wait_until};
use guest_basic::{failure, resources, state, value};
use isopool::{Bytes, ErrorKind, Executor, Reuse, Shutdown, TaskError, TaskFuture};
use std::collections::BTreeSet;
use std::time::Duration;

fn pids(executor: &Executor) -> BTreeSet<u32> {
    executor.stats().workers.iter().map(|worker| worker.pid).collect()
}

// behaviour: B11
#[test]
fn a_worker_starts_only_when_no_other_is_idle() {
    let _house = house();
    let executor = executor(4);
    assert_eq!(executor.stats().workers_started, 0, "none before the first task");
    for n in 0..20 {
        assert_eq!(executor.submit(value::add::task(n, 1)).expect("submits").result(), Ok(n + 1));
    }
    assert_eq!(executor.stats().workers_started, 1, "one after another needs one worker");
    let _first = begin_waiting(&executor);
    assert_eq!(executor.stats().workers_started, 1, "the idle one is used again");
    let _second = begin_waiting(&executor);
    assert_eq!(executor.stats().workers_started, 2, "a busy one is not");
    executor.shutdown(Shutdown::Kill);
}

// behaviour: B11
#[test]
fn as_many_tasks_run_at_once_as_there_are_workers_and_never_more() {
    let _house = house();
    // More than this machine has CPUs.
    let workers = 2 + isopool::cpu_count().expect("the environment names no other number");
    let executor = executor(workers);
    let futures: Vec<_> =
        (0..workers * 3).map(|_| executor.submit(crate::support::wait_for_ever()).expect("submits")).collect();
    let running = || futures.iter().filter(|future| future.running()).count();
    wait_until("all workers run a task", || running() >= workers);
    assert_eq!((running(), executor.stats().workers_started), (workers, workers as u64));
    let indexes: Vec<u32> = executor.stats().workers.iter().map(|worker| worker.index).collect();
    assert_eq!(indexes, (0..workers as u32).collect::<Vec<_>>());
    executor.shutdown(Shutdown::Kill);
}

// behaviour: B8
#[test]
fn a_pool_that_grows_or_shrinks_keeps_the_processes_of_its_surviving_workers() {
    let _house = house();
    let executor = executor(2);
    let tasks = [begin_waiting(&executor), begin_waiting(&executor)];
    let before = pids(&executor);
    executor.resize(4).expect("4 is a good number");
    let more = [begin_waiting(&executor), begin_waiting(&executor)];
    assert!(pids(&executor).is_superset(&before) && pids(&executor).len() == 4);
    // The surplus leaves when it has nothing to do; what runs is not touched, and nobody waits for it.
    executor.resize(1).expect("1 is a good number");
    assert_eq!(executor.max_workers(), 1);
    assert!(tasks.iter().chain(&more).all(|future| future.running()));
    let all = pids(&executor);
    for future in &more {
        future.cancel();
    }
    wait_until("two workers are gone", || executor.stats().workers.len() == 2);
    assert!(pids(&executor).is_subset(&all));
    for future in &tasks {
        future.cancel();
    }
    assert_eq!(executor.submit(value::add::task(1, 2)).expect("submits").result(), Ok(3));
    wait_until("one worker is left", || executor.stats().workers.len() == 1);
}

// behaviour: B8
#[test]
fn idle_surplus_workers_leave_and_the_others_stay() {
    let _house = house();
    let executor = executor(3);
    let sleeping: Vec<_> = (0..3).map(|_| executor.submit(resources::sleep_ms::task(100)).expect("submits")).collect();
    wait_until("three run", || sleeping.iter().all(|future| future.running() || future.done()));
    sleeping.iter().for_each(|future| future.result().expect("sleeps"));
    let before = pids(&executor);
    assert_eq!(before.len(), 3);
    executor.resize(2).expect("2 is a good number");
    wait_until("one has left", || executor.stats().workers.len() == 2);
    assert!(pids(&executor).is_subset(&before));
    let stats = executor.stats();
    assert_eq!((stats.workers_started, stats.workers_lost), (3, 0));
}

// behaviour: B8
#[test]
fn a_storm_of_sizes_never_hangs_nor_loses_a_task() {
    let _house = house();
    let executor = executor(4);
    no_hang("a storm of sizes", move || {
        let mut futures = Vec::new();
        for _ in 0..3 {
            for size in [12, 2, 1, 12, 6, 1, 8, 5] {
                executor.resize(size).expect("it is a good number");
                futures.extend((0..20).map(|n| (n, executor.submit(value::add::task(n, 1)).expect("submits"))));
            }
        }
        for (n, future) in &futures {
            assert_eq!(future.result(), Ok(n + 1));
        }
        wait_until("the last size holds", || executor.stats().workers.len() <= 5);
        assert_eq!(executor.stats().finished, futures.len() as u64);
    });
}

// behaviour: B8
#[test]
fn sizes_out_of_range_are_refused_and_change_nothing() {
    let _house = house();
    let executor = executor(2);
    for size in [0, isopool::limits::MAX_WORKERS + 1] {
        assert_eq!(executor.resize(size).expect_err("out of range").kind(), ErrorKind::InvalidOption);
        let built = Executor::builder().max_workers(size).build();
        assert_eq!(built.expect_err("out of range").kind(), ErrorKind::InvalidOption);
    }
    assert_eq!(executor.max_workers(), 2);
}

// behaviour: B6
#[test]
fn idle_workers_leave_and_the_next_task_does_not_notice() {
    let _house = house();
    let idle_timeout = Duration::from_millis(20);
    let executor = Executor::builder().max_workers(2).idle_timeout(idle_timeout).build().expect("builds");
    for round in 1..4 {
        assert_eq!(executor.submit(value::add::task(round, 1)).expect("submits").result(), Ok(round + 1));
        wait_until("the idle worker has left", || executor.stats().workers.is_empty());
        assert_eq!(executor.stats().workers_started, round);
    }
    executor.resize(3).expect("it works when all are gone");
    assert_eq!(executor.submit(value::add::task(1, 1)).expect("submits").result(), Ok(2));
    assert_eq!((executor.stats().workers_lost, executor.stats().failed), (0, 0));
}

// behaviour: B45
#[test]
fn an_idle_timeout_shorter_than_the_encoding_of_an_argument_loses_no_task() {
    let _house = house();
    let idle_timeout = Duration::from_micros(1);
    let executor = Executor::builder().max_workers(1).idle_timeout(idle_timeout).build().expect("builds");
    let bytes = Bytes::from(vec![7u8; 8 << 20]);
    no_hang("tasks under a tiny idle timeout", move || {
        for _ in 0..10 {
            let echo = executor.submit(value::echo::task(bytes.clone())).expect("submits");
            assert_eq!(echo.result().map(|echo| echo.len()), Ok(bytes.len()));
            let counts: Vec<_> = (0..20).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
            assert!(counts.iter().all(|future| future.result().is_ok()));
        }
        assert_eq!((executor.stats().finished, executor.stats().workers_lost), (210, 0));
    });
}

// behaviour: B22
#[test]
fn a_full_queue_gives_the_task_back_and_submit_waits_for_room() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).queue_capacity(3).build().expect("builds");
    let running = begin_waiting(&executor);
    let waiting: Vec<_> = (0..2).map(|n| executor.try_submit(value::add::task(n, 1)).expect("there is room")).collect();
    let refused = executor.try_submit(value::add::task(40, 2)).expect_err("it is full");
    assert_eq!(refused.error.kind(), ErrorKind::QueueFull);
    assert!(refused.error.to_string().contains("3 tasks are unfinished"), "{}", refused.error);
    let task = refused.task;
    let submitting = {
        let executor = executor.clone();
        std::thread::spawn(move || executor.submit(task).map(|future| future.result()))
    };
    assert_eq!(executor.stats().submitted, 3, "nobody is let in over the limit");
    running.cancel();
    let answer = no_hang("submit waits for room", || submitting.join().expect("it does not panic"));
    assert_eq!(answer.expect("submits"), Ok(42), "the task that was given back is whole");
    assert!((1..).zip(&waiting).all(|(sum, future)| future.result() == Ok(sum)));
}

// behaviour: B22
#[test]
fn every_way_to_end_gives_its_room_back() {
    let _house = house();
    let executor =
        Executor::builder().max_workers(1).queue_capacity(2).max_argument_bytes(100).build().expect("builds");
    no_hang("a queue with room for two", move || {
        for _ in 0..10 {
            executor.submit(value::noop::task()).expect("submits").result().expect("returns");
            let _ = executor.submit(failure::panics::task("on purpose".into())).expect("submits").result();
            let _ = executor.submit(guest_basic::crash::trap_unreachable::task()).expect("submits").result();
            let _ = executor.submit(value::echo_vec::task(vec![0; 1000])).expect("submits").result();
            assert!(begin_waiting(&executor).cancel());
        }
        let both = [executor.try_submit(value::noop::task()), executor.try_submit(value::noop::task())];
        assert!(both.iter().all(|submitted| submitted.is_ok()), "all places are free again");
    });
}

// behaviour: B23, B41
#[test]
fn a_hundred_tasks_that_do_not_encode_cost_the_pool_nothing() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).queue_capacity(10).max_argument_bytes(64);
    let executor = builder.build().expect("builds");
    let module = executor.load("basic", value::noop::task().module.wasm).expect("it is the stubs' own module");
    let noop = module.function("value::noop").expect("it is there");
    no_hang("good tasks after bad ones", move || {
        for _ in 0..100 {
            let unwritable = executor.submit(noop.call::<_, ()>((failure::Unwritable,))).expect("the future's error");
            let error = unwritable.result().expect_err("it cannot be written");
            assert!(matches!(error, TaskError::Codec { .. }), "{error}");
            assert!(error.to_string().contains("this value refuses to be written"), "{error}");
            let large = executor.submit(value::echo_vec::task(vec![0; 65])).expect("the error is the future's");
            assert!(matches!(large.result(), Err(TaskError::ArgumentTooLarge { limit: 64, .. })), "{large:?}");
        }
        for n in 0..100 {
            assert_eq!(executor.submit(value::add::task(n, 1)).expect("submits").result(), Ok(n + 1));
        }
    });
}

// behaviour: B21
#[test]
fn ten_threads_submit_map_cancel_and_shut_down_at_once() {
    let _house = house();
    let executor = executor(3);
    let threads: Vec<_> = (0..10u64)
        .map(|number| {
            let executor = executor.clone();
            std::thread::spawn(move || match number % 3 {
                0 => (0..50).for_each(|n| {
                    // It may come after the shutdown.
                    let Ok(future) = executor.submit(value::add::task(n, number)) else { return };
                    assert!(matches!(future.result(), Ok(_) | Err(TaskError::Cancelled { .. })));
                }),
                1 => executor.map(|n| value::add::task(n, number), 0..100).enumerate().for_each(|(n, result)| {
                    assert!(result.is_err() || result == Ok(n as u64 + number));
                }),
                _ => (0..50).for_each(|_| {
                    let Ok(future) = executor.submit(resources::sleep_ms::task(1)) else { return };
                    assert!(future.cancel() || future.done());
                }),
            })
        })
        .collect();
    wait_until("they are at work", || executor.stats().submitted > 200);
    no_hang("ten threads and a shutdown", move || {
        executor.shutdown(Shutdown::CancelPending);
        threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
    });
}

// behaviour: B21
#[test]
fn two_hundred_and_ten_submits_are_chained_through_callbacks() {
    let _house = house();
    fn next(executor: Executor, n: u64, end: std::sync::mpsc::Sender<u64>) {
        let future = executor.submit(value::add::task(n, 1)).expect("the executor is open");
        future.add_done_callback(move |done| match done.result().expect("adds") {
            210 => end.send(210).expect("the test listens"),
            sum => next(executor, sum, end),
        });
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    next(executor(2), 0, sender);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(210));
}

// behaviour: B47
#[test]
fn a_test_program_is_its_own_worker_without_a_guard_in_main() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).reuse(Reuse::Worker).build().expect("builds");
    // Nothing but the constructor makes a worker of this very program: `cargo test` wrote its `main`.
    assert_eq!(executor.submit(state::counter::task()).expect("submits").result(), Ok(1));
    let pid = executor.stats().workers[0].pid;
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).expect("it is our child");
    assert_eq!(program, std::env::current_exe().expect("this program has a path"));
}

#[test]
fn the_arguments_of_unfinished_tasks_are_bounded_together() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).max_argument_bytes(1000);
    let executor = builder.clone().max_pending_bytes(2000).build().expect("builds");
    let long = || guest_basic::environment::env::task("x".repeat(900));
    let busy = begin_waiting(&executor);
    let (first, second) = (executor.submit(long()).expect("has room"), executor.submit(long()).expect("has room"));
    let refused = executor.try_submit(long()).expect_err("there is no room");
    assert_eq!(refused.error.kind(), ErrorKind::QueueFull);
    let told = refused.error.to_string();
    let expected = "bytes of arguments, those of all unfinished tasks together may have 2000; wait for some, submit() to \
                    wait for room, or raise max_pending_bytes()";
    assert!(told.starts_with("the queue is full: the task has 90") && told.ends_with(expected), "{told}");
    let small = executor.try_submit(value::add::task(2, 3)).expect("is small enough");
    let (waiting, task) = (executor.clone(), refused.task);
    let third = std::thread::spawn(move || waiting.submit(task).expect("waits for room"));
    assert!(first.cancel());
    let third = third.join().expect("did not panic");
    assert!(busy.cancel());
    assert_eq!((second.result(), small.result(), third.result()), (Ok(None), Ok(5), Ok(None)));

    let busy = begin_waiting(&executor);
    let full = [executor.submit(long()), executor.submit(long())];
    let waiting = executor.clone();
    let late = std::thread::spawn(move || waiting.submit(long()).map(drop));
    executor.shutdown(Shutdown::Kill);
    let error = late.join().expect("did not panic").expect_err("the executor has ended");
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    assert!(busy.done() && full.iter().all(|future| future.as_ref().is_ok_and(TaskFuture::done)));

    let error = builder.max_pending_bytes(999).build().map(drop).expect_err("one task could never be submitted");
    assert!(error.to_string().starts_with("max_pending_bytes is 999; it must be between 1000 and "), "{error}");
}
