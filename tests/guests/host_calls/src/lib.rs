//! What it does: tasks that call functions of their caller's, which are in `wit/host.wit`: each one way for a call to go.
//! Takes from: `isopool-guest`, and the caller. Hands to: `tests/host_functions.rs`, through the stubs of its functions.
//! Never: calls outside of a sandbox, where there is no caller.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(not(target_family = "wasm"))]
mod outside;

#[cfg(target_family = "wasm")]
use bindings::test::host::store;
use isopool_guest::{TaskError, map, submit, task};
#[cfg(not(target_family = "wasm"))]
use outside as store;
use std::sync::atomic::{AtomicU64, Ordering};

static KEPT: AtomicU64 = AtomicU64::new(0);

/// Keeps a number in this instance, and asks nobody; gives what was kept before.
#[task]
pub fn keep(number: u64) -> u64 {
    KEPT.swap(number, Ordering::Relaxed)
}

/// Asks for one number.
#[task]
pub fn lookup(key: String) -> Option<u32> {
    store::lookup(&key)
}

/// Asks so often, and gives the sum.
#[task]
pub fn lookup_often(key: String, times: u64) -> u64 {
    (0..times).map(|_| u64::from(store::lookup(&key).unwrap_or(0))).sum()
}

/// Gives what came, or what was said against it.
#[task]
pub fn reserve(key: String, count: u32) -> String {
    match store::reserve(&key, count) {
        Ok(number) => format!("reserved as {number}"),
        Err(message) => format!("refused: {message}"),
    }
}

/// Gives the names, or the kind of the error.
#[task]
pub fn classify(key: String) -> String {
    match store::classify(&key) {
        Ok(names) => names.join(", "),
        Err(denial) => format!("denied: {}", denial as u8),
    }
}

/// Passes values with parts.
#[task]
pub fn weigh(items: Vec<(String, Vec<f64>)>, factor: u32) -> f64 {
    let items: Vec<_> = items.into_iter().map(|(name, weights)| store::Item { name, weights }).collect();
    store::weigh(&items, factor)
}

/// Passes so many bytes, and gives how many came back.
#[task]
pub fn echo(bytes: u64) -> u64 {
    store::echo(&vec![7; usize::try_from(bytes).expect("fits into a sandbox")]).len() as u64
}

/// Tells the caller something.
#[task]
pub fn note(text: String) {
    store::note(&text);
}

/// Tells the caller something of chance, and panics.
#[task]
pub fn note_chance() {
    use std::hash::BuildHasher;
    store::note(&std::hash::RandomState::new().hash_one("chance").to_string());
    panic!("on purpose");
}

/// Has so many tasks ask for a number each, asks for one itself before each result, and gives the sum of all.
///
/// # Errors
/// A task of its ends without a value.
#[task]
pub fn lookup_in_tasks(key: String, count: u64) -> Result<u64, TaskError> {
    let mut sum = 0;
    for number in map(|_| lookup::task(key.clone()), 0..count) {
        sum += u64::from(number?.unwrap_or(0)) + u64::from(store::lookup(&key).unwrap_or(0));
    }
    Ok(sum)
}

/// Has another task ask, and gives what was said of its end.
#[task]
pub fn lookup_in_a_task(key: String) -> String {
    match submit(lookup::task(key)).and_then(|child| child.result()) {
        Ok(number) => format!("{number:?}"),
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}
