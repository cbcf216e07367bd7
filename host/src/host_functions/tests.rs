//! The tests of the room: functions and threads, without a worker.

use super::function::HostFunction;
use super::threads::{Answered, HostThreads, Incoming, Withdrawn};
use super::{AsyncHostFunction, HostError, HostFunctions, Implementation};
use crate::audit;
use crate::error::TaskRef;
use crate::limits::MAX_HOST_FUNCTIONS;
use crate::task::{
    FunctionType, HostFault, HostFaultKind, HostFunctionInfo, ModuleHash, ModuleInfo, TaskId, ValueType,
};
use parking_lot::Mutex;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who asks, for the audit log.
fn plugin() -> audit::Plugin<'static> {
    audit::Plugin { module: "test", hash: ModuleHash::of(b"") }
}

/// `test: func() -> u8`, with this implementation, on so many threads.
struct Stage {
    threads: HostThreads,
    answers: Receiver<Answered>,
    function: Arc<super::Given>,
}

impl Stage {
    fn new(threads: usize, function: Implementation) -> Self {
        let (sender, answers) = channel::<Answered>();
        let threads = HostThreads::new(threads, 1000, move |answered| _ = sender.send(answered));
        let mut functions = HostFunctions::default();
        functions.insert("test".into(), function);
        let ty = FunctionType { params: Vec::new(), result: Some(ValueType::U8) };
        let host_functions = vec![HostFunctionInfo { name: "test".into(), ty }];
        let module = ModuleInfo { host_functions, ..ModuleInfo::default() };
        let given = functions.given_to(&module, plugin()).expect("it fits");
        Self { threads, answers, function: Arc::clone(&given["test"]) }
    }

    fn call(&self, call: u64) {
        self.call_with(call, Vec::new());
    }

    fn call_with(&self, call: u64, argument: Vec<u8>) {
        let task = TaskRef::new(TaskId(1), "module".into(), ModuleHash::of(b""), "function".into());
        self.threads.call(Incoming { call, task, given: Arc::clone(&self.function), argument });
    }

    fn answer(&self) -> (u64, Result<Vec<u8>, HostFault>) {
        let Answered { call, result } = self.answers.recv_timeout(PATIENCE).expect("it is answered");
        (call, result)
    }
}

fn blocking(function: impl HostFunction<()>) -> Implementation {
    function.into_implementation()
}

fn later(function: impl AsyncHostFunction<()>) -> Implementation {
    function.into_implementation()
}

/// Blocks each call until it gets a number for it.
fn gated() -> (Sender<u8>, Implementation) {
    let (sender, numbers) = channel::<u8>();
    let numbers = Mutex::new(numbers);
    (sender, blocking(move || numbers.lock().recv().map_err(|_| "the test is over")))
}

#[test]
fn calls_beyond_the_threads_wait_in_their_order_and_leave_the_line_when_they_are_withdrawn() {
    let (numbers, function) = gated();
    let stage = Stage::new(1, function);
    (0..4).for_each(|call| stage.call(call));
    numbers.send(10).expect("it waits");
    assert_eq!(stage.answer(), (0, Ok(vec![10])));
    assert_eq!(stage.threads.withdraw(2), Some(Withdrawn::Waiting));
    assert_eq!(stage.threads.withdraw(2), None, "once");
    numbers.send(11).expect("it waits");
    numbers.send(13).expect("it waits");
    assert_eq!((stage.answer(), stage.answer()), ((1, Ok(vec![11])), (3, Ok(vec![13]))));
    assert_eq!(stage.threads.withdraw(3), None, "it has ended");
}

#[test]
fn an_answer_that_nobody_waits_for_is_dropped_and_its_thread_goes_on() {
    let (numbers, function) = gated();
    let begun = Arc::new(AtomicBool::new(false));
    let sets = Arc::clone(&begun);
    let stage = Stage::new(
        1,
        Implementation {
            arity: 0,
            run: Box::new(move |call| {
                sets.store(true, Ordering::SeqCst);
                function.run(call)
            }),
        },
    );
    stage.call(0);
    while !begun.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    assert_eq!(stage.threads.withdraw(0), Some(Withdrawn::Running));
    stage.call(1);
    numbers.send(10).expect("it waits");
    numbers.send(11).expect("it waits");
    assert_eq!(stage.answer(), (1, Ok(vec![11])));
}

#[test]
fn futures_that_wait_hold_no_thread() {
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let open = Arc::new(AtomicBool::new(false));
    let (keeps, looks) = (Arc::clone(&wakers), Arc::clone(&open));
    let function = later(move |_: super::HostCall| {
        let (keeps, looks) = (Arc::clone(&keeps), Arc::clone(&looks));
        poll_fn(move |context| {
            keeps.lock().push(context.waker().clone());
            if looks.load(Ordering::SeqCst) { Poll::Ready(Ok::<u8, HostError>(7)) } else { Poll::Pending }
        })
    });
    let stage = Stage::new(1, function);
    (0..100).for_each(|call| stage.call(call));
    while wakers.lock().len() < 100 {
        std::thread::yield_now();
    }
    open.store(true, Ordering::SeqCst);
    let all = std::mem::take(&mut *wakers.lock());
    all.into_iter().for_each(Waker::wake);
    let mut ended: Vec<u64> = (0..100).map(|_| stage.answer().0).collect();
    ended.sort_unstable();
    assert!(ended.into_iter().eq(0..100));
}

#[test]
fn a_future_is_dropped_when_nobody_waits_for_it_or_its_pool_ends() {
    struct Told(Sender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (begins, begun) = channel();
    let (drops, dropped) = channel();
    let (begins, drops) = (Mutex::new(begins), Mutex::new(drops));
    let function = later(move |_: super::HostCall| {
        let told = Told(drops.lock().clone());
        let begins = begins.lock().clone();
        async move {
            begins.send(()).expect("the test looks");
            pending::<()>().await;
            drop(told);
            Ok::<u8, HostError>(7)
        }
    });
    let stage = Stage::new(1, function);
    stage.call(0);
    stage.call(1);
    (0..2).for_each(|_| begun.recv_timeout(PATIENCE).expect("it begins"));
    assert_eq!(stage.threads.withdraw(0), Some(Withdrawn::Running));
    dropped.recv_timeout(PATIENCE).expect("it is dropped");
    drop(stage.threads);
    dropped.recv_timeout(PATIENCE).expect("it is dropped");
}

#[test]
fn a_panic_is_an_answer_before_and_in_a_future() {
    fn panics() -> Result<u8, HostError> {
        panic!("on purpose")
    }
    for function in [
        blocking(panics),
        later(|_: super::HostCall| async { panics() }),
        later(|_: super::HostCall| {
            let _ = panics();
            async { Ok::<u8, HostError>(1) }
        }),
    ] {
        let stage = Stage::new(1, function);
        for call in 0..3 {
            let expected = HostFault::new("test", HostFaultKind::Panicked, "on purpose");
            assert_eq!(stage.answer_after(call), (call, Err(expected)));
        }
    }
}

impl Stage {
    fn answer_after(&self, call: u64) -> (u64, Result<Vec<u8>, HostFault>) {
        self.call(call);
        self.answer()
    }
}

#[test]
fn bytes_that_are_no_arguments_call_nothing() {
    let stage = Stage::new(1, blocking(|| -> Result<u8, HostError> { panic!("it is called") }));
    stage.call_with(0, vec![1]);
    let expected = HostFault::new("test", HostFaultKind::WrongType, "1 bytes are left over");
    assert_eq!(stage.answer(), (0, Err(expected)));
}

// limit: MAX_HOST_FUNCTIONS
#[test]
fn a_module_imports_no_more_host_functions_than_it_may() {
    let mut functions = HostFunctions::default();
    functions.insert("many".into(), blocking(|| -> Result<u8, HostError> { Ok(1) }));
    let import = HostFunctionInfo { name: "many".into(), ty: FunctionType { params: Vec::new(), result: None } };
    let module = |count| ModuleInfo { host_functions: vec![import.clone(); count], ..ModuleInfo::default() };
    assert!(functions.given_to(&module(MAX_HOST_FUNCTIONS), plugin()).is_ok());
    let refused = functions.given_to(&module(MAX_HOST_FUNCTIONS + 1), plugin()).expect_err("one too many");
    assert!(refused.to_string().contains("it imports 1025 host functions, the limit is 1024"), "{refused}");
}

#[test]
fn names_without_a_version_are_for_each_version() {
    let mut functions = HostFunctions::default();
    let give = |functions: &mut HostFunctions, name: &str| {
        functions.insert(name.into(), blocking(|| -> Result<u8, HostError> { Ok(1) }));
    };
    let module = |name: &str| {
        let ty = FunctionType { params: Vec::new(), result: None };
        let host_functions = vec![HostFunctionInfo { name: name.into(), ty }];
        ModuleInfo { host_functions, ..ModuleInfo::default() }
    };
    give(&mut functions, "a:b/c#d");
    give(&mut functions, "alone");
    for name in ["a:b/c@1.0.0#d", "a:b/c@2.0.0-rc.1+x#d", "a:b/c#d", "alone"] {
        assert!(functions.given_to(&module(name), plugin()).is_ok(), "{name}");
    }
    for name in ["a:b/c@1.0.0#e", "a:b/d#d", "d", "a:b/c"] {
        assert!(functions.given_to(&module(name), plugin()).is_err(), "{name}");
    }
}
