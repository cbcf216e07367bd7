//! What it does: says how much memory this process holds, or has held, and how many descriptors.
//! Takes from: /proc. Hands to: tests of what must stay small. Never: counts what other processes hold.

use std::fs;

/// Forgets the peak so far: [`peak_bytes`] counts from here.
pub(crate) fn forget_peak() {
    // Sets `VmHWM` to what is resident now.
    fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
}

/// The most memory that was resident since [`forget_peak`].
pub(crate) fn peak_bytes() -> usize {
    of_status("VmHWM:")
}

/// The memory that is resident now.
pub(crate) fn resident_bytes() -> usize {
    of_status("VmRSS:")
}

/// Open descriptors.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

fn of_status(field: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field is there");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kibibytes * 1024
}

#[test]
fn a_peak_is_seen_and_forgotten() {
    let _house = super::house();
    const BLOCK: usize = 64 << 20;
    forget_peak();
    let before = resident_bytes();
    drop(std::hint::black_box(vec![1_u8; BLOCK]));
    assert!(peak_bytes() >= before + BLOCK / 2, "{} of {before}", peak_bytes());
    forget_peak();
    assert!(peak_bytes() < before + BLOCK / 2, "{} of {before}", peak_bytes());
}
