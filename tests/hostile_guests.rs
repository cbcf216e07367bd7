//! Guests that mean harm (the corpus in `hostile/`): each comes to the end that it must come to, an innocent module in the
//! same pool gives right results all the while, the pool goes on, and the caller neither grows nor leaks.

use crate::support::{house, memory};
use isopool_hostile::{Attack, Pool, corpus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

/// Descriptors that the caller may have more than before: those of a worker that is being replaced, and of a compile worker.
const MORE_DESCRIPTORS: usize = 16;

/// Innocent tasks of another module, one after another, for as long as it lives.
struct Bystander {
    done: AtomicU64,
    stop: AtomicBool,
}

impl Bystander {
    fn live(&self, pool: &Pool) {
        while !self.stop.load(SeqCst) {
            let n = self.done.load(SeqCst);
            pool.innocent(n).unwrap_or_else(|error| panic!("an innocent task: {error}"));
            self.done.store(n + 1, SeqCst);
        }
    }

    /// Whether another one, which began after this call, comes to its end.
    fn goes_on(&self, thread: &thread::ScopedJoinHandle<'_, ()>) -> bool {
        // The next one may have begun already.
        let enough = self.done.load(SeqCst) + 2;
        while self.done.load(SeqCst) < enough && !thread.is_finished() {
            thread::yield_now();
        }
        !thread.is_finished()
    }
}

/// Attacks, and says what was not as it must be.
fn wrongs(attack: &Attack, pool: &Pool) -> Vec<String> {
    memory::forget_peak();
    let (held, open) = (memory::resident_bytes(), memory::descriptors());
    let got = (attack.run)(pool);
    let grown = memory::peak_bytes().saturating_sub(held);
    let opened = memory::descriptors().saturating_sub(open);
    let mut wrong = Vec::new();
    if !attack.expected.contains(&got.as_str()) {
        wrong.push(format!("it came to `{got}`, not to `{}`", attack.expected.join("` or `")));
    }
    if grown > attack.max_growth_bytes {
        wrong.push(format!("the caller grew by {grown} bytes, more than {}", attack.max_growth_bytes));
    }
    if opened > MORE_DESCRIPTORS {
        wrong.push(format!("the caller has {opened} descriptors more"));
    }
    if let Some(broken) = pool.executor().broken() {
        wrong.push(format!("the pool is broken: {broken}"));
    }
    wrong.into_iter().map(|wrong| format!("{}: {wrong}", attack.name)).collect()
}

// limit: MAX_UNREAD_BYTES, MAX_MODULE_BYTES, MAX_FUNCTIONS, MAX_MEMORIES
// limit: MAX_CORE_INSTANCES, MAX_TABLES, MAX_TABLE_ELEMENTS, MAX_WASM_STACK, COMPILE_TIMEOUT
#[test]
fn every_hostile_guest_comes_to_its_end_and_harms_nobody_else() {
    let _house = house();
    let pool = Pool::new().expect("these are good options");
    let bystander = Bystander { done: AtomicU64::new(0), stop: AtomicBool::new(false) };
    let mut wrong = Vec::new();
    thread::scope(|scope| {
        let innocent = scope.spawn(|| bystander.live(&pool));
        for attack in corpus() {
            wrong.extend(wrongs(&attack, &pool));
            if !bystander.goes_on(&innocent) {
                wrong.push(format!("{}: it harmed a bystander", attack.name));
                break;
            }
        }
        bystander.stop.store(true, SeqCst);
    });
    assert!(wrong.is_empty(), "{} wrong:\n  {}", wrong.len(), wrong.join("\n  "));
}
