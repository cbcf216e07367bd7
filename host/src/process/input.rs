//! What a program in a worker may be given to read.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{SFlag, fstat};
use std::io;
use std::os::fd::BorrowedFd;

/// Checks that a descriptor is for reading, and for nothing else: a worker keeps no more rights than that, whatever runs in it.
pub(crate) fn expect_input(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let kind = SFlag::from_bits_truncate(fstat(descriptor)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFDIR {
        return Err(io::Error::other("it is a directory; grant that with preopen()"));
    }
    let flags = OFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GETFL)?);
    if flags & OFlag::O_ACCMODE != OFlag::O_RDONLY || flags.contains(OFlag::O_PATH) {
        return Err(io::Error::other(
            "it is not for reading only, as the read end of a pipe is; copy what it gives into a pipe (std::io::pipe)",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn only_what_can_be_read_and_nothing_else_is_for_a_worker() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let (socket, _other) = UnixStream::pair().expect("two sockets");
        let file = tempfile::NamedTempFile::new().expect("a file");
        let reopened = File::open(file.path()).expect("it can be read");
        assert!([reader.as_fd(), reopened.as_fd()].iter().all(|good| expect_input(*good).is_ok()));
        let folder = File::open("/").expect("it is there");
        let said = |descriptor| expect_input(descriptor).expect_err("refused").to_string();
        assert!(said(folder.as_fd()).starts_with("it is a directory"));
        for both in [writer.as_fd(), socket.as_fd(), file.as_file().as_fd()] {
            assert!(said(both).starts_with("it is not for reading only"));
        }
    }
}
