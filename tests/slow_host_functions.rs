//! Functions of the caller's that take long: calls that are given up, tasks that are stopped while one runs, futures.

use crate::host_functions::{fault, run, shop};
use crate::patience::{end_of, error_of, kill, only_worker, until};
use crate::support::house;
use guest_host_calls::{lookup, lookup_often};
use isopool::{HostCall, HostError, HostFaultKind, IntoTask, Shutdown, TaskError, TaskFuture};
use parking_lot::{Condvar, Mutex};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A closure waits here until it is let through.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    open: bool,
    came: u64,
    left: u64,
}

impl Gate {
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.came += 1;
        while !state.open {
            changed.wait(&mut state);
        }
        state.left += 1;
    }

    fn open(&self) {
        self.0.0.lock().open = true;
        self.0.1.notify_all();
    }

    fn came(&self) -> u64 {
        self.0.0.lock().came
    }

    fn left(&self) -> u64 {
        self.0.0.lock().left
    }

    /// Its function: 7, when it is let through; at once for another key.
    fn function(&self) -> impl Fn(String) -> Result<Option<u32>, HostError> + Send + Sync + 'static {
        let gate = self.clone();
        move |key: String| {
            if key == "gate" {
                gate.pass();
            }
            Ok(Some(7))
        }
    }
}

// limit: DEFAULT_HOST_FUNCTION_TIME_LIMIT, DEFAULT_HOST_FUNCTION_THREADS
#[test]
fn a_function_that_never_returns_ends_its_task_in_time_and_keeps_its_own_thread_only() {
    let _house = house();
    let gate = Gate::default();
    let limit = Duration::from_millis(100);
    let executor = shop()
        .max_workers(2)
        .host_function_threads(2)
        .host_function_time_limit(limit)
        .host_function("test:host/store#lookup", gate.function())
        .build()
        .expect("builds");
    let late = fault(&executor.submit(lookup::task("gate".into())).expect("submits"));
    let expected = "it had not answered within its limit of 100ms; raise it with host_function_time_limit()";
    assert_eq!((late.kind, &*late.message), (HostFaultKind::TimedOut, expected));
    assert_eq!(gate.came(), 1);
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(7)), "there is a second thread");
    // Now both are busy.
    assert_eq!(fault(&executor.submit(lookup::task("gate".into())).expect("submits")).kind, HostFaultKind::TimedOut);
    until("both threads are busy", || gate.came() == 2);
    let waited = fault(&executor.submit(lookup::task("tea".into())).expect("submits"));
    let expected = "all 2 threads for host functions were busy for 100ms; give the executor more with host_function_threads(), or \
                    more time to each call with host_function_time_limit()";
    assert_eq!((waited.kind, &*waited.message), (HostFaultKind::TimedOut, expected));
    gate.open();
    until("both have returned", || gate.left() == 2);
    assert_eq!(
        run(&executor, lookup::task("tea".into())),
        Ok(Some(7)),
        "their answers were dropped, the threads are free"
    );
}

#[test]
fn a_plugin_that_is_stopped_during_a_call_leaves_the_caller_whole() {
    let _house = house();
    let gate = Gate::default();
    let unwanted = Arc::new(AtomicU64::new(0));
    let (counter, inside) = (Arc::clone(&unwanted), gate.clone());
    let executor = shop()
        .host_function_threads(1)
        .host_function_in_context("test:host/store#lookup", move |call: &HostCall, key: String| {
            if key == "gate" {
                inside.pass();
                counter.fetch_add(u64::from(!call.is_wanted()), Ordering::Relaxed);
            }
            Ok::<_, HostError>(Some(7))
        })
        .build()
        .expect("builds");
    let begin = |came| {
        let future = executor.submit(lookup::task("gate".into())).expect("submits");
        until("its call is served", || gate.came() == came);
        future
    };
    // The one thread is in the first call; the calls of the others wait for it until their tasks end.
    let cancelled = begin(1);
    assert!(cancelled.cancel());
    assert!(error_of(&cancelled).is_cancelled());
    let late = executor.submit(lookup::task("gate".into()).into_task().time_limit(Duration::from_millis(100)));
    assert!(matches!(error_of(&late.expect("submits")), TaskError::TimedOut { .. }));
    let lost = executor.submit(lookup::task("gate".into())).expect("submits");
    until("it runs", || lost.running());
    kill(only_worker(&executor).pid);
    assert!(error_of(&lost).broken_process_pool().is_some());
    gate.open();
    until("the one that was begun has ended", || gate.left() == 1);
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(7)), "its thread is free");
    assert_eq!((gate.came(), unwanted.load(Ordering::Relaxed)), (1, 1), "the others have left the line");
}

#[test]
fn an_executor_is_shut_down_while_a_function_blocks() {
    let _house = house();
    let gate = Gate::default();
    let executor = shop().host_function("test:host/store#lookup", gate.function()).build().expect("builds");
    let future = executor.submit(lookup::task("gate".into())).expect("submits");
    until("its call is served", || gate.came() == 1);
    executor.shutdown(Shutdown::Kill);
    assert!(matches!(error_of(&future), TaskError::Shutdown { .. }));
    assert_eq!(gate.left(), 0, "nobody has waited for it");
    gate.open();
    until("it has ended", || gate.left() == 1);
}

#[test]
fn workers_killed_at_any_moment_of_their_calls_lose_their_own_tasks_only() {
    let _house = house();
    let (begun, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (comes, leaves) = (Arc::clone(&begun), Arc::clone(&ended));
    let executor = shop()
        .max_workers(4)
        .host_function_threads(3)
        .host_function("test:host/store#lookup", move |_: String| -> Result<Option<u32>, HostError> {
            comes.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
            leaves.fetch_add(1, Ordering::Relaxed);
            Ok(Some(1))
        })
        .build()
        .expect("builds");
    let futures: Vec<_> = (0..200)
        .map(|_| executor.submit(lookup_often::task("tea".into(), 50).into_task().retries(100)).expect("submits"))
        .collect();
    let mut killed = 0;
    while killed < 40 && futures.iter().any(|future| !future.done()) {
        let calls = begun.load(Ordering::Relaxed);
        until("calls go on", || begun.load(Ordering::Relaxed) > calls + 20 || futures.iter().all(TaskFuture::done));
        if let Some(worker) = executor.stats().workers.get(killed % 4) {
            kill(worker.pid);
            killed += 1;
        }
    }
    for future in &futures {
        assert_eq!(end_of(future), Ok(50), "run again, and whole");
    }
    until("every function has ended", || begun.load(Ordering::Relaxed) == ended.load(Ordering::Relaxed));
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(1)));
    assert!(executor.broken().is_none());
}

#[test]
fn a_task_that_is_run_again_may_call_as_often_again() {
    let _house = house();
    let gate = Gate::default();
    let executor = shop()
        .max_host_function_calls(1)
        .host_function("test:host/store#lookup", gate.function())
        .build()
        .expect("builds");
    let future = executor.submit(lookup::task("gate".into()).into_task().retries(1)).expect("submits");
    until("it has called", || gate.came() == 1);
    kill(only_worker(&executor).pid);
    gate.open();
    assert_eq!(end_of(&future), Ok(Some(7)));
    assert_eq!(gate.came(), 2);
}

/// A future that ends when it is told to, and says when it is dropped.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<SlowState>>);

#[derive(Default)]
struct SlowState {
    wakers: Vec<Waker>,
    open: bool,
    dropped: u64,
}

impl Slow {
    /// As [`Gate::function`], without a thread for each that waits.
    fn function(&self) -> impl Fn(HostCall, String) -> SlowCall + Send + Sync + 'static {
        let slow = self.clone();
        move |_, key| SlowCall { slow: slow.clone(), waits: key == "gate" }
    }

    fn waiting(&self) -> usize {
        self.0.lock().wakers.len()
    }

    fn open(&self) {
        let mut state = self.0.lock();
        state.open = true;
        std::mem::take(&mut state.wakers).into_iter().for_each(Waker::wake);
    }
}

struct SlowCall {
    slow: Slow,
    waits: bool,
}

impl Future for SlowCall {
    type Output = Result<Option<u32>, HostError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slow.0.lock();
        if self.waits && !state.open {
            state.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(Some(7)))
    }
}

impl Drop for SlowCall {
    fn drop(&mut self) {
        self.slow.0.lock().dropped += 1;
    }
}

#[test]
fn async_functions_that_wait_share_one_thread_and_are_dropped_with_their_tasks() {
    let _house = house();
    let slow = Slow::default();
    let executor = shop()
        .max_workers(3)
        .host_function_threads(1)
        .async_host_function("test:host/store#lookup", slow.function())
        .build()
        .expect("builds");
    let waiting: Vec<_> = (0..2).map(|_| executor.submit(lookup::task("gate".into())).expect("submits")).collect();
    until("both wait", || slow.waiting() == 2);
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(7)), "the thread is free");
    let dropped = slow.0.lock().dropped;
    assert!(waiting[0].cancel());
    until("its future is dropped", || slow.0.lock().dropped == dropped + 1);
    slow.open();
    assert_eq!(end_of(&waiting[1]), Ok(Some(7)));

    let ends = |_: HostCall, key: String| async move {
        match &*key {
            "tea" => Ok(Some(3)),
            "ale" => Err::<_, HostError>("the cellar is closed".into()),
            _ => panic!("never heard of {key}"),
        }
    };
    let executor = shop().async_host_function("test:host/store#lookup", ends).build().expect("builds");
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(3)));
    let failed = fault(&executor.submit(lookup::task("ale".into())).expect("submits"));
    assert_eq!((failed.kind, &*failed.message), (HostFaultKind::Failed, "the cellar is closed"));
    let panicked = fault(&executor.submit(lookup::task("mead".into())).expect("submits"));
    assert_eq!((panicked.kind, &*panicked.message), (HostFaultKind::Panicked, "never heard of mead"));
}

#[test]
fn an_async_function_that_never_ends_is_given_up_in_time_and_dropped() {
    let _house = house();
    let slow = Slow::default();
    let executor = shop()
        .host_function_threads(1)
        .host_function_time_limit(Duration::from_millis(50))
        .async_host_function("test:host/store#lookup", slow.function())
        .build()
        .expect("builds");
    let late = fault(&executor.submit(lookup::task("gate".into())).expect("submits"));
    assert_eq!(late.kind, HostFaultKind::TimedOut);
    until("it is dropped", || slow.0.lock().dropped == 1);
}
