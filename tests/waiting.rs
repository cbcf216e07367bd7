//! Waiting for many futures, and awaiting one.

use crate::support::{begin_waiting, executor, house, no_hang, wait_until};
use guest_basic::{failure, resources, value};
use isopool::{ReturnWhen, Shutdown, TaskFuture, as_completed, wait};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// The smallest runtime there is: a thread that parks.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn names<T>(futures: &[TaskFuture<T>]) -> Vec<u64> {
    let mut ids: Vec<_> = futures.iter().map(|future| future.task().id().get()).collect();
    ids.sort_unstable();
    ids
}

// behaviour: B27
#[test]
fn wait_for_the_first_returns_while_others_run() {
    let _house = house();
    let executor = executor(2);
    let long = begin_waiting(&executor);
    let short = executor.submit(resources::sleep_ms::task(20)).expect("submits");
    let waited = no_hang("wait for the first", {
        let both = [long.clone(), short.clone(), long.clone()];
        move || wait(both, None, ReturnWhen::FirstCompleted)
    });
    assert_eq!((names(&waited.done), names(&waited.not_done)), (vec![1], vec![0]), "a duplicate counts once");
    long.cancel();
}

// behaviour: B27
#[test]
fn wait_for_the_first_exception_ignores_values_and_cancellations() {
    let _house = house();
    let executor = executor(2);
    let long = begin_waiting(&executor);
    let cancelled = begin_waiting(&executor);
    cancelled.cancel();
    let value = executor.submit(value::noop::task()).expect("submits");
    value.result().expect("returns");
    let sleeping = executor.submit(resources::sleep_ms::task(50)).expect("submits");
    let failing = executor.submit(failure::panics::task("on purpose".into())).expect("submits");
    let all = vec![long.clone(), cancelled, value, sleeping, failing];
    let waited = no_hang("wait for the first exception", {
        let all = all.clone();
        move || wait(all, None, ReturnWhen::FirstException)
    });
    assert_eq!((names(&waited.done), names(&waited.not_done)), (vec![1, 2, 3, 4], vec![0]));
    long.cancel();
    // Without any exception it waits for all.
    let good: Vec<_> = (0..10).map(|n| executor.submit(value::add::task(n, n)).expect("submits")).collect();
    let waited = no_hang("wait for all", move || wait(good, None, ReturnWhen::FirstException));
    assert_eq!((waited.done.len(), waited.not_done.len()), (10, 0));
}

// behaviour: B27
#[test]
fn wait_for_all_mixes_executors_and_ends_at_its_timeout() {
    let _house = house();
    let (one, other) = (executor(1), executor(1));
    let mut all: Vec<_> =
        [&one, &other].into_iter().flat_map(|e| (0..10).map(move |n| e.submit(value::add::task(n, 1)))).collect();
    let futures: Vec<_> = all.drain(..).map(|submitted| submitted.expect("submits")).collect();
    let waited = no_hang("wait for all", move || wait(futures, None, ReturnWhen::AllCompleted));
    assert_eq!((waited.done.len(), waited.not_done.len()), (20, 0));
    let long = begin_waiting(&one);
    let done = other.submit(value::noop::task()).expect("submits");
    done.result().expect("returns");
    let waited = wait([long.clone(), done], Some(Duration::from_millis(20)), ReturnWhen::AllCompleted);
    assert_eq!((waited.done.len(), waited.not_done.len()), (1, 1));
    long.cancel();
}

// behaviour: B27
#[test]
fn as_completed_gives_each_once_in_the_order_of_their_ends() {
    let _house = house();
    let executor = executor(2);
    let long = begin_waiting(&executor);
    let first = executor.submit(value::noop::task()).expect("submits");
    first.result().expect("returns");
    let (sleeping, ended) = (long.clone(), first.clone());
    no_hang("as_completed", move || {
        let mut futures = as_completed([sleeping.clone(), ended.clone(), ended], None);
        let given = futures.next().expect("one is done").expect("there is no timeout");
        assert_eq!(given.task().id().get(), 1);
        sleeping.cancel();
        let given = futures.next().expect("two were given").expect("there is no timeout");
        assert!(given.cancelled() && futures.next().is_none());
    });
}

// behaviour: B27
#[test]
fn as_completed_says_how_many_are_unfinished_at_its_timeout() {
    let _house = house();
    let (one, other) = (executor(1), executor(1));
    let mut futures = vec![begin_waiting(&one), begin_waiting(&other)];
    futures.extend((0..3).map(|_| one.submit(value::noop::task()).expect("submits")));
    let done = one.submit(value::noop::task()).expect("submits");
    done.cancel();
    futures.push(done);
    let mut given = as_completed(futures.clone(), Some(Duration::from_millis(20)));
    assert!(given.next().is_some_and(|first| first.is_ok_and(|first| first.cancelled())));
    let error = given.next().expect("the timeout is told").expect_err("nothing else ends");
    assert_eq!((error.unfinished, error.total), (5, 6));
    assert_eq!(error.to_string(), "5 (of 6) futures unfinished");
    assert!(given.next().is_none());
    futures.iter().for_each(|future| _ = future.cancel());
}

// behaviour: B28
#[test]
fn one_future_is_awaited_and_waited_for_at_the_same_time() {
    let _house = house();
    let executor = executor(1);
    let blocker = begin_waiting(&executor);
    let future = executor.submit(value::add::task(40, 2)).expect("submits");
    let awaiting: Vec<_> = (0..4)
        .map(|n| {
            let future = future.clone();
            std::thread::spawn(move || if n % 2 == 0 { block_on(future) } else { future.result() })
        })
        .collect();
    blocker.cancel();
    let results = no_hang("four who wait", || awaiting.into_iter().map(|thread| thread.join()).collect::<Vec<_>>());
    assert!(results.into_iter().all(|result| result.expect("it does not panic") == Ok(42)));
    assert_eq!(block_on(future.clone()), Ok(42), "it can be awaited when it is done");
    assert_eq!(block_on(async { future.await.map(|sum| sum + 1) }), Ok(43));
}

// behaviour: B28
#[test]
fn a_dropped_future_lets_its_task_go_on_unless_it_was_asked_to_cancel() {
    let _house = house();
    let executor = executor(1);
    drop(executor.submit(value::noop::task()).expect("submits"));
    let running = begin_waiting(&executor);
    drop(running.clone().cancel_on_drop());
    wait_until("the running task was cancelled", || running.cancelled());
    let sum = executor.submit(value::add::task(1, 2)).expect("submits").cancel_on_drop();
    assert_eq!(block_on(sum), Ok(3));
    executor.shutdown(Shutdown::Finish);
    let stats = executor.stats();
    assert_eq!((stats.finished, stats.cancelled), (2, 1));
}
