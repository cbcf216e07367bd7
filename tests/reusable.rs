//! One executor that is used again and again: `get_reusable_executor`.

use crate::support::{begin_waiting, house, wait_until};
use guest_basic::{crash, value};
use isopool::{Containment, Executor, ExecutorBuilder, Shutdown, get_reusable_executor};
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

// behaviour: B2
#[test]
fn other_options_give_a_new_executor_and_the_old_one_finishes_its_work() {
    with_factory(|get| {
        let old = get(two());
        let running = begin_waiting(&old);
        let pending = old.submit(value::add::task(1, 2)).expect("submits");
        let new = get(two().env("NAME", "value"));
        assert!(new.id() > old.id(), "ids grow");
        assert!(old.is_shut_down() && !new.is_shut_down());
        running.cancel();
        assert_eq!(pending.result(), Ok(3));
        assert!(old.wait_for_shutdown(Duration::from_secs(60)));
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
