//! A page of atomic words shared between two processes.

use super::MemoryFile;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fixed number of 32-bit words in memory that another process maps too. Whatever the other does with them, an access
/// here is one atomic load, store or exchange.
#[derive(Debug)]
pub(crate) struct SharedWords {
    map: MmapRaw,
    words: usize,
    file: OwnedFd,
}

impl SharedWords {
    /// New words, all zero.
    pub(crate) fn create(words: usize) -> io::Result<Self> {
        let file = MemoryFile::create("isopool-claims")?;
        file.set_len((words * size_of::<AtomicU32>()) as u64)?;
        file.seal_size()?;
        Self::open(file.into(), words)
    }

    /// The words behind a descriptor that [`create`](Self::create) made.
    pub(crate) fn open(file: OwnedFd, words: usize) -> io::Result<Self> {
        let bytes = words * size_of::<AtomicU32>();
        MemoryFile::expect_fixed_size(file.as_fd(), bytes as u64)?;
        let map = MmapOptions::new().len(bytes).map_raw(&file)?;
        Ok(Self { map, words, file })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(crate) fn load(&self, index: usize) -> u32 {
        self.word(index).load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, index: usize, value: u32) {
        self.word(index).store(value, Ordering::Release);
    }

    /// Changes a word from `from` to `to`; false if it was not `from`.
    pub(crate) fn compare_exchange(&self, index: usize, from: u32, to: u32) -> bool {
        self.word(index).compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < self.words, "word {index} of {}", self.words);
        // SAFETY: `index` is below `words` (asserted above), which the mapping holds (`open`).
        let word = unsafe { self.map.as_mut_ptr().cast::<AtomicU32>().add(index) };
        // SAFETY: the mapping is page-aligned, lives as long as `self`, and cannot shrink under us (its size is sealed,
        // checked in `open`); both processes access it through atomics only, and any bit pattern is a valid word.
        unsafe { &*word }
    }
}
