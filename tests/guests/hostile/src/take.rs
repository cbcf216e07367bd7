//! What it does: tasks that take time or memory without end. Never: gives anything back.

use crate::only_in_a_sandbox;
use isopool_guest::{Bytes, task};
use std::hint::black_box;
use std::time::Duration;

/// Computes for ever.
#[task]
pub fn spin() {
    only_in_a_sandbox();
    while black_box(true) {}
}

/// Sleeps for ever, a year at a time.
#[task]
pub fn sleep() {
    only_in_a_sandbox();
    loop {
        std::thread::sleep(Duration::from_secs(365 * 24 * 3600));
    }
}

/// Fills the whole of its memory again and again: single instructions of the engine that each take long.
#[task]
pub fn fill() {
    only_in_a_sandbox();
    let mut block = vec![0_u8; 256 << 20];
    for round in 0_u8.. {
        block.fill(black_box(round));
    }
}

/// Allocates without end.
#[task]
pub fn memory() -> u64 {
    only_in_a_sandbox();
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Takes so many bytes, and sits on them.
#[task]
pub fn memory_and_time(bytes: u64) {
    only_in_a_sandbox();
    black_box(vec![1_u8; bytes as usize]);
    sleep();
}

/// Calls itself for ever.
#[task]
pub fn stack() -> u64 {
    only_in_a_sandbox();
    descend(0)
}

fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    let below = if black_box(true) { descend(depth + 1) } else { 0 };
    below.wrapping_add(black_box(&frame)[(depth % 16) as usize])
}

/// Gives back so many bytes.
#[task]
pub fn result(bytes: u64) -> Bytes {
    only_in_a_sandbox();
    Bytes::from(vec![7; bytes as usize])
}

/// Asks for random bytes in buffers that are far too large.
#[task]
pub fn random() -> u64 {
    only_in_a_sandbox();
    let seeds = std::collections::HashMap::<u64, u64>::new();
    (0..u64::MAX).map(|n| u64::from(seeds.contains_key(&black_box(n)))).sum()
}
