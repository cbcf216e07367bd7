//! What it does: tasks that submit tasks without end. Never: waits for less than all of them.

use crate::only_in_a_sandbox;
use isopool_guest::{Bytes, TaskError, submit, task};

/// A fork bomb: as many of itself as it gets, each of which does the same, for ever.
#[task]
pub fn bomb() {
    only_in_a_sandbox();
    loop {
        let children: Vec<_> = std::iter::from_fn(|| submit(bomb::task()).ok()).collect();
        children.into_iter().for_each(|child| _ = child.result());
    }
}

/// One of itself, as deep as it goes.
///
/// # Errors
/// One was refused: the pool's answer.
#[task]
pub fn deep() -> Result<(), TaskError> {
    only_in_a_sandbox();
    submit(deep::task())?.result()
}

/// Does nothing with what it is given.
#[task]
pub fn idle(_argument: Bytes) {}

/// As many children as it gets, none of which it waits for; gives how many.
#[task]
pub fn wide() -> u64 {
    only_in_a_sandbox();
    let mut children = Vec::new();
    while let Ok(child) = submit(idle::task(Bytes::new())) {
        children.push(child);
    }
    children.len() as u64
}

/// Children with arguments of so many bytes, as many as it gets; gives how many.
#[task]
pub fn heavy(bytes: u64) -> u64 {
    only_in_a_sandbox();
    let mut children = Vec::new();
    while let Ok(child) = submit(idle::task(Bytes::from(vec![1; bytes as usize]))) {
        children.push(child);
    }
    children.len() as u64
}

/// Leaves so many children behind that spin.
///
/// # Errors
/// One was refused.
#[task]
pub fn orphans(count: u64) -> Result<(), TaskError> {
    only_in_a_sandbox();
    (0..count).try_for_each(|_| submit(crate::take::spin::task()).map(std::mem::forget))
}

/// Submits functions that its module does not have, and never asks what became of them.
#[task]
pub fn nobody() {
    only_in_a_sandbox();
    let name: &'static str = Box::leak("x".repeat(16_000).into_boxed_str());
    loop {
        let mut call = idle::task(Bytes::new());
        call.function = name;
        drop(submit(call));
    }
}
