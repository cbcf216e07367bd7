//! Functions of the caller's that plugins call: what comes of a call, its limits, and that nobody else notices.

use crate::patience::{end_of, error_of};
use crate::support::house;
use guest_host_calls::{classify, echo, lookup, lookup_in_a_task, lookup_in_tasks, lookup_often, note, reserve, weigh};
use isopool::{
    BrokenCause, Executor, ExecutorBuilder, HostCall, HostError, HostFault, HostFaultKind, IntoTask, Reuse, Shutdown,
    StartMethod,
};
use isopool::{TaskError, TaskFuture};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Deserialize)]
struct Item {
    name: String,
    weights: Vec<f64>,
}

#[derive(Serialize)]
enum Denial {
    Closed,
}

/// Every function that the guest imports.
pub(crate) fn shop() -> ExecutorBuilder {
    let weigh = |items: Vec<Item>, factor: u32| -> Result<f64, HostError> {
        let sum: f64 = items.iter().filter(|item| item.name != "air").flat_map(|item| &item.weights).sum();
        Ok(sum * f64::from(factor))
    };
    Executor::builder()
        .max_workers(1)
        .host_function("test:host/store#lookup", |key: String| -> Result<Option<u32>, HostError> {
            Ok((key == "tea").then_some(3))
        })
        .host_function("test:host/store#reserve", |key: String, count: u32| match &*key {
            "tea" => Ok(count + 100),
            _ => Err(format!("there is no {key}")),
        })
        .host_function("test:host/store#classify", |key: String| match &*key {
            "tea" => Ok(["hot", "wet"]),
            _ => Err(HostError::value(Denial::Closed)),
        })
        .host_function("test:host/store#weigh", weigh)
        .host_function("test:host/store#echo", |data: Vec<u8>| -> Result<Vec<u8>, HostError> { Ok(data) })
        .host_function("test:host/store#note", |_: String| -> Result<(), HostError> { Ok(()) })
}

pub(crate) fn run<T: IntoTask>(executor: &Executor, task: T) -> Result<T::Output, TaskError>
where
    T::Output: DeserializeOwned,
{
    end_of(&executor.submit(task).expect("submits"))
}

/// Why a call came to nothing.
pub(crate) fn fault<T: DeserializeOwned>(future: &TaskFuture<T>) -> HostFault {
    match error_of(future) {
        TaskError::HostFunction { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn values_go_to_the_caller_by_their_types_and_come_back() {
    let _house = house();
    let executor = shop().build().expect("builds");
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(3)));
    assert_eq!(run(&executor, lookup::task("ale".into())), Ok(None));
    assert_eq!(run(&executor, reserve::task("tea".into(), 5)).as_deref(), Ok("reserved as 105"));
    assert_eq!(run(&executor, classify::task("tea".into())).as_deref(), Ok("hot, wet"));
    let items = vec![("air".into(), vec![1e9]), ("tea".into(), vec![0.5, 0.25]), ("ale".into(), vec![])];
    assert_eq!(run(&executor, weigh::task(items, 4)), Ok(3.0));
    for bytes in [0, 1, 100_000] {
        assert_eq!(run(&executor, echo::task(bytes)), Ok(bytes));
    }
    assert_eq!(run(&executor, note::task("hello".into())), Ok(()));
    assert_eq!(executor.stats().workers_started, 1);
}

#[test]
fn an_error_is_the_plugin_s_to_handle_where_the_import_has_a_place_for_it() {
    let _house = house();
    let executor = shop().build().expect("builds");
    assert_eq!(run(&executor, reserve::task("ale".into(), 1)).as_deref(), Ok("refused: there is no ale"));
    assert_eq!(run(&executor, classify::task("ale".into())).as_deref(), Ok("denied: 1"));
}

#[test]
fn an_error_that_has_no_place_and_a_panic_end_the_task_and_nothing_else() {
    let _house = house();
    let executor = shop()
        .host_function("test:host/store#lookup", |key: String| match &*key {
            "tea" => Ok(Some(3)),
            "ale" => Err::<_, HostError>(std::io::Error::other("the cellar is closed").into()),
            _ => panic!("never heard of {key}"),
        })
        .host_function("test:host/store#classify", |_: String| -> Result<Vec<String>, &str> {
            Err("a text, not a value")
        })
        .build()
        .expect("builds");
    let failed = executor.submit(lookup::task("ale".into())).expect("submits");
    let error = error_of(&failed);
    let expected = "(lookup in guest-host-calls@";
    assert!(error.to_string().contains(expected), "{error}");
    let expected = ") was ended by a call of the host function `test:host/store@0.1.0#lookup`, which failed: the cellar is \
                    closed";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(fault(&failed).kind, HostFaultKind::Failed);

    let panicked = fault(&executor.submit(lookup::task("mead".into())).expect("submits"));
    assert_eq!((panicked.kind, &*panicked.message), (HostFaultKind::Panicked, "never heard of mead"));
    let no_place = fault(&executor.submit(classify::task("ale".into())).expect("submits"));
    assert_eq!((no_place.kind, &*no_place.message), (HostFaultKind::Failed, "a text, not a value"));

    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(3)));
    assert_eq!(executor.stats().workers_started, 1, "the worker has lived on");
    assert!(executor.broken().is_none());
}

#[test]
fn a_value_of_another_type_ends_the_task_and_the_error_says_where() {
    let _house = house();
    #[derive(Deserialize)]
    struct WrongItem {
        #[serde(rename = "weights")]
        _weights: Vec<String>,
    }
    let executor = shop()
        .host_function("test:host/store#lookup", |_: String| -> Result<&str, HostError> { Ok("three") })
        .host_function("test:host/store#reserve", |_: u64, _: u32| -> Result<u32, HostError> { Ok(1) })
        .host_function("test:host/store#weigh", |_: Vec<WrongItem>, _: u32| -> Result<f64, HostError> { Ok(1.0) })
        .host_function("test:host/store#note", |_: String| -> Result<u32, HostError> { Ok(1) })
        .build()
        .expect("builds");
    let told = |fault: HostFault| {
        assert_eq!(fault.kind, HostFaultKind::WrongType, "{fault:?}");
        format!("{}: {}", fault.function, fault.message)
    };
    let faults = [
        told(fault(&executor.submit(lookup::task("tea".into())).expect("submits"))),
        told(fault(&executor.submit(reserve::task("tea".into(), 1)).expect("submits"))),
        told(fault(&executor.submit(weigh::task(vec![("tea".into(), vec![0.5])], 1)).expect("submits"))),
        told(fault(&executor.submit(note::task("x".into())).expect("submits"))),
    ];
    insta::assert_snapshot!(faults.join("\n"));
    assert_eq!(executor.stats().workers_started, 1);
}

#[test]
fn a_module_that_imports_what_it_is_not_given_is_refused_with_the_name_and_how_to_give_it() {
    let _house = house();
    // Given everything: compiled, and in the cache from now on. What is given to one executor, no other has.
    assert_eq!(run(&shop().build().expect("builds"), note::task(String::new())), Ok(()));
    let refused = |builder: ExecutorBuilder| {
        let executor = builder.build().expect("builds");
        let error = executor.submit(note::task(String::new())).expect_err("refused");
        assert_eq!(executor.stats().workers_started, 0, "nothing was sent");
        error.to_string()
    };
    let none = refused(Executor::builder().max_workers(1));
    let other_version = refused(
        Executor::builder()
            .max_workers(1)
            .host_function("test:host/store@0.2.0#lookup", |_: String| -> Result<Option<u32>, HostError> { Ok(None) }),
    );
    assert_eq!(none, other_version, "a name with a version is for that version");
    let arity =
        refused(shop().host_function("test:host/store#lookup", || -> Result<Option<u32>, HostError> { Ok(None) }));
    insta::assert_snapshot!([none, arity].join("\n"));
    let exact = |_: String| -> Result<Option<u32>, HostError> { Ok(Some(9)) };
    let executor = shop().host_function("test:host/store@0.1.0#lookup", exact).build().expect("builds");
    assert_eq!(run(&executor, lookup::task("tea".into())), Ok(Some(9)), "the one for the very version comes first");
}

// limit: MAX_HOST_FUNCTION_THREADS
#[test]
fn names_that_no_import_can_have_are_refused_when_the_executor_is_built() {
    let _house = house();
    for name in ["", "a#b#c", "a#", "#b", "wasi:cli/environment#get-environment", "isopool:task/host#log"] {
        let nothing = || -> Result<(), HostError> { Ok(()) };
        let error = Executor::builder().max_workers(1).host_function(name, nothing).build().expect_err(name);
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    for (builder, option) in [
        (shop().host_function_threads(0), "host_function_threads"),
        (shop().host_function_threads(isopool::limits::MAX_HOST_FUNCTION_THREADS + 1), "host_function_threads"),
        (shop().host_function_time_limit(Duration::ZERO), "host_function_time_limit"),
        (shop().max_host_function_bytes(isopool::limits::MAX_PAYLOAD_BYTES + 1), "max_host_function_bytes"),
    ] {
        let error = builder.build().expect_err(option);
        assert!(error.to_string().starts_with(option), "{error}");
    }
}

#[test]
fn a_call_knows_its_task() {
    let _house = house();
    let known = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&known);
    let executor = shop()
        .host_function_in_context("test:host/store#note", move |call: &HostCall, text: String| {
            assert!(call.is_wanted());
            calls.lock().push((call.task().clone(), call.function().to_owned(), text));
            Ok::<_, HostError>(())
        })
        .build()
        .expect("builds");
    let future = executor.submit(note::task("hello".into())).expect("submits");
    assert_eq!(end_of(&future), Ok(()));
    let expected = (future.task().clone(), "test:host/store@0.1.0#note".to_owned(), "hello".to_owned());
    assert_eq!(*known.lock(), [expected]);
}

// limit: DEFAULT_MAX_HOST_FUNCTION_CALLS
#[test]
fn a_task_calls_as_often_as_it_may() {
    let _house = house();
    let executor = shop().max_host_function_calls(10).build().expect("builds");
    for _ in 0..3 {
        assert_eq!(run(&executor, lookup_often::task("tea".into(), 10)), Ok(30), "each task has all of them");
    }
    let often = fault(&executor.submit(lookup_often::task("tea".into(), 11)).expect("submits"));
    let expected = "the task has called host functions 10 times, and may not call them more often; raise it with \
                    max_host_function_calls()";
    assert_eq!((often.kind, &*often.message), (HostFaultKind::TooMany, expected));
    assert_eq!(executor.stats().workers_started, 1);
}

// limit: DEFAULT_MAX_HOST_FUNCTION_BYTES
#[test]
fn a_task_passes_as_much_as_it_may() {
    let _house = house();
    let executor = shop().max_host_function_bytes(1000).build().expect("builds");
    // A list has a length of four bytes before it.
    assert_eq!(run(&executor, echo::task(996)), Ok(996));
    let large = fault(&executor.submit(echo::task(997)).expect("submits"));
    let expected = "its arguments have 1001 bytes, the limit is 1000; raise it with max_host_function_bytes()";
    assert_eq!((large.kind, &*large.message), (HostFaultKind::TooLarge, expected));
    assert_eq!(executor.stats().workers_started, 1);
}

// limit: DEFAULT_MAX_HOST_FUNCTION_BYTES
#[test]
fn a_function_gives_as_much_as_it_may() {
    let _house = house();
    let twice = |data: Vec<u8>| -> Result<Vec<u8>, HostError> { Ok([data.clone(), data].concat()) };
    let builder = shop().max_host_function_bytes(1000).host_function("test:host/store#echo", twice);
    let executor = builder.build().expect("builds");
    assert_eq!(run(&executor, echo::task(498)), Ok(996));
    let large = fault(&executor.submit(echo::task(499)).expect("submits"));
    let expected = "its result has 1002 bytes, the limit is 1000; raise it with max_host_function_bytes()";
    assert_eq!((large.kind, &*large.message), (HostFaultKind::TooLarge, expected));
    assert_eq!(executor.stats().workers_started, 1);
}

#[test]
fn tasks_of_tasks_call_too() {
    let _house = house();
    for max_workers in [1, 3] {
        let executor = shop().max_workers(max_workers).build().expect("builds");
        assert_eq!(run(&executor, lookup_in_tasks::task("tea".into(), 50)), Ok(300));
    }
    let panics = |_: String| -> Result<Option<u32>, HostError> { panic!("on purpose") };
    let executor = shop().host_function("test:host/store#lookup", panics).build().expect("builds");
    let told =
        run(&executor, lookup_in_a_task::task("tea".into())).expect("a fault of a child is a value for its parent");
    assert!(told.starts_with("Failed: task 1 (lookup in ") && told.ends_with("which panicked: on purpose"), "{told}");
}

#[test]
fn only_tasks_call() {
    let _house = house();
    let executor = shop().initializer(note::task("from the initializer".into())).build().expect("builds");
    let error = executor.submit(note::task(String::new())).expect_err("its initializer is no task").to_string();
    let expected = "its initializer failed: it called the host function `test:host/store@0.1.0#note`: only a task can call \
                    host functions; this is none (an initializer, say)";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn calls_go_and_come_under_every_start_method_and_from_instances_that_are_kept() {
    let _house = house();
    for start_method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        for reuse in [Reuse::Never, Reuse::Worker] {
            let builder = shop().start_method(start_method).reuse(reuse).max_host_function_calls(20);
            let executor = builder.build().expect("builds");
            for _ in 0..3 {
                assert_eq!(run(&executor, lookup_often::task("tea".into(), 20)), Ok(60), "{start_method}, {reuse:?}");
            }
            let often = fault(&executor.submit(lookup_often::task("tea".into(), 21)).expect("submits"));
            assert_eq!(often.kind, HostFaultKind::TooMany, "{start_method}, {reuse:?}");
        }
    }
}

#[test]
fn a_worker_that_lies_about_calls_is_killed_and_its_lie_named() {
    let _house = house();
    let called = Arc::new(AtomicU64::new(0));
    let builder = || {
        let calls = Arc::clone(&called);
        shop().host_function("test:host/store#note", move |_: String| -> Result<(), HostError> {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    };
    // A liar cannot compile.
    assert_eq!(run(&builder().build().expect("builds"), note::task(String::new())), Ok(()));
    let lies = [
        ("host-call-twice", 10, "it called a host function before the last call was answered"),
        ("host-call-and-done", 10, "its task ended before a call of a host function was answered"),
        ("large-host-call", 10, "the arguments of a host function are over their limit"),
        ("host-call", 0, "a task has made more calls of host functions than it may"),
    ];
    let ends = lies.map(|(lie, max_calls, _)| {
        let executor = builder()
            .max_host_function_calls(max_calls)
            .max_host_function_bytes(1000)
            .worker_program(env!("CARGO_BIN_EXE_liar"))
            .env("LIE", format!("[{lie}]"))
            .build()
            .expect("a liar looks like any other program");
        let future = executor.submit(note::task(String::new())).expect("the module is in the cache");
        let end = future.result_timeout(Duration::from_secs(20));
        executor.shutdown(Shutdown::Kill);
        match end {
            Err(TaskError::BrokenProcessPool(broken)) => broken.cause.to_string(),
            other => format!("{other:?}"),
        }
    });
    assert_eq!(ends, lies.map(|(_, _, said)| BrokenCause::Protocol { message: said.to_owned() }.to_string()));
    assert_eq!(called.load(Ordering::Relaxed), 1, "what liars passed is no text: no function was called with it");
}
