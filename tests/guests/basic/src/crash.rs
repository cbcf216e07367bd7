//! What it does: tasks that trap or end the program. Never: does so outside a sandbox: there they panic.

use isopool_guest::task;
use std::hint::black_box;

/// Executes `unreachable`.
#[task]
pub fn trap_unreachable() {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    panic!("trap_unreachable traps only in a sandbox");
}

/// Calls itself without end.
#[task]
pub fn stack_overflow() -> u64 {
    if cfg!(not(target_family = "wasm")) {
        panic!("stack_overflow is for a sandbox: here it would end the process");
    }
    descend(0)
}

/// The array is in memory and is used after the call, so that the recursion can neither be a loop nor be left out.
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    let below = if black_box(true) { descend(depth + 1) } else { 0 };
    below.wrapping_add(black_box(&frame)[(depth % 16) as usize])
}

/// Reads where there is no memory.
#[task]
pub fn out_of_bounds() -> u32 {
    if cfg!(not(target_family = "wasm")) {
        panic!("out_of_bounds is for a sandbox: here it would end the process");
    }
    let address = black_box(0xffff_fff0_usize) as *const u32;
    // SAFETY: on purpose not upheld: no 32-bit memory of a test is so big, so that the sandbox must trap; see above for
    // other targets.
    unsafe { address.read_volatile() }
}

/// Ends the program with a code.
#[task]
pub fn exit(code: i32) {
    if cfg!(not(target_family = "wasm")) {
        panic!("exit is for a sandbox: here it would end the process");
    }
    std::process::exit(code);
}

/// Never returns.
#[task]
pub fn spin() {
    if cfg!(not(target_family = "wasm")) {
        panic!("spin is for a sandbox: here nothing would stop it");
    }
    while black_box(true) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_a_sandbox_they_panic_instead() {
        for crash in [trap_unreachable, spin, || _ = stack_overflow(), || _ = out_of_bounds(), || exit(1)] {
            assert!(std::panic::catch_unwind(crash).is_err());
        }
    }
}
