//! What a future says of its task, and what can be done with it.

use crate::support::logs;
use crate::support::{begin_waiting, executor, house, no_hang, wait_until};
use guest_basic::{failure, resources, state, value};
use isopool::{Executor, Reuse, Shutdown, TaskError};
use std::sync::mpsc::channel;
use std::time::Duration;

// behaviour: B24
#[test]
fn every_state_of_a_future_answers_every_question() {
    let _house = house();
    let executor = executor(1);
    let finished = executor.submit(value::noop::task()).expect("submits");
    finished.result().expect("returns");
    let failed = executor.submit(failure::panics::task("on purpose".into())).expect("submits");
    assert!(matches!(failed.exception(), Some(TaskError::Panicked { .. })));
    let running = begin_waiting(&executor);
    let pending = executor.submit(value::noop::task()).expect("submits");
    let cancelled = executor.submit(value::noop::task()).expect("submits");
    assert!(cancelled.cancel());

    // (done, running, cancelled, name); then what cancel() says, which must be last.
    let look = |future: &isopool::TaskFuture<()>| (future.done(), future.running(), future.cancelled());
    assert_eq!(look(&pending), (false, false, false));
    assert_eq!(look(&running), (false, true, false));
    assert_eq!(look(&finished), (true, false, false));
    assert_eq!(look(&failed), (true, false, false));
    assert_eq!(look(&cancelled), (true, false, true));
    let all = [(&pending, "pending"), (&running, "running"), (&finished, "finished"), (&failed, "finished")];
    for (future, name) in all.into_iter().chain([(&cancelled, "cancelled")]) {
        let said = format!("{future:?}");
        assert!(said.starts_with("TaskFuture(task ") && said.ends_with(&format!(", {name})")), "{said}");
    }
    for future in [&pending, &running] {
        let error = future.result_timeout(Duration::from_millis(1)).expect_err("it has not ended");
        assert!(error.is_wait_timeout(), "{error}");
    }
    assert_eq!(finished.exception(), None);
    assert!(cancelled.exception().is_some_and(|error| error.is_cancelled()));
    let says = [&pending, &running, &finished, &failed, &cancelled].map(|future| future.cancel());
    assert_eq!(says, [true, true, false, false, true]);
    assert_eq!((look(&pending), look(&running)), ((true, false, true), (true, false, true)));
}

// behaviour: B24
#[test]
fn a_wait_that_times_out_can_be_repeated_until_the_result_is_there() {
    let _house = house();
    let executor = executor(1);
    let future = executor.submit(resources::sleep_ms::task(200)).expect("submits");
    let mut waits = 0;
    no_hang("waits that are repeated", move || {
        while future.result_timeout(Duration::from_millis(20)).is_err_and(|error| error.is_wait_timeout()) {
            waits += 1;
        }
        assert!(waits > 0, "the first wait must be too short");
        assert_eq!((future.result(), future.result()), (Ok(()), Ok(())), "a result can be taken again");
    });
}

// behaviour: B25
#[test]
fn a_task_that_waits_for_its_turn_does_not_run() {
    let _house = house();
    let executor = executor(1);
    let first = begin_waiting(&executor);
    let others: Vec<_> = (0..100).map(|_| executor.submit(value::noop::task()).expect("submits")).collect();
    assert!(others.iter().all(|future| !future.running() && !future.done()));
    assert!(first.running());
    assert!(first.cancel());
    others.iter().for_each(|future| future.result().expect("its turn has come"));
}

// behaviour: B25
#[test]
fn a_task_whose_cancel_said_true_never_begins() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).reuse(Reuse::Worker).build().expect("builds");
    // One instance counts the calls: those that were cancelled must not be among them.
    let first = executor.submit(resources::sleep_ms::task(1000)).expect("submits");
    let counters: Vec<_> = (0..200).map(|_| executor.submit(state::counter::task()).expect("submits")).collect();
    let stopped = counters.iter().step_by(2).filter(|future| future.cancel()).count();
    assert_eq!(stopped, 100, "all of them wait while the first task sleeps");
    first.result().expect("it was not cancelled");
    let counted: Vec<_> = counters.iter().skip(1).step_by(2).map(|future| future.result().expect("runs")).collect();
    assert_eq!(counted, (1..=100).collect::<Vec<u64>>());
}

// behaviour: B26
#[test]
fn callbacks_run_once_each_in_their_order_and_at_once_when_the_task_is_done() {
    let _house = house();
    let executor = executor(1);
    let blocker = begin_waiting(&executor);
    let future = executor.submit(value::add::task(1, 2)).expect("submits");
    let (sender, receiver) = channel();
    for number in 0..20 {
        let sender = sender.clone();
        future.add_done_callback(move |done| sender.send((number, done.result())).expect("the test listens"));
    }
    assert!(receiver.try_recv().is_err(), "the task has not ended");
    blocker.cancel();
    future.result().expect("adds");
    let called: Vec<_> = (0..20).map(|_| receiver.recv_timeout(Duration::from_secs(60)).expect("called")).collect();
    assert_eq!(called, (0..20).map(|number| (number, Ok(3))).collect::<Vec<_>>());
    let here = std::thread::current().id();
    let late = sender.clone();
    future.add_done_callback(move |done| {
        assert_eq!(std::thread::current().id(), here);
        late.send((20, done.result())).expect("the test listens");
    });
    assert_eq!(receiver.try_recv(), Ok((20, Ok(3))), "it is called before add_done_callback returns");
    drop(sender);
    executor.shutdown(Shutdown::Finish);
    assert!(receiver.recv_timeout(Duration::from_secs(60)).is_err(), "nobody is called twice");
}

// behaviour: B26
#[test]
fn a_callback_that_panics_is_logged_and_stops_nothing() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(1);
    let blocker = begin_waiting(&executor);
    let future = executor.submit(value::noop::task()).expect("submits");
    let (sender, receiver) = channel();
    let before = log.with("a callback panicked").len();
    future.add_done_callback(|_| panic!("on purpose, in a callback"));
    future.add_done_callback(move |_| sender.send(()).expect("the test listens"));
    blocker.cancel();
    receiver.recv_timeout(Duration::from_secs(60)).expect("the second callback is called all the same");
    assert_eq!(log.with("a callback panicked").len(), before + 1);
    future.add_done_callback(|_| panic!("on purpose, at once"));
    assert_eq!(log.with("a callback panicked").len(), before + 2);
    assert_eq!(executor.submit(value::add::task(1, 1)).expect("submits").result(), Ok(2));
}

// behaviour: B26
#[test]
fn a_callback_that_blocks_delays_no_other_result() {
    let _house = house();
    let executor = executor(1);
    let (release, blocked) = channel::<()>();
    let (entered, enters) = channel();
    let blocker = begin_waiting(&executor);
    let first = executor.submit(value::noop::task()).expect("submits");
    first.add_done_callback(move |_| {
        entered.send(()).expect("the test listens");
        // Ends when the test lets it, or drops its end.
        let _ = blocked.recv();
    });
    blocker.cancel();
    no_hang("a task behind a callback that blocks", move || {
        enters.recv().expect("the callback is called");
        assert_eq!(executor.submit(value::add::task(20, 22)).expect("submits").result(), Ok(42));
        drop(release);
    });
}

// behaviour: B26
#[test]
fn a_callback_can_submit_cancel_and_wait() {
    let _house = house();
    let executor = executor(2);
    let sleeper = begin_waiting(&executor);
    let future = executor.submit(resources::sleep_ms::task(50)).expect("submits");
    let (sender, receiver) = channel();
    let inner = executor.clone();
    let sleeping = sleeper.clone();
    future.add_done_callback(move |_| {
        let sum = inner.submit(value::add::task(1, 2)).expect("submits").result();
        sender.send((sleeping.cancel(), sum)).expect("the test listens");
    });
    let answer = receiver.recv_timeout(Duration::from_secs(60)).expect("the callback neither hangs nor panics");
    assert_eq!(answer, (true, Ok(3)));
    wait_until("the sleeper was cancelled", || sleeper.cancelled());
}

// behaviour: B29
#[test]
fn a_running_task_that_is_cancelled_stops_and_its_neighbours_do_not_notice() {
    let _house = house();
    let executor = executor(2);
    let neighbour = begin_waiting(&executor);
    let spinning = executor.submit(guest_basic::crash::spin::task()).expect("submits");
    wait_until("the endless loop runs", || spinning.running());
    let behind: Vec<_> = (0..50).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
    assert!(spinning.cancel());
    assert!(spinning.cancelled() && spinning.result().is_err_and(|error| error.is_cancelled()));
    for (n, future) in (0..).zip(&behind) {
        assert_eq!(future.result(), Ok(n + 1));
    }
    assert!(neighbour.running(), "a neighbour is not touched");
    let stats = executor.stats();
    assert_eq!((stats.cancelled, stats.finished, stats.failed), (1, 50, 0));
    assert_eq!((stats.workers_started, stats.workers_lost), (3, 0), "one worker was replaced, and none was lost");
    neighbour.cancel();
}
