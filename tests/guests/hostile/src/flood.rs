//! What it does: tasks that say more than anyone can hear. Never: comes to an end, unless it is cut off.

use crate::only_in_a_sandbox;
use isopool_guest::{progress, task};
use std::io::Write;

const BLOCK: [u8; 4096] = [b'x'; 4096];

/// Writes so many mebibytes to standard output.
#[task]
pub fn stdout(mebibytes: u64) {
    only_in_a_sandbox();
    (0..mebibytes * 256).for_each(|_| _ = std::io::stdout().write_all(&BLOCK));
}

/// Writes so many mebibytes to standard error, without the end of a line.
#[task]
pub fn stderr(mebibytes: u64) {
    only_in_a_sandbox();
    (0..mebibytes * 256).for_each(|_| _ = std::io::stderr().write_all(&BLOCK));
}

/// Logs for ever, with long texts.
#[task]
pub fn logs() {
    only_in_a_sandbox();
    let text = "x".repeat(100_000);
    loop {
        log::error!("{text}");
    }
}

/// Tells of its progress for ever, with long texts.
#[task]
pub fn progress_for_ever() {
    only_in_a_sandbox();
    let text = "x".repeat(100_000);
    for done in 0.. {
        progress(done, 0, &text);
    }
}

/// An error whose text has so many bytes.
///
/// # Errors
/// Always.
#[task]
pub fn error(bytes: u64) -> Result<(), String> {
    only_in_a_sandbox();
    Err("x".repeat(bytes as usize))
}

/// A panic whose text has so many bytes.
#[task]
pub fn panics(bytes: u64) {
    only_in_a_sandbox();
    panic!("{}", "x".repeat(bytes as usize));
}
