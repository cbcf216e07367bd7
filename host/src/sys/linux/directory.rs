//! Directories and files that guests are given.

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

/// Opens a directory by an absolute path that follows no symbolic link in any part, only to find things below it.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory = nix::fcntl::open("/", flags, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => directory = openat(&directory, name, flags, Mode::empty())?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute, or not resolved")),
        }
    }
    Ok(directory)
}

/// Writes at the end of a file, wherever that is by then.
pub(crate) fn append(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: pwritev2 reads one iovec at `part`, which lives here, and only reads the bytes that it names, which are
        // borrowed for as long.
        let written = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, 0, libc::RWF_APPEND) };
        match usize::try_from(written) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count.min(bytes.len())..],
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn no_part_of_a_path_is_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("is there");
        std::fs::create_dir_all(root.join("real/below")).expect("made");
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).expect("made");
        assert!(open_directory(&root.join("real/below")).is_ok());
        for path in ["link", "link/below", "missing"] {
            assert!(open_directory(&root.join(path)).is_err(), "{path} was opened");
        }
        std::fs::write(root.join("file"), "").expect("written");
        assert!(open_directory(&root.join("file")).is_err(), "a file is no directory");
        assert!(open_directory(&root.join("real/../real")).is_err(), "not resolved");
        assert!(open_directory(Path::new("relative")).is_err());
    }

    #[test]
    fn appended_bytes_come_after_what_others_have_written_meanwhile() {
        let mut file = tempfile::tempfile().expect("a file");
        append(file.as_fd(), b"one ").expect("appended");
        file.write_all(b"ONE").expect("written at its own position");
        append(file.as_fd(), b"two").expect("appended");
        let mut all = String::new();
        std::io::Seek::rewind(&mut file).expect("it is a file");
        std::io::Read::read_to_string(&mut file, &mut all).expect("is text");
        assert_eq!(all, "ONE two");
    }
}
