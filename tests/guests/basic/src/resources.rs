//! What it does: tasks that use memory or time. Never: uses more than it is asked to.

use isopool_guest::task;
use std::time::Duration;

/// Reserves and touches memory, a mebibyte at a time, until it has `bytes` or is refused; gives how many bytes it got.
#[task]
pub fn allocate(bytes: u64) -> u64 {
    const STEP_BYTES: usize = 1 << 20;
    // The list of blocks must not be what is refused.
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity((bytes / STEP_BYTES as u64 + 1).min(1 << 12) as usize);
    while blocks.len() < blocks.capacity() && ((blocks.len() * STEP_BYTES) as u64) < bytes {
        let mut block = Vec::new();
        if block.try_reserve_exact(STEP_BYTES).is_err() {
            break;
        }
        block.resize(STEP_BYTES, 1);
        blocks.push(std::hint::black_box(block));
    }
    ((blocks.len() * STEP_BYTES) as u64).min(bytes)
}

/// Waits without computing.
#[task]
pub fn sleep_ms(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Computes until so much time has passed.
#[task]
pub fn compute_ms(milliseconds: u64) -> u64 {
    let begin = std::time::Instant::now();
    let mut steps = 0_u64;
    while begin.elapsed() < Duration::from_millis(milliseconds) {
        steps = std::hint::black_box(steps + 1);
    }
    steps
}

/// Looks at a clock so many times.
#[task]
pub fn look_at_clock(times: u64) {
    for _ in 0..times {
        std::hint::black_box(std::time::Instant::now());
    }
}

/// Logs so many records.
#[task]
pub fn log_often(times: u64) {
    for time in 0..times {
        log::warn!("{time}");
    }
}

/// Calls itself so many times, one in the other.
#[task]
pub fn nest_calls(depth: u32) -> u32 {
    nested(depth)
}

#[inline(never)]
fn nested(depth: u32) -> u32 {
    // No compiler makes a loop of it.
    if depth == 0 { 1 } else { nested(std::hint::black_box(depth - 1)).rotate_left(3) ^ depth }
}

/// Holds a lock and computes for ever.
///
/// # Errors
/// It was not passed.
#[task]
pub fn hold_and_spin(lock: isopool_guest::sync::Lock) -> Result<(), isopool_guest::sync::SyncError> {
    if cfg!(not(target_family = "wasm")) {
        panic!("hold_and_spin is for a sandbox: here nothing would stop it");
    }
    let _held = lock.acquire(None)?;
    while std::hint::black_box(true) {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gets_what_there_is() {
        assert_eq!(allocate(0), 0);
        assert_eq!(allocate(3_000_000), 3_000_000);
        sleep_ms(1);
        look_at_clock(1);
        log_often(1);
        assert!(compute_ms(1) > 0);
    }
}
