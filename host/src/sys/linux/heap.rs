//! What this process's allocator does with memory that was freed. Other allocators than glibc's keep their own ways.

/// Asks the allocator to keep up to `bytes` of freed memory, and to take large blocks from it too: pages that are touched
/// for the first time cost more than what is written to them. For a whole process, so only for one that is ours.
#[cfg(target_env = "gnu")]
pub(crate) fn keep_freed_memory(bytes: usize) {
    /// The largest that glibc takes on 64-bit machines (half of `HEAP_MAX_SIZE`).
    const MMAP_THRESHOLD: libc::c_int = 32 * 1024 * 1024;
    let trim_threshold = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: mallopt takes two integers; a value that it does not like it refuses.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD) };
    // SAFETY: as above.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, trim_threshold) };
}

/// Gives freed memory back to the kernel.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back_freed_memory() {
    // SAFETY: malloc_trim takes an integer and touches only what no one has allocated.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn keep_freed_memory(_bytes: usize) {}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back_freed_memory() {}
