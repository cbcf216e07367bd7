//! Memory shared between processes that need not trust each other.

use super::MemoryFile;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const WORD_BYTES: usize = size_of::<AtomicU64>();

/// Memory that other processes map too. Whatever they do with it, an access here is a sequence of atomic loads, stores and
/// exchanges at places that are inside; what was read must be checked after it was copied out.
///
/// Words of one place must be accessed with one size only.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    map: MmapRaw,
    bytes: usize,
}

impl SharedMemory {
    /// New memory, all zero, and the descriptor by which others can map it. `name` shows in `/proc`.
    pub(crate) fn create(name: &str, bytes: usize) -> io::Result<(Self, OwnedFd)> {
        let file = MemoryFile::create(name)?;
        file.set_len(bytes as u64)?;
        file.seal_size()?;
        Ok((Self::open(file.as_fd(), bytes)?, file.into()))
    }

    /// The memory behind a descriptor, if it is a memory file of exactly this size, which nobody can change.
    pub(crate) fn open(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        if bytes == 0 || !bytes.is_multiple_of(WORD_BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{bytes} bytes are no number of words")));
        }
        MemoryFile::expect_fixed_size(file, bytes as u64)?;
        let map = MmapOptions::new().len(bytes).map_raw(&file)?;
        Ok(Self { map, bytes })
    }

    /// The 32-bit word at an offset in bytes.
    ///
    /// # Panics
    /// The offset is outside or not aligned: offsets must not come from the memory itself, unchecked.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(size_of::<AtomicU32>()) && offset < self.bytes, "word at {offset}");
        // SAFETY: `offset` is inside (asserted), and so is the rest of the word: offset and size are multiples of four.
        let word = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: the mapping is page-aligned and `offset` a multiple of the word's size (asserted); it lives as long as
        // `self`, and cannot shrink under us (its size is sealed, checked in `open`); every process accesses it through
        // atomics only, and any bit pattern is a valid word.
        unsafe { &*word.cast::<AtomicU32>() }
    }

    /// The 64-bit word at an offset in bytes.
    ///
    /// # Panics
    /// As [`word`](Self::word).
    pub(crate) fn long(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(WORD_BYTES) && offset < self.bytes, "long word at {offset}");
        // SAFETY: `offset` is inside (asserted), and so is the rest of the word: offset and size are multiples of eight.
        let word = unsafe { self.map.as_mut_ptr().add(offset) };
        // SAFETY: as for `word`.
        unsafe { &*word.cast::<AtomicU64>() }
    }

    /// Copies bytes out, from an offset that is a multiple of eight.
    ///
    /// # Panics
    /// The bytes are not all inside.
    pub(crate) fn read(&self, offset: usize, bytes: &mut [u8]) {
        let words = self.longs(offset, bytes.len());
        let mut whole = bytes.chunks_exact_mut(WORD_BYTES);
        for (chunk, word) in whole.by_ref().zip(words) {
            chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        if let (rest @ [_, ..], Some(word)) = (whole.into_remainder(), words.last()) {
            rest.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes()[..rest.len()]);
        }
    }

    /// Copies bytes in, to an offset that is a multiple of eight. The last word is filled up with zeros.
    ///
    /// # Panics
    /// The bytes are not all inside.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        let words = self.longs(offset, bytes.len());
        let (whole, rest) = bytes.as_chunks::<WORD_BYTES>();
        for (chunk, word) in whole.iter().zip(words) {
            word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
        }
        if let (false, Some(last)) = (rest.is_empty(), words.last()) {
            let mut word = [0; WORD_BYTES];
            word[..rest.len()].copy_from_slice(rest);
            last.store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
    }

    /// Its size.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes a word that nobody expects there, as a hostile process could: at any offset, or not at all outside.
    #[cfg(debug_assertions)]
    pub(crate) fn scribble(&self, offset: usize, value: u64) {
        if offset < self.bytes {
            self.long(offset).store(value, Ordering::Relaxed);
        }
    }

    /// The words that hold so many bytes from an offset on: looked up once, because most of a large copy would be spent on that.
    fn longs(&self, offset: usize, bytes: usize) -> &[AtomicU64] {
        let inside = offset.checked_add(bytes).is_some_and(|end| end <= self.bytes);
        assert!(inside && offset.is_multiple_of(WORD_BYTES), "{bytes} bytes at {offset}");
        // SAFETY: `offset` is inside, or the end (asserted).
        let first = unsafe { self.map.as_mut_ptr().add(offset) }.cast::<AtomicU64>();
        // SAFETY: the words are inside: offset and size are multiples of a word's size, so rounding up stays within. For the
        // rest as for `word`.
        unsafe { std::slice::from_raw_parts(first, bytes.div_ceil(WORD_BYTES)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_maps(bytes: usize) -> (SharedMemory, SharedMemory) {
        let (one, file) = SharedMemory::create("test", bytes).expect("memory file");
        (one, SharedMemory::open(file.as_fd(), bytes).expect("maps"))
    }

    #[test]
    fn what_one_writes_the_other_reads() {
        let (one, other) = two_maps(64);
        one.word(4).store(7, Ordering::Relaxed);
        assert_eq!(other.long(0).load(Ordering::Relaxed).to_ne_bytes()[4..], 7u32.to_ne_bytes());
        one.write(16, b"thirteen byte");
        let mut bytes = [0xff; 13];
        other.read(16, &mut bytes);
        assert_eq!(&bytes, b"thirteen byte");
        other.read(56, &mut bytes[..8]);
        assert_eq!(bytes[..8], [0; 8]);
        other.read(64, &mut []);
    }

    #[test]
    fn only_memory_of_the_size_that_was_agreed_on_is_mapped() {
        let (_memory, file) = SharedMemory::create("test", 64).expect("memory file");
        for bytes in [128, 60, 0] {
            assert!(SharedMemory::open(file.as_fd(), bytes).is_err());
        }
        let unsealed = MemoryFile::create("test").expect("memory file");
        unsealed.set_len(64).expect("grows");
        assert!(SharedMemory::open(unsealed.as_fd(), 64).is_err());
    }

    #[test]
    fn nothing_outside_is_touched() {
        let (one, _) = two_maps(64);
        let outside: [fn(&SharedMemory); 6] = [
            |memory| _ = memory.word(64),
            |memory| _ = memory.word(2),
            |memory| _ = memory.long(60),
            |memory| memory.read(56, &mut [0; 9]),
            |memory| memory.write(64, &[0]),
            |memory| memory.write(usize::MAX - 7, &[0; 8]),
        ];
        for access in outside {
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| access(&one))).is_err());
        }
    }
}
