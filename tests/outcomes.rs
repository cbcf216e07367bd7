//! What becomes of what: the table of the design, row by row, under both containments.

use crate::patience::{end_of, error_of, is_alive, kill, only_worker, until};
use crate::support;
use guest_basic::{crash, failure, resources, value};
use isopool::{BrokenCause, Codec, Containment, ErrorKind, Executor, IntoTask, Side, TaskError, TaskFuture, TrapCode};
use serde::de::DeserializeOwned;

/// Whether the worker is the same process after a task as before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worker {
    Kept,
    Replaced,
}

fn one_worker() -> Executor {
    Executor::builder().max_workers(1).build().expect("one worker is allowed")
}

fn submit<T: IntoTask>(executor: &Executor, task: T) -> TaskFuture<T::Output> {
    executor.submit(task).expect("an open executor takes a sound task")
}

/// Runs a task that must fail between two neighbours, and checks that they are untouched, what became of the worker,
/// and that the pool goes on.
fn failing_task<T: IntoTask>(executor: &Executor, task: T, worker: Worker) -> TaskError
where
    T::Output: DeserializeOwned,
{
    assert_eq!(end_of(&submit(executor, value::add::task(1, 1))).expect("the pool works"), 2);
    let before = only_worker(executor);
    let failing = submit(executor, task);
    let behind: Vec<_> = (0..10).map(|n| submit(executor, value::add::task(n, 1))).collect();
    let error = error_of(&failing);
    for (n, future) in (0..).zip(&behind) {
        assert_eq!(end_of(future).expect("a neighbour is untouched"), n + 1);
    }
    assert!(executor.broken().is_none());
    let after = only_worker(executor);
    assert_eq!(after.index, before.index);
    assert_eq!(if after.pid == before.pid { Worker::Kept } else { Worker::Replaced }, worker, "{error}");
    assert_eq!(error.task(), Some(failing.task()));
    error
}

fn trap_of(error: &TaskError) -> &isopool::Trap {
    let broken = error.broken_process_pool().unwrap_or_else(|| panic!("no trap: {error}"));
    assert_eq!(broken.culprit, None);
    assert!(broken.worker.is_some(), "{error}");
    match &broken.cause {
        BrokenCause::Trap(trap) => trap,
        cause => panic!("no trap: {cause}"),
    }
}

#[test]
fn value_comes_back_and_the_worker_is_kept() {
    let _house = support::house();
    let executor = one_worker();
    assert_eq!(end_of(&submit(&executor, value::add::task(2, 3))).expect("adds"), 5);
    let worker = only_worker(&executor);
    let future = submit(&executor, value::word_count::task("the cat the hat".to_owned()));
    assert_eq!(end_of(&future).expect("counts").words["the"], 2);
    assert_eq!(only_worker(&executor), worker);
    let report = future.report().expect("a task that ended has a report");
    assert_eq!((report.pid, report.worker_index), (worker.pid, worker.index));
}

#[test]
fn error_of_the_guest_fails_its_task_with_all_its_causes() {
    let _house = support::house();
    let executor = one_worker();
    let error = failing_task(&executor, failure::fails::task(), Worker::Kept);
    let TaskError::Failed { failure, .. } = &error else { panic!("{error}") };
    assert_eq!((failure.message.as_str(), failure.trace.len()), ("this task always fails", 0));
    let with_source = failure::fails_with_source::task("x".to_owned());
    let boxed = failure::fails_in_a_box::task("x".to_owned());
    for error in [failing_task(&executor, with_source, Worker::Kept), failing_task(&executor, boxed, Worker::Kept)] {
        let TaskError::Failed { failure, .. } = &error else { panic!("{error}") };
        assert_eq!(failure.message, "cannot read the settings");
        assert_eq!(failure.trace, ["invalid digit found in string"]);
        let told = error.to_string();
        assert!(
            told.ends_with(" failed: cannot read the settings\n  caused by: invalid digit found in string"),
            "{told}"
        );
    }
}

#[test]
fn panic_of_the_guest_is_told_with_message_place_and_backtrace() {
    let _house = support::house();
    let executor = one_worker();
    let error = failing_task(&executor, failure::panics::task("boom".to_owned()), Worker::Kept);
    let TaskError::Panicked { panic, .. } = &error else { panic!("{error}") };
    assert_eq!(panic.message, "boom");
    let place = panic.location.as_ref().expect("the guest knows where it panicked");
    assert!(place.file.ends_with("failure.rs") && place.line > 0, "{place}");
    assert!(panic.backtrace.iter().any(|frame| frame.contains("guest_basic::failure")), "{:#?}", panic.backtrace);
}

#[test]
fn argument_of_another_type_is_a_codec_error_that_names_type_and_side() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).codec(Codec::Json).build().expect("builds");
    let module = executor.load("basic", value::add::task(0, 0).module.wasm).expect("the module is sound");
    let add = module.function("value::add").expect("it is there");
    let error = failing_task(&executor, add.call::<_, u64>(("one", "two")), Worker::Kept);
    let TaskError::Codec { failure, .. } = &error else { panic!("{error}") };
    assert_eq!(failure.side, Side::Argument);
    assert!(failure.message.contains("u64"), "{error}");
}

#[test]
fn result_that_does_not_encode_or_decode_is_a_codec_error_that_names_type_and_side() {
    let _house = support::house();
    let executor = one_worker();
    let error = failing_task(&executor, failure::unwritable_result::task(), Worker::Kept);
    let TaskError::Codec { failure, .. } = &error else { panic!("{error}") };
    assert_eq!(failure.side, Side::Result);
    assert!(failure.message.contains("Unwritable") && failure.message.contains("refuses to be written"), "{error}");

    let module = executor.load("basic", value::add::task(0, 0).module.wasm).expect("the module is sound");
    let echo = module.function("value::echo_string").expect("it is there");
    let error = failing_task(&executor, echo.call::<_, (u64, Vec<u64>)>(("text",)), Worker::Kept);
    let TaskError::Codec { failure, .. } = &error else { panic!("{error}") };
    assert_eq!(failure.side, Side::Result);
    assert!(failure.message.contains("(u64, alloc::vec::Vec<u64>)"), "{error}");
}

// behaviour: B41
#[test]
fn tasks_that_do_not_encode_take_no_place_in_the_pool() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).queue_capacity(2).build().expect("builds");
    let module = executor.load("basic", value::add::task(0, 0).module.wasm).expect("the module is sound");
    let noop = module.function("value::noop").expect("it is there");
    for _ in 0..100 {
        let error = error_of(&submit(&executor, noop.call::<_, ()>((failure::Unwritable,))));
        let TaskError::Codec { failure, .. } = &error else { panic!("{error}") };
        assert_eq!(failure.side, Side::Argument);
    }
    for n in 0..100 {
        assert_eq!(end_of(&submit(&executor, value::add::task(n, 0))).expect("a good task works"), n);
    }
}

#[test]
fn function_that_does_not_exist_or_has_another_signature_is_refused_before_anything_is_sent() {
    let _house = support::house();
    let executor = one_worker();
    let mut unknown = value::add::task(1, 2);
    unknown.function = "value::ad";
    let error = executor.submit(unknown).expect_err("there is no such function");
    assert_eq!(error.kind(), ErrorKind::UnknownFunction);
    assert!(error.to_string().contains("value::add"), "the nearest names are told: {error}");
    let mut other = value::add::task(1, 2);
    other.signature = "fn(a: u64) -> u64";
    let error = executor.submit(other).expect_err("the signature is another one");
    assert_eq!(error.kind(), ErrorKind::SignatureMismatch);
    let stats = executor.stats();
    assert_eq!((stats.submitted, stats.workers_started), (0, 0), "nothing was sent");
    assert_eq!(end_of(&submit(&executor, value::add::task(1, 2))).expect("the pool goes on"), 3);
}

#[test]
fn trap_is_the_end_of_its_task_and_of_nothing_else() {
    let _house = support::house();
    let executor = one_worker();
    let error = failing_task(&executor, crash::trap_unreachable::task(), Worker::Kept);
    assert_eq!(trap_of(&error).code, TrapCode::Unreachable);
    assert!(!trap_of(&error).backtrace.is_empty(), "{error}");
    let error = failing_task(&executor, crash::out_of_bounds::task(), Worker::Kept);
    assert_eq!(trap_of(&error).code, TrapCode::MemoryOutOfBounds);
    let error = failing_task(&executor, crash::stack_overflow::task(), Worker::Kept);
    let code = trap_of(&error).code;
    assert!(matches!(code, TrapCode::StackOverflow | TrapCode::MemoryOutOfBounds), "{error}");
}

#[test]
fn exit_of_the_guest_is_a_trap_that_tells_its_code() {
    let _house = support::house();
    let executor = one_worker();
    for code in [1, 3] {
        let error = failing_task(&executor, crash::exit::task(code), Worker::Kept);
        // WASI 0.2 tells the host only whether the code was zero.
        assert!(matches!(trap_of(&error).code, TrapCode::Exit(told) if told != 0), "{error}");
    }
    let error = failing_task(&executor, crash::exit::task(0), Worker::Kept);
    assert_eq!(trap_of(&error).code, TrapCode::Exit(0));
}

#[test]
fn task_over_its_memory_limit_is_told_the_limit_and_the_worker_is_kept() {
    let _house = support::house();
    let limit = 32 << 20;
    let executor = Executor::builder().max_workers(1).max_memory_bytes(limit).build().expect("builds");
    let error = failing_task(&executor, resources::allocate::task(256 << 20), Worker::Kept);
    let TaskError::OutOfMemory { limit: told, peak, .. } = &error else { panic!("{error}") };
    assert_eq!(*told, limit as u64);
    assert!((1 << 20..=*told).contains(peak), "{error}");
    assert!(error.to_string().contains("max_memory_bytes()"), "the remedy is told: {error}");
    assert_eq!(end_of(&submit(&executor, resources::allocate::task(4 << 20))).expect("less is allowed"), 4 << 20);
}

// behaviour: B25
#[test]
fn task_cancelled_while_queued_or_sent_ahead_never_begins_and_the_worker_is_kept() {
    let _house = support::house();
    let executor = one_worker();
    let running = submit(&executor, crash::spin::task());
    until("the first task runs", || running.running());
    let worker = only_worker(&executor);
    let behind: Vec<_> = (0..200).map(|n| submit(&executor, value::add::task(n, 0))).collect();
    // The second of all is with the worker by now, or will be; the last one cannot be: a worker is not sent so many.
    for future in [&behind[0], &behind[199]] {
        assert!(!future.running());
        assert!(future.cancel());
        assert!(future.cancelled() && future.done());
        assert!(error_of(future).is_cancelled());
    }
    assert_eq!(only_worker(&executor), worker, "nobody was killed for it");
    assert!(running.running());
    assert!(running.cancel());
    for (n, future) in (0..).zip(&behind).take(199).skip(1) {
        assert_eq!(end_of(future).expect("its neighbours run"), n);
    }
}

// behaviour: B29
#[test]
fn task_cancelled_while_it_runs_is_stopped_and_its_worker_replaced() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(2).build().expect("builds");
    let (one, other) = (submit(&executor, crash::spin::task()), submit(&executor, crash::spin::task()));
    until("both tasks run", || one.running() && other.running());
    let before = executor.stats().workers;
    assert!(one.cancel());
    assert!(error_of(&one).is_cancelled());
    assert_eq!(end_of(&submit(&executor, value::add::task(1, 2))).expect("there is a worker again"), 3);
    let after = executor.stats().workers;
    let kept = before.iter().filter(|worker| after.contains(worker)).count();
    assert_eq!((kept, after.len()), (1, 2), "{before:?} {after:?}");
    assert!(other.running(), "a neighbour is untouched");
    assert!(other.cancel());
}

// behaviour: B39
#[test]
fn process_that_dies_loses_the_task_that_it_ran_and_no_other() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let running = submit(&executor, crash::spin::task());
    until("it runs", || running.running());
    let behind: Vec<_> = (0..10).map(|n| submit(&executor, value::add::task(n, 1))).collect();
    let worker = only_worker(&executor);
    kill(worker.pid);
    let error = error_of(&running);
    let broken = error.broken_process_pool().expect("a crash").clone();
    assert_eq!(broken.cause, BrokenCause::Signaled { signal: 9 });
    assert_eq!((broken.worker, broken.task.as_ref()), (Some(worker), Some(running.task())));
    let told = error.to_string();
    for part in ["crash::spin", "guest-basic", &format!("worker 0 (pid {})", worker.pid), "SIGKILL (9)"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for (n, future) in (0..).zip(&behind) {
        assert_eq!(end_of(future).expect("sent ahead is not begun"), n + 1);
    }
    assert_ne!(only_worker(&executor).pid, worker.pid);
    assert_eq!(executor.stats().workers_lost, 1);
    assert!(executor.broken().is_none());
}

/// What loky promises: after one crash or trap nobody gets a result any more.
fn check_broken(executor: &Executor, culprit: &isopool::TaskRef, pending: &[TaskFuture<u64>], cause: &BrokenCause) {
    for future in pending {
        let error = error_of(future);
        let broken = error.broken_process_pool().unwrap_or_else(|| panic!("not broken: {error}"));
        assert_eq!((broken.task.as_ref(), broken.culprit.as_ref()), (Some(future.task()), Some(culprit)));
        assert_eq!(&broken.cause, cause);
    }
    let refused = executor.submit(value::add::task(1, 2)).expect_err("a broken executor takes nothing");
    assert_eq!(refused.kind(), ErrorKind::Broken);
    let told = refused.broken_process_pool().expect("it says why");
    assert_eq!((told.task.as_ref(), &told.cause), (None, cause));
    assert_eq!(executor.broken().as_ref(), Some(told));
}

// behaviour: B40
#[test]
fn first_trap_breaks_a_pool_that_is_contained_as_a_whole() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(2).containment(Containment::Pool).build().expect("builds");
    let finished = submit(&executor, value::add::task(1, 2));
    assert_eq!(end_of(&finished).expect("adds"), 3);
    let running = submit(&executor, crash::spin::task());
    until("a neighbour runs", || running.running());
    let trapping = submit(&executor, crash::trap_unreachable::task());
    let error = error_of(&trapping);
    assert_eq!(trap_of(&error).code, TrapCode::Unreachable);
    let neighbour = error_of(&running);
    let broken = neighbour.broken_process_pool().expect("a running neighbour is lost too");
    assert_eq!(broken.culprit.as_ref(), Some(trapping.task()));
    let workers = executor.stats().workers;
    check_broken(&executor, trapping.task(), &[], &error.broken_process_pool().expect("a trap").cause);
    assert_eq!(finished.result().expect("what was finished stays"), 3);
    until("the workers are gone", || !workers.iter().any(|worker| is_alive(worker.pid)));
}

// behaviour: B40
#[test]
fn first_crash_breaks_a_pool_that_is_contained_as_a_whole() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).containment(Containment::Pool).build().expect("builds");
    let finished = submit(&executor, value::add::task(1, 2));
    assert_eq!(end_of(&finished).expect("adds"), 3);
    let running = submit(&executor, crash::spin::task());
    until("it runs", || running.running());
    let pending: Vec<_> = (0..100).map(|n| submit(&executor, value::add::task(n, 1))).collect();
    kill(only_worker(&executor).pid);
    let error = error_of(&running);
    let cause = BrokenCause::Signaled { signal: 9 };
    assert_eq!(error.broken_process_pool().expect("a crash").cause, cause);
    check_broken(&executor, running.task(), &pending, &cause);
    assert_eq!(finished.result().expect("what was finished stays"), 3);
}

// behaviour: B40
#[test]
fn failures_that_are_answers_break_no_pool_however_contained() {
    let _house = support::house();
    let executor = Executor::builder()
        .max_workers(1)
        .containment(Containment::Pool)
        .max_memory_bytes(32 << 20)
        .build()
        .expect("builds");
    assert!(matches!(failing_task(&executor, failure::fails::task(), Worker::Kept), TaskError::Failed { .. }));
    let panics = failure::panics::task("boom".to_owned());
    assert!(matches!(failing_task(&executor, panics, Worker::Kept), TaskError::Panicked { .. }));
    let greedy = resources::allocate::task(256 << 20);
    assert!(matches!(failing_task(&executor, greedy, Worker::Kept), TaskError::OutOfMemory { .. }));
    let unwritable = failure::unwritable_result::task();
    assert!(matches!(failing_task(&executor, unwritable, Worker::Kept), TaskError::Codec { .. }));
}
