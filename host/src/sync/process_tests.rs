//! The room's own tests with real processes: this test program, executed again, shares an object and is killed.

use super::*;
use crate::stream::{StreamError, StreamOptions, stream_with};
use crate::sys::die_with_parent;
use crate::task::ObjectSpec;
use isopool_guest::Codec;
use isopool_guest::stream::StreamEnd;
use isopool_guest::sync::{Handle, Object};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Says to a second process of this program what it is to do with the object that is its standard input.
const ROLE: &str = "ISOPOOL_TEST_SYNC_ROLE";
const OBJECT: &str = "ISOPOOL_TEST_SYNC_OBJECT";

/// Items that go from one process to another.
const ITEMS: u64 = 300;

const NOW: Option<Duration> = Some(Duration::ZERO);
/// Only a hang takes longer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

fn object(handle: &Handle) -> Arc<SharedObject> {
    let (_, mut shared) = collect(|| Codec::Bincode.encode(handle).expect("two numbers"));
    shared.objects.pop().expect("it is of this process")
}

// ── The other process ───────────────────────────────────────────────────────────────────────────────────────────────

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    die_with_parent().expect("Linux");
    let told = std::env::var(OBJECT).expect("told with the role");
    let (id, spec): (ObjectId, ObjectSpec) = serde_json::from_str(&told).expect("the test wrote it");
    let object = SharedObject::open(id, spec, std::io::stdin().as_fd()).expect("it is the object");
    let object = Arc::new(object);
    match role.as_str() {
        "hold" => {
            object.acquire(PATIENCE).expect("free");
            say("held");
            std::thread::park_timeout(PATIENCE.expect("a time"));
        }
        "churn" => {
            say("churns");
            for round in 0.. {
                churn(&object, round);
            }
        }
        "wait" => {
            object.acquire(PATIENCE).expect("free");
            say("waits");
            let notified = object.wait(PATIENCE).expect("the lock comes back");
            say(&format!("notified {notified}"));
        }
        "take" => {
            for number in 0..ITEMS {
                assert_eq!(object.get(PATIENCE).expect("items come"), item(number));
            }
            say("took all in their order");
        }
        "give-stream" => {
            (0..ITEMS).for_each(|number| object.write(&item(number), PATIENCE).expect("room comes"));
            object.finish().expect("here");
        }
        "give" => (0..ITEMS).for_each(|number| object.put(&item(number), PATIENCE).expect("room comes")),
        other => panic!("no role {other}"),
    }
}

fn say(text: &str) {
    println!("\nsays {text}");
    std::io::stdout().flush().expect("the test listens");
}

/// An item that says whether it is whole.
fn item(round: u64) -> Vec<u8> {
    let length = (round * 37 % 200) as usize;
    [&(length as u32).to_le_bytes()[..], &vec![round as u8; length]].concat()
}

fn is_whole(item: &[u8]) -> bool {
    let Some((length, rest)) = item.split_first_chunk::<4>() else { return false };
    u32::from_le_bytes(*length) as usize == rest.len() && rest.iter().all(|byte| *byte == rest[0])
}

/// What this kind of object is for, once.
fn churn(object: &SharedObject, round: u64) {
    match object.spec() {
        ObjectSpec::Queue(_) if round.is_multiple_of(2) => match object.put(&item(round), NOW) {
            Ok(()) | Err(SyncError::Full) => {}
            Err(error) => panic!("{error}"),
        },
        ObjectSpec::Queue(_) => match object.get(NOW) {
            Ok(item) => assert!(is_whole(&item), "{item:?}"),
            Err(error) => assert_eq!(error, SyncError::Empty),
        },
        ObjectSpec::StreamWriter(_) => object.write(&item(round), None).expect("somebody reads"),
        ObjectSpec::StreamReader(_) => _ = object.read(None).expect("somebody writes"),
        ObjectSpec::Event => object.set(round.is_multiple_of(2)).expect("here"),
        ObjectSpec::Condition => {
            object.acquire(PATIENCE).expect("it comes back");
            if round.is_multiple_of(3) {
                object.wait(Some(Duration::from_millis(1))).expect("the lock comes back");
            } else {
                object.notify(1).expect("held");
            }
            object.release().expect("held");
        }
        ObjectSpec::Lock | ObjectSpec::RLock | ObjectSpec::Semaphore { .. } => {
            object.acquire(PATIENCE).expect("it comes back");
            object.release().expect("held");
        }
    }
}

// ── The tests' end of it ────────────────────────────────────────────────────────────────────────────────────────────

struct Other {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Other {
    fn start(object: &SharedObject, role: &str) -> Self {
        let file = object.descriptor().expect("made here").as_fd().try_clone_to_owned().expect("a descriptor is left");
        let told = serde_json::to_string(&(object.id(), object.spec())).expect("plain data");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "sync::process_tests::stands_in_for_another_process", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(OBJECT, told)
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// What it says next; the empty text at its end.
    fn says(&mut self) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("it writes text") > 0 {
            if let Some(said) = line.strip_prefix("says ") {
                return said.trim_end().to_owned();
            }
            line.clear();
        }
        line
    }

    fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It has ended already, unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// behaviour: B51
#[test]
fn a_lock_whose_holder_was_killed_goes_to_the_next_who_is_told() {
    let (plain, again, with_condition) = (lock().expect("made"), rlock().expect("made"), condition().expect("made"));
    for handle in [plain.as_handle(), again.as_handle(), with_condition.as_handle()] {
        let object = object(handle);
        let mut other = Other::start(&object, "hold");
        assert_eq!(other.says(), "held");
        assert_eq!(object.acquire(Some(Duration::from_millis(20))), Err(SyncError::TimedOut), "it lives");
        // One that waits already learns of it too.
        let waits = std::thread::spawn({
            let object = Arc::clone(&object);
            move || object.acquire(PATIENCE).inspect(|_| object.release().expect("held"))
        });
        other.kill();
        assert_eq!(waits.join().expect("no panic"), Ok(true));
        assert_eq!(object.acquire(NOW), Ok(false), "it is told once");
        object.release().expect("held");
    }
    assert!(!plain.acquire(NOW).expect("free").was_abandoned());
}

// behaviour: B51
#[test]
fn even_one_that_does_not_wait_gets_the_lock_of_the_dead() {
    let lock = lock().expect("made");
    let mut other = Other::start(&object(lock.as_handle()), "hold");
    assert_eq!(other.says(), "held");
    other.kill();
    assert!(lock.acquire(NOW).expect("its holder is dead").was_abandoned());
}

// behaviour: B51
#[test]
fn permits_of_the_dead_come_back() {
    let semaphore = bounded_semaphore(2).expect("made");
    let mut others = [(); 2].map(|()| Other::start(&object(semaphore.as_handle()), "hold"));
    others.iter_mut().for_each(|other| assert_eq!(other.says(), "held"));
    assert_eq!(semaphore.acquire(NOW).map(drop), Err(SyncError::TimedOut));
    others.into_iter().for_each(Other::kill);
    let permits = [semaphore.acquire(PATIENCE).expect("one"), semaphore.acquire(PATIENCE).expect("two")];
    assert_eq!(semaphore.acquire(NOW).map(drop), Err(SyncError::TimedOut), "no more than there were");
    drop(permits);
    assert_eq!(semaphore.value(), Ok(2));
}

// behaviour: B51
#[test]
fn a_notification_to_one_that_died_goes_to_another_that_waits() {
    let condition = condition().expect("made");
    let raw = object(condition.as_handle());
    let mut oldest = Other::start(&raw, "wait");
    assert_eq!(oldest.says(), "waits");
    // It waits as soon as the lock can be had.
    condition.acquire(PATIENCE).map(drop).expect("free");
    let mut next = Other::start(&raw, "wait");
    assert_eq!(next.says(), "waits");
    let guard = condition.acquire(PATIENCE).expect("free");
    assert_eq!(guard.notify(1), Ok(1));
    // It cannot go on: the lock is held here.
    oldest.kill();
    drop(guard);
    assert_eq!(next.says(), "notified true");
}

// behaviour: B51
#[test]
fn a_queue_carries_items_between_processes_in_their_order() {
    let queue = queue_with::<u8>(QueueOptions::default().capacity_bytes(1024)).expect("made");
    let raw = object(queue.as_handle());
    let mut takes = Other::start(&raw, "take");
    (0..ITEMS).for_each(|number| raw.put(&item(number), PATIENCE).expect("room comes"));
    assert_eq!(takes.says(), "took all in their order");
    let _gives = Other::start(&raw, "give");
    for number in 0..ITEMS {
        assert_eq!(raw.get(PATIENCE).expect("items come"), item(number));
    }
}

/// Kills processes that do nothing but use an object, at any point of their operations, and uses the object meanwhile.
fn killed_while_they_churn(object: &Arc<SharedObject>, check: impl Fn(&SharedObject)) {
    let mut others: Vec<Other> = (0..3).map(|_| Other::start(object, "churn")).collect();
    others.iter_mut().for_each(|other| assert_eq!(other.says(), "churns"));
    let begun = Instant::now();
    for round in 0..12u64 {
        // Some work of our own between the deaths, of no certain length.
        (0..round * 7 % 50).for_each(|round| churn(object, round));
        let mut new = Other::start(object, "churn");
        others.swap_remove((round % 3) as usize).kill();
        check(object);
        assert_eq!(new.says(), "churns");
        others.push(new);
    }
    others.into_iter().for_each(Other::kill);
    check(object);
    assert!(begun.elapsed() < PATIENCE.expect("a time"), "{:?}", begun.elapsed());
}

// behaviour: B51
#[test]
fn processes_killed_at_any_moment_leave_locks_that_can_be_had() {
    for handle in [lock().expect("made").as_handle(), rlock().expect("made").as_handle()] {
        killed_while_they_churn(&object(handle), |object| {
            object.acquire(PATIENCE).expect("it comes back");
            object.release().expect("held");
        });
    }
}

// behaviour: B51
#[test]
fn processes_killed_at_any_moment_leave_every_permit() {
    let semaphore = bounded_semaphore(2).expect("made");
    killed_while_they_churn(&object(semaphore.as_handle()), |object| {
        object.acquire(PATIENCE).expect("it comes back");
        object.release().expect("held");
    });
    let permits = [semaphore.acquire(PATIENCE).expect("one"), semaphore.acquire(PATIENCE).expect("two")];
    assert_eq!(semaphore.acquire(NOW).map(drop), Err(SyncError::TimedOut), "no more than there were");
    drop(permits);
    assert_eq!(semaphore.value(), Ok(2));
}

// behaviour: B51
#[test]
fn processes_killed_at_any_moment_leave_a_queue_of_whole_items() {
    let options = QueueOptions::default().capacity_bytes(1024).max_item_bytes(256);
    let raw = object(queue_with::<u8>(options).expect("made").as_handle());
    killed_while_they_churn(&raw, |queue| {
        let mark = item(7);
        queue.put(&mark, PATIENCE).expect("room comes");
        assert!(is_whole(&queue.get(PATIENCE).expect("there is one")));
    });
    // Nobody else is left: what is there is whole, and the counts are right.
    for _ in 0..raw.value().expect("sound") {
        assert!(is_whole(&raw.get(NOW).expect("as many as it says")));
    }
    assert_eq!(raw.get(NOW), Err(SyncError::Empty));
}

// behaviour: B51
#[test]
fn processes_killed_at_any_moment_leave_a_condition_that_wakes() {
    let condition = condition().expect("made");
    let raw = object(condition.as_handle());
    killed_while_they_churn(&raw, |object| {
        object.acquire(PATIENCE).expect("it comes back");
        object.notify(1).expect("held");
        object.release().expect("held");
    });
    let waits = std::thread::spawn({
        let condition = condition.clone();
        move || condition.acquire(PATIENCE).and_then(|guard| guard.wait(PATIENCE)).map(|(_, notified)| notified)
    });
    while !waits.is_finished() {
        condition.acquire(PATIENCE).and_then(|guard| guard.notify_all()).expect("held");
    }
    assert_eq!(waits.join().expect("no panic"), Ok(true));
}

/// Both ends, as tasks get them.
fn ends() -> [Arc<SharedObject>; 2] {
    let options = StreamOptions::default().capacity_bytes(1024).max_chunk_bytes(256);
    let (_, shared) = collect(|| Codec::Bincode.encode(&stream_with::<u8>(options).expect("made")));
    shared.objects.try_into().expect("two ends")
}

#[test]
fn a_stream_carries_chunks_between_processes_and_then_its_end() {
    let [writer, reader] = ends();
    let _gives = Other::start(&writer, "give-stream");
    for number in 0..ITEMS {
        assert_eq!(reader.read(PATIENCE), Ok(Some(item(number))));
    }
    assert_eq!(reader.read(PATIENCE), Ok(None));
    // Its process may be gone by now or not: what it has said stays.
    writer.owner_has_ended();
    assert_eq!(reader.read(PATIENCE), Ok(None));
}

#[test]
fn a_process_killed_at_any_moment_while_it_writes_leaves_whole_chunks_in_their_order_and_no_wait() {
    for round in 0..12u64 {
        let [writer, reader] = ends();
        let mut other = Other::start(&writer, "churn");
        assert_eq!(other.says(), "churns");
        let read = |number| match reader.read(PATIENCE) {
            Ok(Some(chunk)) => chunk == item(number),
            Err(error) => {
                assert_eq!(error, StreamError::Abandoned);
                false
            }
            Ok(None) => panic!("nobody has finished"),
        };
        (0..round * 13 % 70).for_each(|number| assert!(read(number)));
        std::thread::scope(|scope| {
            let rest = scope.spawn(|| (round * 13 % 70..).find(|number| !read(*number)));
            other.kill();
            // As whoever watches the process does.
            writer.owner_has_ended();
            assert!(rest.join().expect("whole, and in their order").is_some());
        });
        assert_eq!(reader.read(PATIENCE), Err(StreamError::Abandoned));
    }
}

#[test]
fn a_process_killed_at_any_moment_while_it_reads_leaves_no_writer_that_waits() {
    for round in 0..12u64 {
        let [writer, reader] = ends();
        let mut other = Other::start(&reader, "churn");
        assert_eq!(other.says(), "churns");
        let write = |number| writer.write(&item(number), PATIENCE);
        (0..round * 13 % 70).for_each(|number| write(number).expect("it reads"));
        std::thread::scope(|scope| {
            let rest = scope.spawn(|| (0..).find_map(|number| write(number).err()));
            other.kill();
            reader.owner_has_ended();
            assert_eq!(rest.join().expect("no panic"), Some(StreamError::Closed));
        });
    }
}
