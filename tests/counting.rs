//! What pools count for the crate `metrics`. One test: a program has one recorder.

use crate::support::counts::Counts;
use crate::support::{begin_waiting, executor, house, wait_until};
use guest_basic::{crash, failure, value};
use isopool::{Executor, Shutdown};

#[test]
fn everything_that_is_counted_reaches_the_recorder_of_the_program() {
    let _house = house();
    let counts = Counts::default();
    metrics::set_global_recorder(counts.clone()).expect("no other test sets one");

    let pool = executor(2);
    for n in 0..10 {
        assert_eq!(pool.submit(value::add::task(n, 1)).expect("submits").result(), Ok(n + 1));
    }
    pool.submit(failure::fails::task()).expect("submits").result().expect_err("fails");
    pool.submit(failure::panics::task("on purpose".into())).expect("submits").result().expect_err("panics");
    pool.submit(crash::trap_unreachable::task()).expect("submits").result().expect_err("traps");
    let running = begin_waiting(&pool);
    assert!(running.cancel());
    let victim = begin_waiting(&pool);
    let pids: Vec<u32> = pool.stats().workers.iter().map(|worker| worker.pid).collect();
    for pid in pids {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGKILL)
            .expect("ours");
    }
    victim.result().expect_err("its worker is gone");
    wait_until("nobody is left", || pool.stats().workers.is_empty());
    pool.submit(value::add::task(1, 1)).expect("submits").result().expect("adds");
    pool.shutdown(Shutdown::Finish);
    let stats = pool.stats();

    let counted = counts.take();
    let get = |name: &str| counted.get(name).copied().unwrap_or(0);
    assert_eq!(get("isopool.tasks.submitted"), stats.submitted, "{counted:?}");
    assert_eq!(get("isopool.tasks.finished outcome=returned"), 11);
    for outcome in ["failed", "panicked", "trapped", "cancelled", "lost"] {
        assert_eq!(get(&format!("isopool.tasks.finished outcome={outcome}")), 1, "{outcome}: {counted:?}");
    }
    for name in ["queue_seconds", "run_seconds", "cpu_seconds", "peak_memory_bytes"] {
        assert_eq!(get(&format!("isopool.tasks.{name}")), 14, "those with an answer: {name}");
    }
    assert_eq!(get("isopool.workers.started"), stats.workers_started);
    assert_eq!(get("isopool.workers.lost"), stats.workers_lost);
    assert_eq!(get("isopool.workers.killed"), 1, "for the cancelled task: {counted:?}");
    let left = get("isopool.workers.lost") + get("isopool.workers.killed") + get("isopool.workers.retired");
    assert_eq!(left, stats.workers_started, "{counted:?}");
    assert_eq!(get("isopool.modules.compiled") + get("isopool.modules.cache_hits"), 1, "{counted:?}");

    // The second executor finds in the cache what the first one has left there.
    let again: Executor = executor(1);
    again.submit(value::add::task(1, 1)).expect("submits").result().expect("adds");
    again.shutdown(Shutdown::Finish);
    let counted = counts.take();
    let names: Vec<_> = counted.iter().map(|(name, number)| format!("{name} {number}")).collect();
    assert_eq!(
        names,
        [
            "isopool.modules.cache_hits 1",
            "isopool.tasks.cpu_seconds 1",
            "isopool.tasks.finished outcome=returned 1",
            "isopool.tasks.peak_memory_bytes 1",
            "isopool.tasks.queue_seconds 1",
            "isopool.tasks.run_seconds 1",
            "isopool.tasks.submitted 1",
            "isopool.workers.retired 1",
            "isopool.workers.started 1",
        ]
    );
}
