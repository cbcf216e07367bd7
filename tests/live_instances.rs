//! Instances that keep their state from call to call, for as long as they live and not a call longer.

use crate::patience::{end_of, error_of, is_alive, kill, until};
use crate::support::{executor, house};
use guest_basic::{crash, environment, failure, resources, state, value};
use isopool::{
    BrokenCause, ErrorKind, Executor, ExecutorBuilder, Interruption, IntoTask, Limit, LiveInstance, Module, Shutdown,
    StartMethod, TaskFuture, limits,
};
use std::time::Duration;

fn module(executor: &Executor) -> Module {
    executor.load("basic", value::add::task(0, 0).module.wasm).expect("it is sound")
}

fn open(executor: &Executor) -> LiveInstance {
    executor.open(&module(executor)).expect("there is room")
}

fn submit<T: IntoTask>(instance: &LiveInstance, task: T) -> TaskFuture<T::Output> {
    instance.submit(task).expect("it is open")
}

fn count(instance: &LiveInstance) -> u64 {
    end_of(&submit(instance, state::counter::task())).expect("it counts")
}

/// Why it takes no calls any more.
fn ended(instance: &LiveInstance) -> (BrokenCause, String) {
    let error = instance.submit(state::counter::task()).expect_err("its state is gone");
    assert_eq!(error.kind(), ErrorKind::InstanceEnded, "{error}");
    (instance.ended().expect("it says why").cause, error.to_string())
}

fn reason(instance: &LiveInstance) -> String {
    match ended(instance) {
        (BrokenCause::InstanceEnded { reason }, _) => reason,
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn calls_find_what_the_ones_before_have_left_in_order_and_nobody_else_does() {
    let _house = house();
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let executor = Executor::builder().max_workers(1).start_method(method).build().expect("builds");
        let (one, two) = (open(&executor), open(&executor));
        let counts: Vec<_> = (0..200).map(|_| submit(&one, state::counter::task())).collect();
        assert!((1..).zip(&counts).all(|(count, future)| end_of(future) == Ok(count)));
        assert_eq!((count(&two), count(&one.clone())), (1, 201));
        assert_eq!(end_of(&executor.submit(state::counter::task()).expect("open")), Ok(1), "a task has a fresh one");
        // An error of the guest's own is an answer.
        assert!(end_of(&submit(&one, failure::fails::task())).is_err());
        assert_eq!((count(&one), one.restarts()), (202, 0));
    }
}

#[test]
fn whatever_ends_the_instance_ends_the_handle_with_its_cause() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).limit(Limit::HostCalls, 5000).build().expect("builds");
    let after = |what: &dyn Fn(&LiveInstance)| {
        let instance = open(&executor);
        assert_eq!(count(&instance), 1);
        what(&instance);
        instance
    };
    let trapped = after(&|one| _ = error_of(&submit(one, crash::trap_unreachable::task())));
    let (cause, said) = ended(&trapped);
    assert!(matches!(cause, BrokenCause::Trap(_)), "{cause:?}");
    assert!(said.starts_with("the live instance of `basic` has ended: the guest trapped: "), "{said}");

    let panicked = after(&|one| _ = error_of(&submit(one, failure::panics::task("on purpose".into()))));
    assert!(reason(&panicked).contains("on purpose"));
    let greedy = after(&|one| {
        let own = resources::allocate::task(64 << 20).into_task().limit(Limit::MemoryBytes, 16 << 20);
        error_of(&submit(one, own));
    });
    assert!(reason(&greedy).contains("memory"), "{}", reason(&greedy));
    let busy = after(&|one| _ = error_of(&submit(one, resources::look_at_clock::task(6000))));
    assert!(reason(&busy).contains("HostCalls"));
    let killed = after(&|one| kill(one.pid().expect("it has begun")));
    until("its end is noticed", || killed.ended().is_some());
    assert_eq!(ended(&killed).0, BrokenCause::Signaled { signal: 9 });
    assert_eq!(end_of(&executor.submit(value::add::task(1, 1)).expect("open")), Ok(2), "its executor goes on");
}

#[test]
fn a_call_that_is_stopped_takes_the_instance_along_and_one_that_waits_does_not() {
    let _house = house();
    for interruption in [Interruption::Kill, Interruption::Epoch] {
        let executor = Executor::builder().max_workers(1).interruption(interruption).build().expect("builds");
        let instance = open(&executor);
        assert_eq!(count(&instance), 1);
        let running = submit(&instance, resources::sleep_ms::task(600_000));
        until("it runs", || running.running());
        let waiting = submit(&instance, state::counter::task());
        let cancelled = submit(&instance, state::counter::task());
        assert!(cancelled.cancel(), "it had not begun");
        assert!(instance.ended().is_none());
        assert!(running.cancel() && error_of(&running).is_cancelled());
        let lost = error_of(&waiting);
        let cause = lost.broken_process_pool().map(|broken| &broken.cause);
        assert!(matches!(cause, Some(BrokenCause::InstanceEnded { .. })), "{lost}");
        assert!(reason(&instance).contains("was stopped"), "{interruption:?}");

        let late = open(&executor);
        let over = submit(&late, crash::spin::task().into_task().time_limit(Duration::from_millis(50)));
        assert!(error_of(&over).to_string().contains("50ms"));
        until("the instance is gone", || late.ended().is_some());
        assert!(reason(&late).contains("was stopped"), "{interruption:?}");
    }
}

#[test]
fn one_that_nobody_calls_is_closed_and_says_so() {
    let _house = house();
    let executor = executor(1);
    let builder = executor.live(&module(&executor)).idle_timeout(Duration::from_millis(50));
    let instance = builder.open().expect("there is room");
    assert_eq!(count(&instance), 1);
    let pid = instance.pid();
    until("its time is over", || instance.ended().is_some());
    assert_eq!(reason(&instance), "it was without a call for longer than its idle_timeout");
    assert!(pid.is_none_or(|pid| !is_alive(pid)));
}

#[test]
fn a_fresh_one_takes_its_place_as_often_as_it_may() {
    let _house = house();
    let executor = executor(1);
    let instance = executor.live(&module(&executor)).restarts(2).open().expect("there is room");
    for restarts in 0..=2 {
        assert_eq!((count(&instance), instance.restarts()), (1, restarts));
        assert_eq!(count(&instance), 2);
        assert!(error_of(&submit(&instance, crash::out_of_bounds::task())).broken_process_pool().is_some());
    }
    assert!(matches!(ended(&instance).0, BrokenCause::Trap(_)));
}

#[test]
fn calls_that_an_instance_cannot_serve_are_refused_and_change_nothing() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).env("WHO", "executor").build().expect("builds");
    let instance = open(&executor);
    assert_eq!(end_of(&submit(&instance, environment::env::task("WHO".into()))), Ok(Some("executor".into())));
    let refused = |error: isopool::Error| {
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
        error.to_string()
    };
    let own = |task: isopool::Task<_, _>| refused(instance.submit(task).expect_err("it is too late for that"));
    assert!(own(environment::env::task("WHO".into()).into_task().env("WHO", "me")).contains("of its own"));
    assert!(own(environment::env::task("WHO".into()).into_task().tenant("me")).contains("of its own"));
    let other = [value::add::task(0, 0).module.wasm, &[0, 2, 1, b'x']].concat();
    let other = executor.load("other", other).expect("sound").function("value::add").expect("has it");
    let told = refused(instance.submit(other.call::<_, u64>((1_u64, 1_u64))).expect_err("another module"));
    assert!(told.contains("and the live instance of `basic`"), "{told}");
    assert_eq!(count(&instance), 1);
    let deterministic = Executor::builder().max_workers(1).deterministic(1).build().expect("builds");
    let told = refused(deterministic.open(&module(&deterministic)).expect_err("they see nothing of each other"));
    assert!(told.contains("not deterministic"), "{told}");
}

// limit: MAX_LIVE_INSTANCES, DEFAULT_LIVE_IDLE_TIMEOUT
#[test]
fn an_executor_has_so_many_and_each_that_is_dropped_makes_room() {
    let _house = house();
    let executor = executor(1);
    let module = module(&executor);
    let mut open: Vec<_> = (0..limits::MAX_LIVE_INSTANCES).map(|_| executor.open(&module).expect("room")).collect();
    let refused = executor.open(&module).expect_err("one too many");
    assert_eq!(refused.kind(), ErrorKind::TooManyInstances);
    assert!(refused.to_string().contains("256") && refused.to_string().contains("MAX_LIVE_INSTANCES"), "{refused}");
    open.pop();
    let last = executor.open(&module).expect("there is room again");
    assert_eq!(count(&last), 1);
    assert!(last.ended().is_none(), "five minutes are not over");
}

#[test]
fn it_is_closed_by_hand_with_its_executor_or_with_its_last_handle() {
    let _house = house();
    let executor = executor(1);
    let instance = open(&executor);
    assert_eq!(count(&instance), 1);
    let last = submit(&instance, state::counter::task());
    instance.close(Shutdown::Finish);
    assert_eq!(end_of(&last), Ok(2));
    assert_eq!(instance.submit(state::counter::task()).expect_err("closed").kind(), ErrorKind::Shutdown);

    let dropped = open(&executor);
    assert_eq!(count(&dropped), 1);
    let (pid, last) = (dropped.pid().expect("it runs"), submit(&dropped, state::counter::task()));
    drop(dropped);
    assert_eq!(end_of(&last), Ok(2));
    until("its process leaves", || !is_alive(pid));

    let (one, two) = (open(&executor), open(&executor));
    assert_eq!((count(&one), count(&two)), (1, 1));
    executor.shutdown(Shutdown::Kill);
    assert!(one.submit(state::counter::task()).is_err() && two.submit(state::counter::task()).is_err());
    assert_eq!(executor.open(&module_of(&two)).expect_err("shut down").kind(), ErrorKind::Shutdown);
}

fn module_of(instance: &LiveInstance) -> Module {
    instance.module().clone()
}

#[test]
fn it_asks_the_same_caller_and_holds_the_same_limits_as_a_task() {
    let _house = house();
    let limit = |builder: ExecutorBuilder| builder.max_argument_bytes(1000).max_result_bytes(1000);
    let executor = limit(Executor::builder().max_workers(1)).build().expect("builds");
    let instance = open(&executor);
    assert_eq!(count(&instance), 1);
    assert!(
        end_of(&submit(&instance, value::echo_string::task("x".repeat(2000)))).is_err(),
        "its argument is too large"
    );
    assert_eq!(count(&instance), 2, "and was never sent");
    assert!(end_of(&submit(&instance, value::big_result::task(2000))).is_err());
    assert!(reason(&instance).contains("the limit is 1000"), "what it holds of such a result, nobody knows");
}
