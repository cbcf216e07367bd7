//! What a guest sees of its surroundings, and what the caller sees of a guest.

use crate::support::{executor, house, logs, wait_until};
use guest_basic::{environment, resources, state, value};
use isopool::{Bytes, Executor, GuestOutput, Reuse};
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::Level;

// behaviour: B43
#[test]
fn the_environment_of_the_pool_is_all_that_guests_see() {
    let _house = house();
    let executor =
        Executor::builder().max_workers(1).env("TWICE", "first").env("TWICE", "second").env("EMPTY", "").build();
    let executor = executor.expect("builds");
    let see = |name: &str| executor.submit(environment::env::task(name.into())).expect("submits").result();
    assert_eq!(see("TWICE"), Ok(Some("second".into())));
    assert_eq!(see("EMPTY"), Ok(Some(String::new())));
    assert!(std::env::var_os("PATH").is_some());
    assert_eq!(see("PATH"), Ok(None), "nothing of the caller's own");
    let folder = executor.submit(environment::list_folder::task("/".into())).expect("submits");
    assert!(folder.result().is_err(), "and no files");
}

// behaviour: B43
#[test]
fn a_guest_knows_its_task_and_its_worker() {
    let _house = house();
    let executor = executor(3);
    let sleeping: Vec<_> = (0..3).map(|_| executor.submit(resources::sleep_ms::task(200)).expect("submits")).collect();
    wait_until("three workers are up", || executor.stats().workers.len() == 3);
    sleeping.iter().for_each(|future| future.result().expect("sleeps"));
    let mut seen = BTreeSet::new();
    for _ in 0..30 {
        let future = executor.submit(environment::context::task()).expect("submits");
        let (task, index) = future.result().expect("it is in a sandbox");
        assert_eq!(task, future.task().id().get());
        assert_eq!(Some(index), future.report().map(|report| report.worker_index));
        seen.insert(index);
    }
    assert!(seen.iter().all(|index| *index < 3), "{seen:?}");
    let indexes: Vec<_> = executor.stats().workers.iter().map(|worker| worker.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
}

// behaviour: B43
#[test]
fn a_replacement_takes_the_index_of_the_worker_that_is_gone() {
    let _house = house();
    let executor = executor(2);
    for _ in 0..3 {
        let both = [crate::support::begin_waiting(&executor), crate::support::begin_waiting(&executor)];
        let indexes: Vec<_> = executor.stats().workers.iter().map(|worker| worker.index).collect();
        assert_eq!(indexes, [0, 1]);
        both.iter().for_each(|future| _ = future.cancel());
    }
    assert_eq!(executor.stats().workers_started, 6);
}

// behaviour: B43
#[test]
fn output_is_captured_for_each_task_and_bounded() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).guest_output(GuestOutput::Capture);
    let executor = builder.max_output_bytes(1000).build().expect("builds");
    let print = |out: &str, err: &str| {
        let future = executor.submit(environment::print::task(out.into(), err.into())).expect("submits");
        future.result().expect("both streams are open");
        future.report().expect("it has run").output.clone()
    };
    let output = print("to out\n", "to err");
    assert_eq!((&output.stdout[..], &output.stderr[..], output.dropped_bytes), (&b"to out\n"[..], &b"to err"[..], 0));
    let output = print("", "again");
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b"again"[..]), "nothing of another task");
    let output = print(&"x".repeat(900), &"y".repeat(900));
    assert_eq!((output.stdout.len(), output.stderr.len(), output.dropped_bytes), (900, 100, 800));
}

// behaviour: B43
#[test]
fn output_that_is_discarded_is_nowhere() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).guest_output(GuestOutput::Discard).build().expect("builds");
    let future = executor.submit(environment::print::task("out".into(), "err".into())).expect("submits");
    future.result().expect("a guest cannot tell");
    assert_eq!(future.report().expect("it has run").output, isopool::CapturedOutput::default());
}

// What a guest logs is the caller's `tracing`.
#[test]
fn log_records_of_guests_reach_tracing_with_their_task_and_source() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(1);
    let text = "a text that only this test logs";
    let future = executor.submit(environment::log_all_levels::task(text.into())).expect("submits");
    future.result().expect("it logs");
    // Each record was handed over before the task's end.
    let logged = log.with(text);
    let levels: Vec<_> = logged.iter().map(|logged| logged.level).collect();
    assert_eq!(levels, [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]);
    for logged in &logged {
        assert_eq!(logged.target, "isopool::guest");
        assert_eq!(logged.field("task"), future.task().id().get().to_string());
        assert_eq!(logged.field("function"), "environment::log_all_levels");
        assert_eq!(logged.field("worker"), "0");
        assert!(logged.field("guest.file").ends_with("environment.rs"), "{logged:?}");
    }
    assert_eq!(logged[0].field("message"), format!("error {text}"));
    assert_eq!(logged[4].field("guest.target"), "a_target");
}

// An instance of its own for each task, unless the executor says otherwise.
#[test]
fn every_task_begins_in_a_fresh_instance() {
    let _house = house();
    let executor = executor(1);
    for _ in 0..5 {
        assert_eq!(executor.submit(state::counter::task()).expect("submits").result(), Ok(1));
    }
    executor.submit(state::set_global::task(7)).expect("submits").result().expect("sets");
    assert_eq!(executor.submit(state::get_global::task()).expect("submits").result(), Ok(0));
    assert_eq!(executor.stats().workers_started, 1, "all of this was one process");
}

// `Reuse::Worker`: what loky's workers do.
#[test]
fn a_reused_instance_keeps_its_state_until_it_traps_or_panics() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).reuse(Reuse::Worker).build().expect("builds");
    let count = || executor.submit(state::counter::task()).expect("submits").result().expect("counts");
    assert_eq!([count(), count(), count()], [1, 2, 3]);
    let panicking = executor.submit(guest_basic::failure::panics::task("on purpose".into())).expect("submits");
    assert!(panicking.result().is_err());
    assert_eq!([count(), count()], [1, 2]);
    let trapping = executor.submit(guest_basic::crash::trap_unreachable::task()).expect("submits");
    assert!(trapping.result().is_err());
    assert_eq!([count(), count()], [1, 2]);
    // An error that is an answer changes nothing.
    assert!(executor.submit(guest_basic::failure::fails::task()).expect("submits").result().is_err());
    assert_eq!((count(), executor.stats().workers_started), (3, 1));
}

// The initializer, by snapshot and per worker.
#[test]
fn what_an_initializer_leaves_is_where_every_instance_begins() {
    let _house = house();
    for reuse in [Reuse::Never, Reuse::Worker] {
        let builder = Executor::builder().max_workers(2).reuse(reuse).initializer(state::set_global::task(42));
        let executor = builder.build().expect("builds");
        let see = || executor.submit(state::get_global::task()).expect("submits");
        let seen: Vec<_> = (0..20).map(|_| see()).collect();
        assert!(seen.iter().all(|future| future.result() == Ok(42)), "{reuse:?}");
        executor.submit(state::set_global::task(1)).expect("submits").result().expect("sets");
        if reuse == Reuse::Never {
            assert_eq!(see().result(), Ok(42), "a task's own change is its own");
        }
    }
    // Another argument is another snapshot, and none is none.
    let builder = Executor::builder().max_workers(1).initializer(state::set_global_checked::task(43));
    let other = builder.build().expect("builds");
    assert_eq!(other.submit(state::get_global::task()).expect("submits").result(), Ok(43));
    let plain = executor(1);
    assert_eq!(plain.submit(state::get_global::task()).expect("submits").result(), Ok(0));
}

// 64 MiB must work in both directions.
#[test]
fn sixty_four_mebibytes_go_there_and_come_back() {
    let _house = house();
    let executor = executor(1);
    let length = 64 << 20;
    let bytes: Vec<u8> = (0..length).map(|index: usize| (index.wrapping_mul(31) >> 7) as u8).collect();
    let bytes = Bytes::from(bytes);
    let future = executor.submit(value::echo::task(bytes.clone())).expect("submits");
    assert!(future.result().expect("it is under the limits") == bytes);
    let big = executor.submit(value::big_result::task(length)).expect("submits").result().expect("it fits");
    assert!(big.len() == length && big[255] == 255 && big[length - 1] == 255);
    assert!(future.report().expect("it has run").peak_memory_bytes >= length as u64);
}

// Reports: what a task cost.
#[test]
fn a_report_says_what_a_task_cost_and_where_it_ran() {
    let _house = house();
    let executor = executor(1);
    let sleeping = executor.submit(resources::sleep_ms::task(100)).expect("submits");
    let allocating = executor.submit(resources::allocate::task(8 << 20)).expect("submits");
    assert!(sleeping.report().is_none_or(|_| sleeping.done()), "there is none before the end");
    allocating.result().expect("there is memory");
    let worker = executor.stats().workers[0];
    let report = sleeping.report().expect("it has run");
    assert!(report.run_time >= Duration::from_millis(100), "{report:?}");
    assert_eq!((report.worker_index, report.pid), (worker.index, worker.pid));
    assert_eq!(report.dropped_log_records, 0);
    let report = allocating.report().expect("it has run");
    assert!(report.peak_memory_bytes >= 8 << 20, "{report:?}");
    assert!(report.run_time > Duration::ZERO);
    let failing = executor.submit(guest_basic::failure::fails::task()).expect("submits");
    assert!(failing.result().is_err() && failing.report().is_some(), "a failure has its costs too");
    let cancelled = crate::support::begin_waiting(&executor);
    assert!(cancelled.cancel() && cancelled.report().is_none(), "nobody can say what this one cost");
}

// Stats: numbers about the pool.
#[test]
fn stats_count_every_task_once() {
    let _house = house();
    let executor = executor(2);
    for n in 0..10 {
        executor.submit(value::add::task(n, 1)).expect("submits").result().expect("adds");
    }
    for _ in 0..3 {
        assert!(executor.submit(guest_basic::failure::fails::task()).expect("submits").result().is_err());
    }
    let running = [crate::support::begin_waiting(&executor), crate::support::begin_waiting(&executor)];
    let pending: Vec<_> = (0..200).map(|_| executor.submit(value::noop::task()).expect("submits")).collect();
    // 64 of each worker's tasks are with it; the rest waits here.
    wait_until("the rest waits", || executor.stats().waiting == 202 - 2 * 64);
    let stats = executor.stats();
    assert_eq!((stats.submitted, stats.finished, stats.failed, stats.cancelled), (215, 10, 3, 0));
    assert_eq!((stats.workers.len(), stats.workers_started, stats.workers_lost), (2, 2, 0));
    running.iter().for_each(|future| _ = future.cancel());
    pending.iter().for_each(|future| future.result().expect("its turn has come"));
    let stats = executor.stats();
    assert_eq!((stats.submitted, stats.finished, stats.failed, stats.cancelled), (215, 210, 3, 2));
    assert_eq!(stats.waiting, 0);
}
