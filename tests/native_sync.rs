//! What processes with native functions, and native initializers, share with their caller and with tasks.

use crate::patience::{PATIENCE, end_of, kill};
use crate::support::{executor, house};
use guest_basic::{shared, value};
use isopool::stream::{StreamError, StreamReader};
use isopool::sync::{Event, Lock, Queue, SimpleQueue, SyncError};
use isopool::{Codec, ErrorKind, Executor, NativeCall, Process, Shutdown, StartMethod, get_context};
use std::time::{Duration, Instant};

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(PATIENCE);

/// Counts as the task of the same name does.
#[isopool::native]
fn count(lock: Lock, number: Queue<u64>, times: u32) -> Result<(), SyncError> {
    shared::count(lock, number, times)
}

/// Counts by itself, by a process of its own, and by a task of its own.
#[isopool::native]
fn count_and_have_counted(lock: Lock, number: Queue<u64>, times: u32) -> Result<(), String> {
    let process = started(count::call(lock.clone(), number.clone(), times));
    let executor = Executor::builder().max_workers(1).build().map_err(|error| error.to_string())?;
    let task = executor.submit(shared::count::task(lock.clone(), number.clone(), times));
    let task = task.map_err(|error| error.to_string())?;
    shared::count(lock, number, times).map_err(|error| error.to_string())?;
    process.result().map_err(|error| error.to_string())?;
    task.result().map_err(|error| error.to_string())?;
    executor.shutdown(Shutdown::Finish);
    Ok(())
}

/// Takes a lock, says so, and keeps it until the end of its process.
#[isopool::native]
fn hold(lock: Lock, held: Event) -> Result<(), SyncError> {
    let _guard = lock.acquire(None)?;
    held.set()?;
    std::thread::sleep(PATIENCE * 10);
    Ok(())
}

/// Takes a lock, and returns without giving it back.
#[isopool::native]
fn keep(lock: Lock) -> Result<(), SyncError> {
    lock.acquire(None).map(std::mem::forget)
}

/// Calls, and hears what is echoed to it and to others.
#[isopool::native]
fn call_and_hear(calls: Queue<String>, echoes: SimpleQueue<String>, own: u32, all: u32) -> Result<u32, SyncError> {
    for number in 0..own {
        calls.put(&format!("process {number}"), None)?;
    }
    let mut of_others = 0;
    for _ in 0..all {
        of_others += u32::from(echoes.get(None)?.starts_with("CALLER"));
    }
    Ok(of_others)
}

#[isopool::native]
fn give_back(lock: Lock) -> Lock {
    lock
}

#[isopool::native]
fn count_locks(locks: Vec<Lock>) -> usize {
    locks.iter().filter(|lock| lock.acquire(None).is_ok()).count()
}

/// As an initializer: says that it is there, and waits until it may go on.
#[isopool::native]
fn wait_at_gate(there: Queue<u32>, gate: Event, lock: Lock) -> Result<(), SyncError> {
    std::mem::forget(lock.acquire(None)?);
    there.put(&std::process::id(), None)?;
    gate.wait(None).map(drop)
}

fn process<R>(call: NativeCall<R>) -> Process<R> {
    get_context(None).process(call)
}

fn started<R>(call: NativeCall<R>) -> Process<R> {
    let process = process(call);
    process.start().expect("the system has room for a process");
    process
}

fn counter() -> (Lock, Queue<u64>) {
    let context = get_context(None);
    let (lock, number) = (context.lock().expect("made"), context.queue(1).expect("made"));
    number.put(&0, None).expect("room");
    (lock, number)
}

/// A process that holds the lock, until it ends.
fn holding(lock: &Lock) -> Process<()> {
    let held = get_context(None).event().expect("made");
    let process = started(hold::call(lock.clone(), held.clone()));
    assert_eq!(held.wait(LONG), Ok(true));
    assert_eq!(lock.acquire(NOW).map(drop), Err(SyncError::TimedOut));
    process
}

// behaviour: B51
#[test]
fn processes_tasks_and_the_caller_that_count_under_one_lock_lose_nothing() {
    let _house = house();
    let executor = executor(2);
    let (lock, number) = counter();
    let processes: Vec<_> = (0..2).map(|_| started(count::call(lock.clone(), number.clone(), 200))).collect();
    let tasks: Vec<_> = (0..2)
        .map(|_| executor.submit(shared::count::task(lock.clone(), number.clone(), 200)).expect("submits"))
        .collect();
    shared::count(lock, number.clone(), 200).expect("an ordinary function, with the same objects");
    tasks.iter().for_each(|task| end_of(task).expect("it counts"));
    processes.iter().for_each(|process| process.result_timeout(PATIENCE).expect("it counts"));
    assert_eq!(number.get(NOW), Ok(5 * 200));
}

// behaviour: B51
#[test]
fn a_process_passes_on_what_it_was_passed_to_a_process_and_a_task_of_its_own() {
    let _house = house();
    let (lock, number) = counter();
    let process = started(count_and_have_counted::call(lock.clone(), number.clone(), 100));
    shared::count(lock.clone(), number.clone(), 100).expect("it counts");
    assert_eq!(process.result_timeout(PATIENCE), Ok(()));
    assert_eq!(number.get(NOW), Ok(4 * 100));
    assert!(!lock.acquire(NOW).expect("all have ended").was_abandoned());
}

// behaviour: B51
#[test]
fn a_process_killed_while_it_holds_a_lock_leaves_it_at_once_to_the_next_who_is_told() {
    let _house = house();
    let lock = get_context(None).lock().expect("made");
    // Nobody looks after the process: the one who waits finds out.
    let process = holding(&lock);
    let told = std::thread::scope(|scope| {
        let waits = scope.spawn(|| lock.acquire(LONG).map(|guard| (guard.was_abandoned(), Instant::now())));
        let killed = Instant::now();
        kill(process.pid().expect("it was started"));
        let (abandoned, at) = waits.join().expect("it does not panic").expect("its holder is gone");
        assert!(at.duration_since(killed) < Duration::from_secs(1));
        abandoned
    });
    assert!(told);
    assert!(!lock.acquire(NOW).expect("free").was_abandoned(), "one is told");
    assert_eq!(process.exit_code(), Some(-9));
    // Somebody has looked: nobody waits for anything.
    let process = holding(&lock);
    process.kill();
    assert!(process.join(PATIENCE));
    assert!(lock.acquire(NOW).expect("given back").was_abandoned());
    drop(holding(&lock));
    assert!(lock.acquire(NOW).expect("given back").was_abandoned());
    assert_eq!(started(keep::call(lock.clone())).result_timeout(PATIENCE), Ok(()));
    assert!(lock.acquire(NOW).expect("given back").was_abandoned());
}

// behaviour: B51
#[test]
fn queues_carry_items_between_the_caller_a_process_and_tasks() {
    let _house = house();
    let (executor, context) = (executor(2), get_context(StartMethod::ForkServer));
    let (calls, echoes) = (context.queue::<String>(2).expect("made"), context.simple_queue().expect("made"));
    let process = context.process(call_and_hear::call(calls.clone(), echoes.clone(), 100, 300));
    process.start().expect("the system has room for a process");
    let shouting: Vec<_> =
        (0..2).map(|_| executor.submit(shared::shout::task(calls.clone(), echoes.clone())).expect("submits")).collect();
    (0..200).for_each(|number| calls.put(&format!("caller {number}"), LONG).expect("room comes"));
    assert_eq!(process.result_timeout(PATIENCE), Ok(200));
    (0..2).for_each(|_| calls.put(&String::new(), LONG).expect("room comes"));
    assert_eq!(shouting.iter().map(|task| end_of(task).expect("it shouts")).sum::<u32>(), 300);
    assert_eq!((calls.is_empty(), echoes.is_empty()), (Ok(true), Ok(true)));
}

// behaviour: B51, B50
#[test]
fn native_initializer_uses_shared_objects_and_gives_back_what_it_holds() {
    let _house = house();
    let context = get_context(StartMethod::InitMain);
    let (there, gate) = (context.queue(1).expect("made"), context.event().expect("made"));
    let lock = context.lock().expect("made");
    let builder = context.executor().max_workers(1);
    let builder = builder.native_initializer(wait_at_gate::call(there.clone(), gate.clone(), lock.clone()));
    let executor = builder.build().expect("builds");
    let task = executor.submit(value::add::task(1, 2)).expect("submits");
    let pid = there.get(LONG).expect("the initializer runs");
    assert_eq!(lock.acquire(NOW).map(drop), Err(SyncError::TimedOut));
    assert!(!task.done());
    // Its worker dies in it, and another one comes.
    kill(pid);
    assert_ne!(there.get(LONG).expect("the lock was given back"), pid);
    gate.set().expect("here");
    assert_eq!(end_of(&task), Ok(3));
    assert!(lock.acquire(NOW).expect("given back").was_abandoned());
    // A task may use the same object.
    let task = executor.submit(shared::wait_for_event::task(gate.clone(), Some(0))).expect("submits");
    assert_eq!(end_of(&task), Ok(true));
    executor.shutdown(Shutdown::Finish);
}

#[test]
fn handles_that_are_only_names_are_told_apart() {
    let _house = house();
    let lock = get_context(None).lock().expect("made");
    let result = started(give_back::call(lock.clone())).result_timeout(PATIENCE).expect("it returns");
    assert_eq!(result.id(), lock.id());
    assert_eq!(result.acquire(NOW).map(drop), Err(SyncError::NotShared));
    let name: Lock = Codec::Bincode.decode(&Codec::Bincode.encode(&lock).expect("encodes")).expect("decodes");
    let error = process(keep::call(name)).start().expect_err("it is only a name");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    assert!(error.to_string().contains(&SyncError::NotShared.to_string()), "{error}");
}

#[isopool::native]
fn take_all(numbers: StreamReader<u64>) -> u64 {
    numbers.map_while(Result::ok).sum()
}

#[test]
fn an_end_of_a_stream_is_refused_by_name_and_told_at_the_other_end() {
    let _house = house();
    let (writer, reader) = isopool::stream().expect("made");
    let process = process(take_all::call(reader));
    let error = process.start().expect_err("it goes to tasks only");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    let told = error.to_string();
    assert!(told.contains("::take_all` hold an end of a stream, which goes to tasks only; use a queue"), "{told}");
    drop(process);
    assert_eq!(writer.send(&1), Err(StreamError::Closed));
    let (_writer, reader) = isopool::stream().expect("made");
    let builder = get_context(StartMethod::InitMain).executor().native_initializer(take_all::call(reader));
    let told = builder.build().expect_err("as well").to_string();
    assert!(told.contains("the native initializer") && told.contains("hold an end of a stream"), "{told}");
}

// limit: MAX_CALL_OBJECTS
#[test]
fn more_objects_than_a_call_may_have_are_refused_before_anything_is_started() {
    let _house = house();
    let most = isopool::limits::MAX_CALL_OBJECTS;
    let locks: Vec<Lock> = (0..=most).map(|_| get_context(None).lock().expect("made")).collect();
    assert_eq!(started(count_locks::call(locks[1..].to_vec())).result_timeout(PATIENCE), Ok(most));
    let error = process(count_locks::call(locks.clone())).start().expect_err("one too many");
    assert!(error.to_string().contains("limits::MAX_CALL_OBJECTS"), "{error}");
    let builder = get_context(StartMethod::InitMain).executor().native_initializer(count_locks::call(locks));
    let error = builder.build().expect_err("one too many");
    assert!(error.to_string().contains("native initializer") && error.kind() == ErrorKind::InvalidOption, "{error}");
}
