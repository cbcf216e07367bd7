//! What to do when the system refuses a process.

use std::io;

/// The system's words, with which limit stands behind them and where it can be raised.
pub(crate) fn explained(error: &io::Error) -> String {
    let remedy = match error.raw_os_error() {
        Some(libc::EAGAIN) => {
            "; this user or control group has as many processes and threads as it may: raise `ulimit -u` or pids.max, or use \
             fewer workers"
        }
        Some(libc::EMFILE) => {
            "; this process has as many open files as it may: raise `ulimit -n`, or use fewer workers"
        }
        Some(libc::ENFILE) => "; the system has as many open files as it may: raise fs.file-max",
        Some(libc::ENOMEM) => "; there is no memory for another process: use fewer workers",
        _ => "",
    };
    format!("{error}{remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_with_the_remedy() {
        let said = |code| explained(&io::Error::from_raw_os_error(code));
        assert_eq!(
            said(libc::EMFILE),
            "Too many open files (os error 24); this process has as many open files as it may: raise `ulimit -n`, or use \
             fewer workers"
        );
        assert!(said(libc::EAGAIN).contains("ulimit -u"));
        assert_eq!(said(libc::ENOENT), "No such file or directory (os error 2)");
    }
}
