//! Files that live in memory only (memfd_create(2)).

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A file without a name on any disk; it is gone when the last descriptor is closed.
#[derive(Debug)]
pub(crate) struct MemoryFile(File);

impl MemoryFile {
    /// A new, empty one. `name` shows in `/proc`.
    pub(crate) fn create(name: &str) -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        Ok(Self(memfd_create(name, flags)?.into()))
    }

    /// The file itself.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.0
    }

    /// Its size, in bytes.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Fills the whole buffer with what stands at `offset`, whatever others have read from this file before.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset)
    }

    pub(crate) fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    /// Forbids any change of the size, for everyone and for ever.
    pub(crate) fn seal_size(&self) -> io::Result<()> {
        self.seal(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL)
    }

    /// Forbids any change at all, for everyone and for ever.
    ///
    /// # Errors
    /// `EBUSY` while anyone has it mapped for writing.
    pub(crate) fn seal_all(&self) -> io::Result<()> {
        let all = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
        self.seal(all)
    }

    fn seal(&self, seals: SealFlag) -> io::Result<()> {
        fcntl(&self.0, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(())
    }

    /// Checks that a descriptor is a memory file of exactly this many bytes that cannot change its size.
    pub(crate) fn expect_fixed_size(file: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
        let seals = SealFlag::from_bits_truncate(fcntl(file, FcntlArg::F_GET_SEALS)?);
        let size = nix::sys::stat::fstat(file)?.st_size;
        if !seals.contains(SealFlag::F_SEAL_SHRINK) || size as u64 != bytes {
            let message = format!("expected a sealed memory file of {bytes} bytes, got {size} bytes with {seals:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }

    /// Checks that a descriptor is a memory file that nobody can change any more.
    pub(crate) fn expect_unchangeable(file: BorrowedFd<'_>) -> io::Result<()> {
        let seals = SealFlag::from_bits_truncate(fcntl(file, FcntlArg::F_GET_SEALS)?);
        if !seals.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE) {
            let message = format!("expected a memory file sealed against any change, got one with {seals:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<MemoryFile> for OwnedFd {
    fn from(file: MemoryFile) -> Self {
        file.0.into()
    }
}
