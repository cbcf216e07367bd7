//! What a process holds.

use nix::unistd::{SysconfVar, sysconf};
use std::io;

/// The memory of a process that is resident, in bytes, as the kernel counts it (`/proc/<pid>/statm`). A process that has
/// ended and was not waited for holds nothing.
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    // `size resident shared …`, in pages.
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| u64::try_from(bytes).ok());
    pages
        .zip(page_bytes)
        .and_then(|(pages, page_bytes)| pages.checked_mul(page_bytes))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/statm says `{statm}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_touched_is_resident() {
        const BYTES: u64 = 64 << 20;
        let before = resident_bytes(std::process::id()).expect("it is this process");
        let block = std::hint::black_box(vec![1u8; BYTES as usize]);
        let after = resident_bytes(std::process::id()).expect("it is this process");
        // Other tests of this process give memory back meanwhile.
        assert!(before > 0 && after > before + BYTES / 2, "{before}, then {after} with {} more", block.len());
    }

    #[test]
    fn process_that_does_not_exist_is_an_error() {
        let error = resident_bytes(u32::MAX).expect_err("no process has this id");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
