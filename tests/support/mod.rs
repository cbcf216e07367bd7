//! What it does: the frame of each house test: one at a time, in time, and nothing left behind.
//! Takes from: /proc, `tracing`. Hands to: every house test, which begins with `let _house = support::house();`.
//! Never: looks into the library: what it checks is what the system shows.

pub(crate) mod counts;
pub(crate) mod logs;
pub(crate) mod memory;
mod traces;

use isopool::{Call, Executor, TaskFuture};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use traces::traces;

/// How long what was shut down may take to leave: the promise of the house.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

/// How long anything else may take before it counts as hanging. Generous: the machine may be busy.
const HANG_AFTER: Duration = Duration::from_secs(60);

/// How often /proc is asked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// House tests of one process run one after another: they count processes and descriptors.
static HOUSE: Mutex<()> = Mutex::new(());

/// Modules are compiled once for all tests of a build. `cargo clean` removes it.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/house-cache");

/// Names another one to a second process of this program.
pub(crate) const CACHE_VARIABLE: &str = "ISOPOOL_TEST_CACHE_DIR";

/// The plan that workers look for, where tests inject faults. See `host/src/fault.rs`.
pub(crate) const FAULTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/house-faults");

#[ctor::ctor(unsafe)]
fn share_one_cache() {
    // SAFETY: as below.
    unsafe { std::env::set_var("ISOPOOL_FAULTS", FAULTS) };
    let cache = std::env::var_os(CACHE_VARIABLE).unwrap_or_else(|| CACHE.into());
    // SAFETY: constructors run before `main`, when no other thread could read the environment.
    unsafe { std::env::set_var("ISOPOOL_CACHE_DIR", cache) };
}

/// See [`house`].
pub(crate) struct House {
    before: BTreeSet<String>,
    _alone: MutexGuard<'static, ()>,
}

/// Begins a house test: make it the first binding, so that it is dropped last. Then it checks that no process, no
/// descriptor, no shared memory of the test is left, and that it took no longer than [`SHUTDOWN_MAX`] to leave.
#[must_use = "the test lasts as long as the house"]
pub(crate) fn house() -> House {
    let alone = HOUSE.lock();
    House { before: traces(), _alone: alone }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test fails already, and what it left behind must not be blamed on the next one.
            return wait_for(SHUTDOWN_MAX, || traces().is_subset(&self.before)).map_or((), drop);
        }
        let clean = wait_for(SHUTDOWN_MAX, || traces().is_subset(&self.before));
        if clean.is_none() {
            let left: Vec<String> = traces().difference(&self.before).cloned().collect();
            panic!("left behind {SHUTDOWN_MAX:?} after the end of the test:\n  {}", left.join("\n  "));
        }
    }
}

/// Waits until something outside of the library's own words is so, and panics when it is not after [`HANG_AFTER`].
pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(wait_for(HANG_AFTER, condition).is_some(), "still not so after {HANG_AFTER:?}: {what}");
}

fn wait_for(time: Duration, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > time {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Some(begin.elapsed())
}

/// Does something that might hang, on a thread of its own, and panics when it is not done after [`HANG_AFTER`].
pub(crate) fn no_hang<R: Send + 'static>(what: &str, body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, waits) = channel();
    let thread = std::thread::spawn(move || {
        let result = body();
        // Nobody listens when it took too long.
        let _ = done.send(());
        result
    });
    if waits.recv_timeout(HANG_AFTER) == Err(RecvTimeoutError::Timeout) {
        panic!("it hangs, for {HANG_AFTER:?} by now: {what}");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// An executor with these many workers and the defaults else.
pub(crate) fn executor(max_workers: usize) -> Executor {
    Executor::builder().max_workers(max_workers).build().expect("these are good options")
}

/// A task that runs when this returns, and goes on until it is cancelled or its executor killed.
pub(crate) fn begin_waiting(executor: &Executor) -> TaskFuture<()> {
    let future = executor.submit(wait_for_ever()).expect("the executor is open");
    wait_until("the task runs", || future.running());
    future
}

/// A task that waits, without computing, for longer than any test lasts.
pub(crate) fn wait_for_ever() -> Call<(u64,), ()> {
    guest_basic::resources::sleep_ms::task(10 * 60 * 1000)
}
