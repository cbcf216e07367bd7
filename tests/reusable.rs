//! One executor that is used again and again: `get_reusable_executor`, and what stands behind it.

use crate::patience::is_alive;
use crate::support::{begin_waiting, house, no_hang, wait_until};
use guest_basic::{crash, state, value};
use isopool::limits::{DEFAULT_REUSABLE_IDLE_TIMEOUT, MAX_TOTAL_WORKERS, MAX_WORKERS};
use isopool::{
    Codec, Containment, ErrorKind, Executor, ExecutorBuilder, GuestOutput, NotReused, ReusableExecutor, ReusableScope,
    Reuse, ReuseExecutor, Shutdown, TaskError, get_reusable_executor, release_reusable_executor,
};
use std::sync::Barrier;
use std::time::Duration;

/// A test thread's last executor stays with its thread; here it ends with the test.
fn with_factory(body: impl FnOnce(&dyn Fn(ExecutorBuilder) -> Executor) + Send) {
    let _house = house();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| body(&|builder| get_reusable_executor(builder).expect("these are good options")));
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn two() -> ExecutorBuilder {
    Executor::builder().max_workers(2)
}

// behaviour: B2
#[test]
fn equal_options_give_the_same_executor_and_another_size_resizes_it() {
    with_factory(|get| {
        let first = get(two());
        let running = begin_waiting(&first);
        let pid = first.stats().workers[0].pid;
        assert_eq!(get(two()).id(), first.id());
        let larger = get(Executor::builder().max_workers(3));
        assert_eq!((larger.id(), larger.max_workers(), first.max_workers()), (first.id(), 3, 3));
        assert!(running.running() && larger.stats().workers[0].pid == pid);
        running.cancel();
    });
}

// behaviour: B2, B9
#[test]
fn other_options_give_a_new_executor_and_the_old_one_finishes_its_work_and_leaves_with_its_last_holder() {
    with_factory(|get| {
        let old = get(two());
        let running = begin_waiting(&old);
        let pid = old.stats().workers[0].pid;
        let pending = old.submit(value::add::task(1, 2)).expect("submits");
        let new = get(two().env("NAME", "value"));
        assert!(new.id() > old.id(), "ids grow");
        assert!(!old.is_shut_down() && !new.is_shut_down());
        let late = old.submit(value::add::task(5, 6)).expect("whoever holds it does not notice");
        drop(old);
        running.cancel();
        assert_eq!((pending.result(), late.result()), (Ok(3), Ok(11)));
        wait_until("nothing is left of the old one", || !is_alive(pid));
        assert_eq!(new.submit(value::add::task(3, 4)).expect("submits").result(), Ok(7));
    });
}

// behaviour: B4
#[test]
fn a_broken_or_shut_down_executor_is_replaced_and_finished_results_survive() {
    with_factory(|get| {
        let options = || two().containment(Containment::Pool);
        let broken = get(options());
        let finished = broken.submit(value::add::task(1, 2)).expect("submits");
        assert_eq!(finished.result(), Ok(3));
        let crashed = broken.submit(crash::trap_unreachable::task()).expect("submits");
        assert!(crashed.result().is_err_and(|error| error.broken_process_pool().is_some()));
        wait_until("the executor knows that it is broken", || broken.broken().is_some());
        let repaired = get(options());
        assert_ne!(repaired.id(), broken.id());
        assert_eq!(repaired.submit(value::add::task(3, 4)).expect("submits").result(), Ok(7));
        assert_eq!(finished.result(), Ok(3));
        repaired.shutdown(Shutdown::Kill);
        let third = get(options());
        assert_ne!(third.id(), repaired.id());
        assert_eq!(third.submit(value::add::task(5, 6)).expect("submits").result(), Ok(11));
    });
}

// behaviour: B10
#[test]
fn an_initializer_that_is_built_twice_is_the_same_initializer() {
    with_factory(|get| {
        let options = |value| two().initializer(guest_basic::state::set_global::task(value));
        let first = get(options(7));
        assert_eq!(get(options(7)).id(), first.id());
        assert_ne!(get(options(8)).id(), first.id());
    });
}

// behaviour: B1
#[test]
fn each_thread_has_an_executor_of_its_own() {
    with_factory(|get| {
        let here = get(two());
        let there = std::thread::spawn(|| get_reusable_executor(two()).expect("good options").id());
        assert_ne!(there.join().expect("it does not panic"), here.id());
    });
}

/// Asks with the factory's own options.
fn ask(builder: ExecutorBuilder, reuse: ReuseExecutor) -> ReusableExecutor {
    builder.reusable().reuse(reuse).get().expect("these are good options")
}

// behaviour: B2
#[test]
fn always_keeps_what_there_is_and_its_size_unless_one_is_given() {
    with_factory(|get| {
        let first = get(two());
        let other = || Executor::builder().env("NAME", "value");
        let kept = ask(other(), ReuseExecutor::Always);
        assert_eq!((kept.executor.id(), kept.executor.max_workers()), (first.id(), 2));
        let resized = ask(other().max_workers(3), ReuseExecutor::Always);
        assert_eq!((resized.executor.id(), first.max_workers()), (first.id(), 3));
        // Broken is broken.
        first.shutdown(Shutdown::Finish);
        let new = ask(other().max_workers(1), ReuseExecutor::Always);
        assert_eq!(new.not_reused, Some(NotReused::ShutDown));
        // Not given, and not asked to keep it: the default.
        let default = ask(other(), ReuseExecutor::Auto);
        assert_eq!(default.executor.id(), new.executor.id());
        assert_eq!(default.executor.max_workers(), isopool::cpu_count().expect("no other number is named"));
    });
}

// behaviour: B2
#[test]
fn never_makes_a_new_one_and_the_old_one_leaves() {
    with_factory(|get| {
        let first = get(two());
        let future = first.submit(value::add::task(1, 2)).expect("submits");
        let id = first.id();
        drop(first);
        let second = ask(two(), ReuseExecutor::Never);
        assert!(second.executor.id() > id && second.not_reused == Some(NotReused::Asked));
        assert_eq!(future.result(), Ok(3), "what was submitted is finished");
    });
}

// behaviour: B3
#[test]
fn the_factory_says_whether_it_reused_and_why_not() {
    with_factory(|_| {
        let get = |builder: ExecutorBuilder| ask(builder.containment(Containment::Pool), ReuseExecutor::Auto);
        let first = get(two());
        assert_eq!((first.is_reused(), &first.not_reused), (false, &Some(NotReused::First)));
        assert!(get(two()).is_reused() && get(Executor::builder().max_workers(1)).is_reused());
        let crashed = first.executor.submit(crash::trap_unreachable::task()).expect("submits");
        assert!(crashed.exception().is_some());
        wait_until("it knows that it is broken", || first.executor.broken().is_some());
        let repaired = get(two());
        let cause = first.executor.broken().expect("it is");
        let why = NotReused::Broken(cause.clone());
        assert_eq!(why.to_string(), format!("the executor before is broken: {cause}"));
        assert_eq!(repaired.not_reused, Some(why));
        repaired.executor.shutdown(Shutdown::Finish);
        let third = get(two());
        assert_eq!(third.not_reused, Some(NotReused::ShutDown));
        let other = get(two().env("NAME", "value").max_tasks_per_worker(5).codec(Codec::Json));
        let Some(NotReused::OtherOptions(names)) = &other.not_reused else { panic!("{:?}", other.not_reused) };
        assert_eq!(*names, ["max_tasks_per_worker", "env", "codec"]);
        let text = "the executor before has other options: max_tasks_per_worker, env, codec";
        assert_eq!(other.not_reused.as_ref().map(ToString::to_string).as_deref(), Some(text));
        let ids = [&first, &repaired, &third, &other].map(|got| got.executor.id());
        assert!(ids.is_sorted() && ids[0] < ids[3], "{ids:?}");
    });
}

// behaviour: B2
#[test]
fn every_option_but_the_size_counts() {
    type Change = fn(ExecutorBuilder) -> ExecutorBuilder;
    const CHANGES: [(&str, Change); 15] = [
        ("idle_timeout", |builder| builder.idle_timeout(Duration::from_secs(11))),
        ("initializer", |builder| builder.initializer(state::set_global::task(1))),
        ("env", |builder| builder.env("NAME", "value")),
        ("containment", |builder| builder.containment(Containment::Pool)),
        ("reuse", |builder| builder.reuse(Reuse::Worker)),
        ("codec", |builder| builder.codec(Codec::Json)),
        ("queue_capacity", |builder| builder.queue_capacity(5)),
        ("worker_program", |builder| builder.worker_program("/bin/true")),
        ("guest_output", |builder| builder.guest_output(GuestOutput::Discard)),
        ("max_argument_bytes", |builder| builder.max_argument_bytes(5)),
        ("max_result_bytes", |builder| builder.max_result_bytes(5)),
        ("max_memory_bytes", |builder| builder.max_memory_bytes(1 << 20)),
        ("max_output_bytes", |builder| builder.max_output_bytes(5)),
        ("max_worker_age", |builder| builder.max_worker_age(Duration::from_secs(1))),
        ("max_worker_growth_bytes", |builder| builder.max_worker_growth_bytes(1)),
    ];
    with_factory(|get| {
        for (name, change) in CHANGES {
            get(two());
            let other = ask(change(two()), ReuseExecutor::Auto);
            assert_eq!(other.not_reused, Some(NotReused::OtherOptions(vec![name])));
            assert!(ask(change(two()), ReuseExecutor::Auto).is_reused(), "{name}");
        }
    });
}

// behaviour: B5
#[test]
fn kill_workers_decides_how_the_old_one_ends() {
    with_factory(|get| {
        let patient = get(two());
        let (running, pending) = (begin_waiting(&patient), patient.submit(value::add::task(1, 2)).expect("submits"));
        let other = two().env("NAME", "1").reusable().kill_workers(false).get().expect("good options").executor;
        assert!(running.running(), "it is waited for");
        assert_eq!(pending.result(), Ok(3));
        running.cancel();
        let doomed = [begin_waiting(&other), begin_waiting(&other), begin_pending(&other)];
        let new = two().env("NAME", "2").reusable().kill_workers(true).get().expect("good options").executor;
        assert!(doomed.iter().all(|future| matches!(future.result(), Err(TaskError::Shutdown { .. }))));
        assert_eq!(new.submit(value::add::task(3, 4)).expect("submits").result(), Ok(7));
        // An executor that is reused is not an old one.
        let again = two().env("NAME", "2").reusable().kill_workers(true).get().expect("good options");
        assert!(again.is_reused() && !new.is_shut_down());
    });
}

fn begin_pending(executor: &Executor) -> isopool::TaskFuture<()> {
    executor.submit(crate::support::wait_for_ever()).expect("submits")
}

// behaviour: B6
// limit: DEFAULT_REUSABLE_IDLE_TIMEOUT
#[test]
fn idle_workers_of_the_factory_leave_after_ten_seconds_unless_told_otherwise() {
    with_factory(|get| {
        assert_eq!(DEFAULT_REUSABLE_IDLE_TIMEOUT, Duration::from_secs(10));
        let default = get(two());
        assert_eq!(get(two().idle_timeout(Duration::from_secs(10))).id(), default.id(), "it is the default");
        let short = get(two().idle_timeout(Duration::from_millis(20)));
        assert_ne!(short.id(), default.id());
        for round in 1..4 {
            assert_eq!(short.submit(value::add::task(round, 1)).expect("submits").result(), Ok(round + 1));
            wait_until("the worker has left", || short.stats().workers.is_empty());
        }
        // Resizing works when all are gone.
        assert_eq!(get(Executor::builder().max_workers(3).idle_timeout(Duration::from_millis(20))).id(), short.id());
        assert_eq!(short.submit(value::add::task(1, 1)).expect("submits").result(), Ok(2));
    });
}

// behaviour: B7
#[test]
fn sizes_that_cannot_be_are_refused_and_the_factory_keeps_what_it_has() {
    with_factory(|get| {
        let first = get(two());
        for (reuse, size) in
            [(ReuseExecutor::Auto, 0), (ReuseExecutor::Never, 0), (ReuseExecutor::Always, MAX_WORKERS + 1)]
        {
            let error = Executor::builder().max_workers(size).reusable().reuse(reuse).get().expect_err("out of range");
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert_eq!(error.to_string(), format!("max_workers is {size}; it must be between 1 and 4096"));
        }
        assert_eq!((get(two()).id(), first.max_workers()), (first.id(), 2));
    });
}

// behaviour: B7, B11
#[test]
fn more_than_sixty_one_workers_work() {
    with_factory(|get| {
        let executor = get(Executor::builder().max_workers(62));
        let futures: Vec<_> = (0..62).map(|_| begin_pending(&executor)).collect();
        wait_until("all of them run", || futures.iter().all(|future| future.running()));
        assert_eq!(executor.stats().workers.len(), 62);
        executor.shutdown(Shutdown::Kill);
    });
}

// behaviour: B1, B7
// limit: MAX_TOTAL_WORKERS
#[test]
fn the_workers_of_all_executors_of_a_program_together_are_bounded() {
    let _house = house();
    let largest = || Executor::builder().max_workers(MAX_WORKERS).build();
    let small = Executor::builder().max_workers(1).build().expect("there is room");
    let mut executors: Vec<Executor> =
        (0..MAX_TOTAL_WORKERS / MAX_WORKERS - 1).map(|_| largest().expect("there is room")).collect();
    let refused = largest().expect_err("it would be one too many");
    assert_eq!(refused.kind(), ErrorKind::TooManyWorkers);
    let told = refused.to_string();
    assert!(told.contains("8193") && told.contains("8192") && told.contains("ISOPOOL_MAX_TOTAL_WORKERS"), "{told}");
    // As many as are left.
    small.resize(MAX_WORKERS).expect("there is room for just these");
    let refused = Executor::builder().max_workers(1).build().expect_err("nothing is left");
    assert_eq!(refused.kind(), ErrorKind::TooManyWorkers);
    // One that ends makes room, and so does one that shrinks.
    executors.pop().expect("there is one").shutdown(Shutdown::Finish);
    let mut another = largest().expect("there is room again");
    small.resize(1).expect("it can always shrink");
    another.resize(MAX_WORKERS).expect("it is as large already");
    another = Executor::builder().max_workers(10).build().expect("there is room");
    assert_eq!(another.submit(value::add::task(1, 2)).expect("submits").result(), Ok(3));
}

// behaviour: B8
#[test]
fn a_storm_of_sizes_through_the_factory_never_hangs() {
    with_factory(|_| {
        no_hang("a storm of sizes", || {
            let mut futures = Vec::new();
            let mut ids = std::collections::BTreeSet::new();
            for size in [12, 2, 1, 12, 6, 1, 8, 5] {
                let executor = get_reusable_executor(Executor::builder().max_workers(size)).expect("a good size");
                assert_eq!(executor.max_workers(), size);
                ids.insert(executor.id());
                futures.extend((0..20).map(|n| (n, executor.submit(value::add::task(n, 1)).expect("submits"))));
            }
            assert!(futures.iter().all(|(n, future)| future.result() == Ok(n + 1)));
            assert_eq!(ids.len(), 1);
        });
    });
}

/// Lets the program's executor go when the test ends.
struct ProgramWide;

impl ProgramWide {
    fn get(builder: ExecutorBuilder) -> ReusableExecutor {
        builder.reusable().scope(ReusableScope::Program).get().expect("these are good options")
    }
}

impl Drop for ProgramWide {
    fn drop(&mut self) {
        drop(release_reusable_executor(ReusableScope::Program));
    }
}

// behaviour: B1
#[test]
fn the_executor_of_the_program_is_shared_by_all_threads_and_is_not_that_of_a_thread() {
    with_factory(|get| {
        let _program = ProgramWide;
        let of_thread = get(two());
        let here = ProgramWide::get(two());
        assert_eq!(here.not_reused, Some(NotReused::First));
        assert_ne!(here.executor.id(), of_thread.id());
        let there = std::thread::spawn(|| ProgramWide::get(two()).executor.id()).join().expect("it does not panic");
        assert_eq!(there, here.executor.id());
        let released = release_reusable_executor(ReusableScope::Program).expect("it was there");
        assert_eq!(released.id(), there);
        assert_eq!(ProgramWide::get(two()).not_reused, Some(NotReused::First));
    });
}

/// Ten threads ask, submit and get their results, at once; each names its options by its number and round.
fn ten_threads(options: impl Fn(usize, usize) -> ExecutorBuilder + Send + Sync + 'static) {
    no_hang("ten threads that ask the factory", move || {
        let (options, start) = (&options, &Barrier::new(10));
        std::thread::scope(|scope| {
            for number in 0..10 {
                scope.spawn(move || {
                    start.wait();
                    for round in 0..10 {
                        let executor = ProgramWide::get(options(number, round)).executor;
                        let futures: Vec<_> = (0..5)
                            .map(|n| executor.submit(value::add::task(n, 1)))
                            .collect::<Result<_, _>>()
                            .expect("whoever holds an executor can submit to it");
                        assert!((1..).zip(&futures).all(|(sum, future)| future.result() == Ok(sum)));
                    }
                });
            }
        });
    });
}

/// Leaves a broken executor in the factory.
fn break_it(builder: ExecutorBuilder) {
    let executor = ProgramWide::get(builder).executor;
    let crashed = executor.submit(crash::trap_unreachable::task()).expect("submits");
    assert!(crashed.exception().is_some());
    wait_until("it knows that it is broken", || executor.broken().is_some());
}

// behaviour: B9
#[test]
fn ten_threads_ask_for_the_same_or_other_sizes_from_a_clean_or_a_broken_start() {
    let _house = house();
    let _program = ProgramWide;
    let contained = |builder: ExecutorBuilder| builder.containment(Containment::Pool);
    for is_broken in [false, true] {
        for varies in [false, true] {
            if is_broken {
                break_it(contained(two()));
            }
            ten_threads(move |number, round| {
                let size = if varies { 1 + (number + round) % 3 } else { 2 };
                contained(Executor::builder().max_workers(size))
            });
            drop(release_reusable_executor(ReusableScope::Program));
        }
    }
}

// behaviour: B9
#[test]
fn a_thread_whose_executor_another_one_replaces_goes_on_with_it() {
    let _house = house();
    let _program = ProgramWide;
    // With each call some other thread's executor is replaced.
    ten_threads(|number, _| two().env("THREAD", (number % 2).to_string()));
}

// behaviour: B10
#[test]
fn an_initializer_is_what_its_module_function_and_arguments_are() {
    with_factory(|get| {
        let options = |value| two().initializer(state::set_global::task(value));
        let embedded = get(options(7));
        let module = embedded.load("other name", value::noop::task().module.wasm).expect("it is the stubs' own module");
        let function = module.function("state::set_global").expect("it is there");
        let loaded = get(two().initializer(function.call::<_, ()>((7u64,))));
        assert_eq!(loaded.id(), embedded.id(), "the same module, however it came here");
        assert_eq!(loaded.submit(state::get_global::task()).expect("submits").result(), Ok(7));
        let other = get(two().initializer(state::set_global_checked::task(7)));
        assert_ne!(other.id(), embedded.id(), "another function");
    });
}
