//! What it does: tasks that show whether an instance is fresh, reused, or made from an initializer's snapshot.
//! Never: keeps state anywhere but in the guest's memory.

use isopool_guest::task;
use std::sync::atomic::{AtomicU64, Ordering};

static CALLS: AtomicU64 = AtomicU64::new(0);
static GLOBAL: AtomicU64 = AtomicU64::new(0);

/// How often it has been called in this instance, this call included.
#[task]
pub fn counter() -> u64 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Keeps a value in this instance: for initializers.
#[task]
pub fn set_global(value: u64) {
    GLOBAL.store(value, Ordering::Relaxed);
}

/// As [`set_global()`], but zero is an error.
///
/// # Errors
/// The value is zero.
#[task]
pub fn set_global_checked(value: u64) -> Result<(), String> {
    if value == 0 {
        return Err("zero is not a value".into());
    }
    set_global(value);
    Ok(())
}

/// What [`set_global()`] kept in this instance, or 0.
#[task]
pub fn get_global() -> u64 {
    GLOBAL.load(Ordering::Relaxed)
}

/// Panics with what [`set_global()`] kept.
#[task]
pub fn panics_with_global() {
    panic!("the value is {}", get_global());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_kept() {
        assert!(counter() < counter());
        set_global(7);
        assert_eq!(get_global(), 7);
        assert_eq!(set_global_checked(0), Err("zero is not a value".into()));
        assert_eq!(set_global_checked(8), Ok(()));
    }
}
