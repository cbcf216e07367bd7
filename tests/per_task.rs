//! What one task may have that the others of its executor have not, and what is known of it afterwards.

use crate::support::{executor, house, wait_until};
use guest_basic::{environment, progress, resources, state};
use isopool::{ErrorKind, Executor, GuestOutput, IntoTask, Progress, Reuse, limits};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

// behaviour: B43
#[test]
fn variables_of_one_task_come_before_those_of_the_executor() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).env("BOTH", "executor").env("ONE", "executor").build();
    let executor = executor.expect("builds");
    let see = |name: &str| {
        let task =
            environment::env::task(name.into()).into_task().env("BOTH", "first").env("BOTH", "task").env("OWN", "");
        executor.submit(task).expect("submits").result().expect("sees")
    };
    assert_eq!(see("BOTH").as_deref(), Some("task"), "its own before the executor's, the last one before the first");
    assert_eq!(see("ONE").as_deref(), Some("executor"));
    assert_eq!(see("OWN").as_deref(), Some(""));
    let other = |name: &str| executor.submit(environment::env::task(name.into())).expect("submits").result();
    assert_eq!(other("BOTH"), Ok(Some("executor".into())), "it is the task's alone");
    assert_eq!(other("OWN"), Ok(None));
}

// behaviour: B43
#[test]
fn a_task_with_variables_of_its_own_leaves_a_reused_instance_alone() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).reuse(Reuse::Worker).build().expect("builds");
    let count = || executor.submit(state::counter::task()).expect("submits").result().expect("counts");
    let see =
        |task| executor.submit::<isopool::Task<_, Option<String>>>(task).expect("submits").result().expect("sees");
    // The kept instance has read its environment.
    assert_eq!(see(environment::env::task("OWN".into()).into_task()), None);
    assert_eq!([count(), count()], [1, 2]);
    assert_eq!(see(environment::env::task("OWN".into()).into_task().env("OWN", "seen")).as_deref(), Some("seen"));
    let own = state::counter::task().into_task().env("OWN", "");
    assert_eq!(executor.submit(own).expect("submits").result(), Ok(1), "an instance of its own");
    assert_eq!(see(environment::env::task("OWN".into()).into_task()), None);
    assert_eq!((count(), executor.stats().workers_started), (3, 1), "what was kept goes on");
}

// behaviour: B43
#[test]
fn an_initializer_that_reads_its_environment_fixes_it() {
    let _house = house();
    let see = |executor: &Executor| {
        let task = environment::env::task("NAME".into()).into_task().env("NAME", "task");
        executor.submit(task).expect("submits").result().expect("sees")
    };
    let builder = || Executor::builder().max_workers(1).env("NAME", "executor");
    let reads = builder().initializer(environment::read_environment::task()).build().expect("builds");
    assert_eq!(see(&reads).as_deref(), Some("executor"));
    let reads_nothing = builder().initializer(state::set_global::task(1)).build().expect("builds");
    assert_eq!(see(&reads_nothing).as_deref(), Some("task"));
}

// behaviour: B43
// limit: MAX_TASK_ENVIRONMENT_BYTES
#[test]
fn an_environment_that_cannot_be_is_refused_at_submit() {
    let _house = house();
    let executor = executor(1);
    let submit = |name: &str, value: String| {
        let task = environment::env::task(String::new()).into_task().env(name, value);
        executor
            .submit(task)
            .map(|future| future.result().expect("sees"))
            .map_err(|error| (error.kind(), error.to_string()))
    };
    for name in ["", "A=B", "A\0B"] {
        let (kind, message) = submit(name, String::new()).expect_err("no name");
        assert_eq!(kind, ErrorKind::InvalidOption);
        assert!(message.contains("is no name of an environment variable"), "{message}");
    }
    let most = limits::MAX_TASK_ENVIRONMENT_BYTES - 1;
    assert_eq!(submit("A", "x".repeat(most)), Ok(None));
    let (kind, message) = submit("A", "x".repeat(most + 1)).expect_err("one byte too many");
    assert_eq!(kind, ErrorKind::InvalidOption);
    assert!(message.contains("65537 bytes, the limit is 65536"), "{message}");
    assert_eq!(executor.stats().submitted, 1);
}

// behaviour: B43
#[test]
fn output_of_one_task_is_captured_or_dropped_whatever_the_executor_says() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).max_output_bytes(1000).build().expect("builds");
    let print = |out: &str, output: GuestOutput| {
        let task = environment::print::task(out.into(), "err".into()).into_task().guest_output(output);
        let future = executor.submit(task).expect("submits");
        future.result().expect("both streams are open");
        future.report().expect("it has run").output.clone()
    };
    let captured = print("out", GuestOutput::Capture);
    assert_eq!((&captured.stdout[..], &captured.stderr[..], captured.dropped_bytes), (&b"out"[..], &b"err"[..], 0));
    assert_eq!(print("out", GuestOutput::Discard), isopool::CapturedOutput::default());
    let captured = print(&"x".repeat(1010), GuestOutput::Capture);
    assert_eq!((captured.stdout.len(), captured.stderr.len(), captured.dropped_bytes), (1000, 0, 13));
    assert_eq!(print("shown by this test\n", GuestOutput::Inherit), isopool::CapturedOutput::default());
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

// Asked for by users of joblib (#1063).
#[test]
fn progress_reaches_its_callback_while_the_task_runs_and_the_last_word_before_its_end() {
    let _house = house();
    let executor = executor(1);
    let (say, said) = channel();
    let future = executor.submit(progress::say::task(texts(4), 120)).expect("submits");
    let (main, task) = (std::thread::current().id(), future.clone());
    let to_progress = say.clone();
    future.on_progress(move |progress| {
        let elsewhere = std::thread::current().id() != main;
        // Nobody listens when the test has failed.
        let _ = to_progress.send((progress.message.clone(), progress.done, elsewhere, task.done()));
    });
    future.add_done_callback(move |_| _ = say.send(("the end".into(), 0, true, true)));
    future.result().expect("it says");
    let said: Vec<_> = said.into_iter().take(5).collect();
    let words: Vec<_> = said.iter().map(|(message, done, ..)| (message.as_str(), *done)).collect();
    assert_eq!(words, [("text 0", 0), ("text 1", 1), ("text 2", 2), ("text 3", 3), ("the end", 0)]);
    assert!(said[1..].iter().all(|(_, _, elsewhere, _)| *elsewhere), "on the thread for callbacks: {said:?}");
    assert!(!said[2].3, "while the task runs");
}

// limit: PROGRESS_INTERVAL
#[test]
fn a_million_words_on_progress_cost_the_caller_a_few() {
    let _house = house();
    let executor = executor(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let total = 1_000_000;
    let future = executor.submit(progress::count_to::task(total)).expect("submits");
    let list = Arc::clone(&seen);
    future.on_progress(move |progress| list.lock().push(progress.done));
    future.result().expect("counts");
    wait_until("the last word is told", || seen.lock().last() == Some(&total));
    let seen = seen.lock();
    let report = future.report().expect("it has run");
    let intervals = report.run_time.as_millis() / limits::PROGRESS_INTERVAL.as_millis();
    assert!(seen.len() as u128 <= intervals + 2, "{} words in {:?}", seen.len(), report.run_time);
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(u64::from(report.dropped_progress) + seen.len() as u64 <= total);
    assert!(u64::from(report.dropped_progress) > total / 2, "{report:?}");
}

#[test]
fn a_slow_progress_callback_sees_the_latest_word_and_holds_up_nobody() {
    let _house = house();
    let executor = executor(1);
    let (block, wait) = channel::<()>();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let future = executor.submit(progress::say::task(texts(6), 70)).expect("submits");
    let (list, words) = (Arc::clone(&seen), texts(6));
    wait_until("the first word is there, and nobody has asked for it", || future.running());
    future.on_progress(move |progress: &Progress| {
        list.lock().push(progress.message.clone());
        if progress.message != words[0] {
            // Until the task has ended.
            let _ = wait.recv();
        }
    });
    future.result().expect("the callback blocks, and nobody waits for it");
    drop(block);
    wait_until("the last word is told", || seen.lock().last() == Some(&"text 5".to_owned()));
    let seen = seen.lock();
    assert!(seen.len() <= 3, "one before it blocks, one that it blocks on, and the latest: {seen:?}");
}

// limit: MAX_PROGRESS_TEXT_BYTES
#[test]
fn texts_on_progress_are_cut_at_their_limit() {
    let _house = house();
    let executor = executor(1);
    let (say, said) = channel();
    let future = executor.submit(progress::say::task(vec!["ü".repeat(1 << 20)], 0)).expect("submits");
    future.on_progress(move |progress| _ = say.send(progress.clone()));
    future.result().expect("it says");
    let progress = said.recv().expect("one word");
    assert!(progress.message.len() <= limits::MAX_PROGRESS_TEXT_BYTES && progress.message.ends_with("ü…"));
    assert_eq!(progress.fraction(), None);
    assert!(said.recv().is_err(), "and the callback is let go");
}

#[test]
fn a_panic_in_a_progress_callback_stops_nothing() {
    let _house = house();
    let executor = executor(1);
    let (say, said) = channel();
    let future = executor.submit(progress::say::task(texts(3), 70)).expect("submits");
    future.on_progress(|_| panic!("on purpose"));
    future.on_progress(move |progress| _ = say.send(progress.done));
    future.result().expect("it says");
    assert_eq!(said.into_iter().last(), Some(2));
    assert_eq!(executor.submit(state::counter::task()).expect("submits").result(), Ok(1));
}

// What a task cost.
#[test]
fn a_report_tells_waiting_running_and_computing_apart() {
    let _house = house();
    let executor = executor(1);
    let begin = Instant::now();
    let sleeping = executor.submit(resources::sleep_ms::task(120)).expect("submits");
    let computing = executor.submit(resources::compute_ms::task(60)).expect("submits");
    let waiting = executor.submit(state::counter::task()).expect("submits");
    sleeping.result().expect("sleeps");
    computing.result().expect("computes");
    waiting.result().expect("counts");
    let all = begin.elapsed();
    let [sleeping, computing, waiting] =
        [sleeping.report(), computing.report(), waiting.report()].map(|report| report.expect("it has run"));
    let ms = Duration::from_millis;
    assert!(sleeping.run_time >= ms(120) && sleeping.cpu_time < ms(60), "{sleeping:?}");
    assert!(computing.run_time >= ms(60) && computing.run_time <= all, "{computing:?}");
    assert!(computing.cpu_time > ms(5) && computing.cpu_time <= computing.run_time + ms(1), "{computing:?}");
    assert!(waiting.queue_time <= all && waiting.cpu_time <= waiting.run_time + ms(1), "{waiting:?}");
    assert!(waiting.peak_memory_bytes > 0);
}
