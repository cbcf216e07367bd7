//! Callers whose own thread gives a task to an idle worker and takes its answer in: nothing depends on that thread.

use crate::patience::{end_of, only_worker, until};
use crate::support::{executor, house};
use guest_basic::value;
use isopool::{Executor, IntoTask, Shutdown, TaskError};
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, gettid};
use std::fmt::{Debug, Write};
use std::sync::mpsc::channel;

#[test]
fn a_worker_that_is_started_for_a_caller_s_task_outlives_the_caller_s_thread() {
    let _house = house();
    let executor = Executor::builder().max_workers(2).build().expect("builds");
    end_of(&executor.submit(value::add::task(1, 2)).expect("open")).expect("a sound task");
    until("its worker has nothing to do", || executor.stats().waiting == 0);
    let submit = |x| executor.submit(value::add::task(x, 1).into_task().tenant("another")).expect("open");
    // There is an idle worker, but of another tenant: a process is started for this task, and this thread ends at once.
    let first = std::thread::scope(|scope| scope.spawn(|| submit(1)).join()).expect("no panic");
    assert_eq!(end_of(&first).expect("its worker lives"), 2);
    let second = submit(2);
    assert_eq!(end_of(&second).expect("its worker lives"), 3);
    let pid = |future: &isopool::TaskFuture<u64>| future.report().expect("it has run").pid;
    assert_eq!(pid(&first), pid(&second));
    let stats = executor.stats();
    assert_eq!((stats.workers_lost, stats.workers_started), (0, 2), "{stats:?}");
    executor.shutdown(Shutdown::Finish);
}

#[test]
fn a_caller_that_sleeps_at_a_worker_is_told_of_an_end_of_which_the_worker_knows_nothing() {
    let _house = house();
    let executor = executor(1);
    end_of(&executor.submit(value::add::task(1, 2)).expect("open")).expect("a sound task");
    let worker = Pid::from_raw(i32::try_from(only_worker(&executor).pid).expect("process ids are small"));
    signal::kill(worker, Signal::SIGSTOP).expect("it is our worker");
    let future = executor.submit(value::add::task(3, 4)).expect("open");
    let waiting = future.clone();
    let (say, thread) = channel();
    let waits = std::thread::spawn(move || {
        say.send(gettid()).expect("somebody listens");
        waiting.result()
    });
    let stat = format!("/proc/self/task/{}/stat", thread.recv().expect("it runs"));
    until("it sleeps", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S ")));
    // The worker has not begun it, and so it has nothing to say of it.
    assert!(future.cancel());
    until("it is told", || waits.is_finished());
    assert!(matches!(waits.join().expect("no panic"), Err(TaskError::Cancelled { .. })));
    signal::kill(worker, Signal::SIGCONT).expect("it is our worker");
    assert_eq!(end_of(&executor.submit(value::add::task(5, 6)).expect("open")).expect("the worker goes on"), 11);
}

/// Panics when a task is given to a worker.
struct Careless;

impl tracing::Subscriber for Careless {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut |_: &tracing::field::Field, value: &dyn Debug| {
            let _ = write!(text, "{value:?}");
        });
        assert!(!text.contains("the task was sent"), "a careless subscriber");
    }
}

#[test]
fn a_panic_while_a_caller_is_at_it_ends_the_pool_and_its_futures_with_its_words() {
    let _house = house();
    let executor = executor(1);
    end_of(&executor.submit(value::add::task(1, 2)).expect("open")).expect("a sound task");
    // Only this thread has such a subscriber. It sends a task itself whenever the worker is known to have nothing to do.
    let error = tracing::subscriber::with_default(Careless, || {
        (0..1000).find_map(|x| match executor.submit(value::add::task(x, 1)) {
            Ok(future) => end_of(&future).err().map(|error| error.to_string()),
            Err(refused) => Some(refused.to_string()),
        })
    });
    let error = error.expect("this thread has sent one of them");
    assert!(error.contains("the executor's dispatcher failed") && error.contains("a careless subscriber"), "{error}");
    let broken = executor.broken().expect("for good").cause.to_string();
    assert!(broken.contains("a careless subscriber"), "{broken}");
    assert!(executor.submit(value::add::task(1, 2)).is_err());
}
