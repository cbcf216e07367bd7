//! What this process's allocator does with memory that was freed. Other allocators than glibc's keep their own ways.

/// Asks the allocator to keep up to `bytes` of freed memory, and to take large blocks from it too, whatever their size:
/// pages that are touched for the first time cost more than what is written to them. For a whole process, so only for one
/// that is ours.
#[cfg(target_env = "gnu")]
pub(crate) fn keep_freed_memory(bytes: usize) {
    let trim_threshold = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    // SAFETY: mallopt takes two integers; a value that it does not like it refuses.
    unsafe { libc::mallopt(libc::M_MMAP_MAX, 0) };
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

/// Asks the kernel for large pages where this memory is not touched yet: they are filled four times as fast. It does what it
/// can, and says nothing when it cannot.
pub(crate) fn prefer_huge_pages(memory: &mut [u8]) {
    const PAGE: usize = 4096;
    let skipped = memory.as_ptr().align_offset(PAGE);
    let Some(whole) = memory.get_mut(skipped..).filter(|rest| rest.len() >= PAGE) else { return };
    let bytes = whole.len() / PAGE * PAGE;
    // SAFETY: the range lies within `whole` and begins at a page (`align_offset`; where pages are larger the call fails and
    // changes nothing), and MADV_HUGEPAGE changes no content.
    unsafe { libc::madvise(whole.as_mut_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}
