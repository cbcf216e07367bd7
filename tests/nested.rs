//! Tasks that submit tasks and wait for them, in the same pool.

use crate::support::{executor, house, logs, no_hang, wait_until};
use guest_basic::{nested, resources, value};
use isopool::{BrokenCause, Containment, Error, Executor, IntoTask, TaskError, limits};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The result of a task that must not hang.
fn run<T: isopool::IntoTask + Send + 'static>(executor: &Executor, task: T) -> Result<T::Output, TaskError>
where
    T::Output: Send + 'static,
{
    let future = executor.submit(task).expect("submits");
    no_hang("a task of tasks", move || future.result())
}

// behaviour: B44
#[test]
fn recursion_over_tasks_ends_on_any_number_of_workers_and_starts_no_more_of_them() {
    let _house = house();
    for max_workers in [1, 2, 4] {
        let executor = executor(max_workers);
        assert_eq!(run(&executor, nested::fibonacci::task(9)), Ok(34), "{max_workers} workers");
        let stats = executor.stats();
        assert_eq!((stats.submitted, stats.finished), (109, 109), "each call was a task");
        assert!(stats.workers_started <= max_workers as u64, "{stats:?}");
    }
}

// behaviour: B44
#[test]
fn a_task_waits_for_two_hundred_and_ten_tasks() {
    let _house = house();
    for max_workers in [1, 3] {
        let executor = executor(max_workers);
        let sum = (0..210).map(|n| n + 1).sum();
        assert_eq!(run(&executor, nested::sum_of_many::task(210)), Ok(sum));
        assert_eq!(executor.stats().finished, 211);
    }
}

// behaviour: B44
#[test]
fn all_workers_wait_for_children_and_none_for_ever() {
    let _house = house();
    for max_workers in [1, 2] {
        let executor = executor(max_workers);
        let parents: Vec<_> = (0..20).map(|_| executor.submit(nested::fibonacci::task(6)).expect("submits")).collect();
        let others: Vec<_> = (0..20).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
        no_hang("twenty trees at once", move || {
            parents.iter().for_each(|parent| assert_eq!(parent.result(), Ok(8)));
            others.iter().zip(1..).for_each(|(other, sum)| assert_eq!(other.result(), Ok(sum)));
        });
        assert!(executor.stats().workers_started <= max_workers as u64);
    }
}

// behaviour: B44
#[test]
fn children_run_on_other_workers_while_their_parent_waits() {
    let _house = house();
    let executor = executor(2);
    assert_eq!(run(&executor, nested::sum_of_many::task(2000)), Ok((1..=2000).sum()));
    assert_eq!(executor.stats().workers_started, 2, "both have helped");
}

// behaviour: B44
// limit: DEFAULT_MAX_DEPTH
#[test]
fn tasks_are_nested_ten_deep_and_not_deeper_and_the_refusal_says_how_to() {
    let _house = house();
    for max_workers in [1, 2] {
        let executor = executor(max_workers);
        let (depth, message) = run(&executor, nested::descend::task(0)).expect("a refusal is an answer");
        assert_eq!(depth, u64::from(limits::DEFAULT_MAX_DEPTH));
        let expected = "a task at depth 10 cannot submit another one: tasks may be nested 10 deep; the caller can raise \
                        it with ISOPOOL_MAX_DEPTH";
        assert_eq!(message, expected);
        // It is an error like any other.
        let fibonacci = run(&executor, nested::fibonacci::task(12));
        let error = fibonacci.expect_err("too deep").to_string();
        assert!(error.contains("tasks may be nested 10 deep"), "{error}");
    }
}

// behaviour: B44
#[test]
fn a_parent_is_told_how_each_of_its_children_ended() {
    let _house = house();
    for max_workers in [1, 2] {
        let executor = executor(max_workers);
        let ends = run(&executor, nested::ends::task()).expect("a fault of a child is a value for its parent");
        let starts =
            ["it returned", "Failed: task ", "Panicked: task ", "Trapped: task ", "Cancelled: it was cancelled"];
        for (end, start) in ends.iter().zip(starts) {
            assert!(end.starts_with(start), "{end}");
        }
        assert!(ends[2].contains("on purpose") && ends[2].contains(", of task 0) panicked"), "{}", ends[2]);
        assert!(ends[3].contains("unreachable"), "{}", ends[3]);
        let stats = executor.stats();
        assert_eq!((stats.finished, stats.failed, stats.cancelled), (2, 3, 1), "{stats:?}");
    }
}

// behaviour: B44
#[test]
fn a_parent_that_is_cancelled_takes_its_children_along() {
    let _house = house();
    for max_workers in [1, 2, 3] {
        let executor = executor(max_workers);
        let parent = executor.submit(nested::wait_for_two_that_never_end::task()).expect("submits");
        wait_until("its children are there", || executor.stats().submitted == 4 || max_workers == 1);
        wait_until("it runs", || parent.running());
        assert!(parent.cancel());
        wait_until("its children are cancelled", || {
            let stats = executor.stats();
            stats.cancelled == stats.submitted
        });
        assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
        assert!(executor.stats().workers.len() <= max_workers);
    }
}

// behaviour: B44
#[test]
fn children_that_a_task_leaves_behind_are_cancelled() {
    let _house = house();
    let executor = executor(3);
    assert_eq!(run(&executor, nested::leave_children_behind::task(20)), Ok(()));
    wait_until("they are cancelled", || executor.stats().cancelled == 21);
    assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
}

/// Waits until a child announces itself; gives the index of its worker.
fn worker_of(log: &logs::Log, text: &str) -> usize {
    wait_until("the child runs", || !log.with(text).is_empty());
    log.with(text)[0].field("worker").parse().expect("an index")
}

fn kill_worker(executor: &Executor, index: usize) {
    let pid = executor.stats().workers[index].pid;
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL).expect("it is ours");
}

// behaviour: B44
#[test]
fn a_child_that_is_lost_with_its_process_is_an_error_for_its_parent() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(2);
    let text = "a child in a worker of its own";
    let parent = executor.submit(nested::be_told_of_one_in_another_worker::task(text.into(), 4000)).expect("submits");
    let index = worker_of(&log, text);
    assert_eq!(index, 1, "its parent is in the first one, and does not wait yet");
    kill_worker(&executor, index);
    let told = no_hang("a parent whose child is lost", move || parent.result()).expect("it is a value");
    assert!(told.starts_with("Lost: task 1 (nested::announce in "), "{told}");
    assert!(told.contains("SIGKILL"), "{told}");
    assert_eq!(executor.stats().workers_lost, 1);
}

// behaviour: B44
#[test]
fn a_process_that_dies_takes_the_child_and_the_parent_that_it_ran_along_and_says_so() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(1);
    let text = "a child in the worker of its parent";
    let parent = executor.submit(nested::wait_for_one_that_never_ends::task(text.into())).expect("submits");
    let index = worker_of(&log, text);
    kill_worker(&executor, index);
    let error = no_hang("a parent that is lost", move || parent.result()).expect_err("it is lost");
    let broken = error.broken_process_pool().expect("a crash");
    assert_eq!(broken.cause, BrokenCause::Signaled { signal: 9 });
    let culprit = broken.culprit.as_ref().expect("the child ran");
    assert_eq!((culprit.parent().map(|task| task.get()), culprit.function()), (Some(0), "nested::announce"));
    assert!(error.to_string().contains("while it ran task 1 (nested::announce in"), "{error}");
    assert_eq!(executor.stats().failed, 2);
    assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
}

// behaviour: B44, B40
#[test]
fn a_child_that_traps_breaks_a_pool_that_is_contained_as_a_whole() {
    let _house = house();
    let executor = Executor::builder().max_workers(2).containment(Containment::Pool).build().expect("builds");
    let error = run(&executor, nested::ends::task()).expect_err("the pool breaks");
    let broken = error.broken_process_pool().expect("a trap");
    assert!(matches!(broken.cause, BrokenCause::Trap(_)), "{error}");
    assert!(executor.broken().is_some());
}

// behaviour: B44
// limit: MAX_CHILDREN
#[test]
fn a_bomb_of_nested_tasks_is_bounded_and_ends_with_its_parent() {
    let _house = house();
    let executor = executor(2);
    let bomb = executor.submit(nested::bomb::task(300)).expect("submits");
    let (held, message) = no_hang("a bomb", move || bomb.result()).expect("a refusal is an answer");
    assert_eq!(held, limits::MAX_CHILDREN as u64);
    assert!(message.contains("holds 1024 tasks that it has submitted"), "{message}");
    wait_until("nothing is left of it", || {
        let stats = executor.stats();
        stats.submitted == stats.finished + stats.failed + stats.cancelled
    });
    assert!(executor.stats().submitted <= 1 + 1024 * 30, "{:?}", executor.stats());
    assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
}

// behaviour: B44
#[test]
fn an_argument_of_a_nested_task_over_the_limit_is_an_error_for_its_parent() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).max_argument_bytes(3 << 20).build().expect("builds");
    assert_eq!(run(&executor, nested::submit_bytes::task(3_000_000)), Ok("it returned".into()));
    let told = run(&executor, nested::submit_bytes::task(4 << 20)).expect("an error is a value");
    assert!(told.starts_with("TooLarge: the argument of `value::echo_vec` has 41943"), "{told}");
    assert!(told.ends_with("the limit is 3145728"), "{told}");
}

// limit: MAX_CHILD_BYTES
#[test]
fn arguments_of_nested_tasks_are_bounded_together() {
    let _house = house();
    let executor = executor(1);
    let (held, said) = run(&executor, nested::hold_bytes::task(60 << 20)).expect("an error is a value");
    assert_eq!(held, 4, "{said}");
    assert!(said.ends_with("the limit is 268435456"), "{said}");
}

// behaviour: B44
#[test]
fn tasks_that_were_sent_ahead_behind_a_task_that_waits_are_not_lost() {
    let _house = house();
    let executor = executor(1);
    // Each of its children is submitted and waited for alone, so that others could be sent ahead between them.
    let parent = executor.submit(nested::one_after_another::task(300)).expect("submits");
    let others: Vec<_> = (0..200).map(|n| executor.submit(value::add::task(n, 1)).expect("submits")).collect();
    no_hang("a parent and many others", move || {
        assert_eq!(parent.result(), Ok(300));
        others.iter().zip(1..).for_each(|(other, sum)| assert_eq!(other.result(), Ok(sum)));
    });
}

// behaviour: B44
#[test]
fn a_shutdown_lets_a_task_finish_with_its_children_or_none_of_them() {
    let _house = house();
    let executor = executor(2);
    let parent = executor.submit(nested::fibonacci::task(8)).expect("submits");
    executor.shutdown(isopool::Shutdown::Finish);
    assert_eq!(parent.result(), Ok(21));

    let executor = crate::support::executor(2);
    let parent = executor.submit(nested::wait_for_two_that_never_end::task()).expect("submits");
    wait_until("it runs", || parent.running());
    executor.shutdown(isopool::Shutdown::Kill);
    assert!(matches!(parent.result(), Err(TaskError::Shutdown { .. })));
}

// behaviour: B44, B30
#[test]
fn the_time_limit_of_a_task_is_that_of_its_children_too() {
    let _house = house();
    for max_workers in [1, 3] {
        let executor = executor(max_workers);
        let limit = std::time::Duration::from_millis(400);
        let parent = nested::wait_for_two_that_never_end::task().into_task().time_limit(limit);
        let error = run(&executor, parent).expect_err("it is stopped");
        assert!(matches!(error, TaskError::TimedOut { .. }), "{error}");
        wait_until("its children are cancelled", || {
            let stats = executor.stats();
            stats.cancelled + 1 == stats.submitted && stats.submitted > 1
        });
        assert_eq!(run(&executor, value::add::task(1, 2)), Ok(3));
    }
}

// behaviour: B44, B50
#[test]
fn workers_that_were_forked_run_tasks_of_tasks_too() {
    let _house = house();
    let context = isopool::get_context(isopool::StartMethod::ForkServer);
    let executor = context.executor().max_workers(2).build().expect("builds");
    assert_eq!(run(&executor, nested::fibonacci::task(9)), Ok(34));
}

// behaviour: B44, B42
#[test]
fn workers_that_retire_after_each_task_run_the_children_of_that_task_too() {
    let _house = house();
    let builder = Executor::builder().max_workers(1).max_tasks_per_worker(1);
    let executor = builder.build().expect("builds");
    assert_eq!(run(&executor, nested::fibonacci::task(8)), Ok(21));
    assert_eq!(run(&executor, nested::fibonacci::task(8)), Ok(21));
    assert_eq!(executor.stats().workers_started, 2, "all children have run in the worker of their parent");
}

// behaviour: B44
#[test]
fn a_parent_that_is_run_again_begins_without_the_children_that_it_had() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(1);
    let text = "a child of a task that is run again";
    let parent = nested::wait_for_one_that_never_ends::task(text.into()).into_task().retries(1);
    let parent = executor.submit(parent).expect("submits");
    kill_worker(&executor, worker_of(&log, text));
    wait_until("it has submitted a child again", || log.with(text).len() == 2);
    assert_eq!(executor.stats().failed, 1, "the first child was lost");
    assert!(parent.running() && parent.cancel());
    wait_until("nothing is left", || executor.stats().cancelled == 2);
}

// behaviour: B44
#[test]
fn children_are_as_urgent_as_their_parent() {
    let _house = house();
    let log = logs::listen();
    let executor = executor(2);
    let submit_sleep = |ms| executor.submit(resources::sleep_ms::task(ms)).expect("submits");
    let before = [submit_sleep(300), submit_sleep(300)];
    wait_until("both workers are busy", || before.iter().all(isopool::TaskFuture::running));
    // Submitted before the child, and less urgent.
    let others: Vec<_> = (0..20).map(|_| submit_sleep(100)).collect();
    let text = "an urgent child";
    let parent = nested::be_told_of_one_in_another_worker::task(text.into(), 60_000).into_task().priority(5);
    let parent = executor.submit(parent).expect("submits");
    worker_of(&log, text);
    let finished = others.iter().filter(|other| other.done()).count();
    assert!(finished < 10, "it came before {} of 20", 20 - finished);
    assert!(parent.cancel());
    others.iter().for_each(|other| other.result().expect("sleeps"));
}

#[test]
fn a_reused_instance_is_not_shared_with_the_children_of_its_task() {
    let _house = house();
    let executor = Executor::builder().max_workers(1).reuse(isopool::Reuse::Worker).build().expect("builds");
    assert_eq!(run(&executor, nested::fibonacci::task(8)), Ok(21));
    assert_eq!(run(&executor, nested::fibonacci::task(8)), Ok(21));
    assert_eq!(run(&executor, resources::sleep_ms::task(1)), Ok(()));
}

fn built() -> Result<Executor, Error> {
    Executor::builder().max_workers(1).build()
}

// behaviour: B44
#[test]
fn the_depth_is_the_caller_s_to_choose() {
    let _house = house();
    // The variable is read when an executor is built, in the caller's process; house tests run one after another.
    let with = |value: &str| {
        // SAFETY: nobody reads or changes it past the standard library, which locks it: house tests run alone, and no C code of
        // theirs looks at the environment.
        unsafe { std::env::set_var("ISOPOOL_MAX_DEPTH", value) };
        let executor = built();
        // SAFETY: as above.
        unsafe { std::env::remove_var("ISOPOOL_MAX_DEPTH") };
        executor
    };
    for depth in [0, 3, 20] {
        let executor = with(&depth.to_string()).expect("a depth");
        let (reached, message) = run(&executor, nested::descend::task(0)).expect("a refusal is an answer");
        assert_eq!(reached, depth);
        assert!(message.contains(&format!("tasks may be nested {depth} deep")), "{message}");
    }
    let error = with("deep").expect_err("no number").to_string();
    assert_eq!(error, "ISOPOOL_MAX_DEPTH is \"deep\"; it must be a number between 0 and 64");
}
