//! When a process began, which tells it from a later one with the same id.

use super::PidFd;
use std::fs;
use std::io;

/// What `/proc` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessStart {
    /// It runs, and began this many clock ticks after the system.
    Ticks(u64),
    /// No process has this id, or the one that had it has ended.
    Gone,
    /// `/proc` cannot be read here.
    Unknown,
}

/// Asks for a process by its id.
pub(crate) fn process_start(pid: u32) -> ProcessStart {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => parse(&stat).unwrap_or(ProcessStart::Unknown),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) => {
            ProcessStart::Gone
        }
        // A sandbox keeps `/proc` closed. A descriptor of a process tells nothing of it but its end.
        Err(_) => match PidFd::open(pid).map(|pidfd| pidfd.has_ended()) {
            Ok(Ok(true)) => ProcessStart::Gone,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => ProcessStart::Gone,
            _ => ProcessStart::Unknown,
        },
    }
}

/// `pid (program) state …`; the name of a program may contain anything. See proc_pid_stat(5) for the numbers of the fields.
fn parse(stat: &str) -> Option<ProcessStart> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let field = |number: usize| rest.split(' ').nth(number - 3);
    let (state, threads) = (field(3)?, field(20)?.parse::<u64>().ok()?);
    // The first thread of a process may end before the others; then it is a zombie, and the process is not.
    if matches!(state, "Z" | "X") && threads <= 1 {
        return Some(ProcessStart::Gone);
    }
    Some(ProcessStart::Ticks(field(22)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_has_one_start_until_it_has_ended() {
        let ProcessStart::Ticks(own) = process_start(std::process::id()) else { panic!("no /proc") };
        assert_eq!(process_start(std::process::id()), ProcessStart::Ticks(own));
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is everywhere");
        assert!(matches!(process_start(child.id()), ProcessStart::Ticks(start) if start >= own));
        drop(child.stdin.take());
        // A zombie, until it is waited for; how soon, the kernel decides.
        while process_start(child.id()) != ProcessStart::Gone {
            std::thread::yield_now();
        }
        child.wait().expect("it is our child");
        assert_eq!(process_start(child.id()), ProcessStart::Gone);
    }

    #[test]
    fn odd_names_of_programs_are_no_problem() {
        let fields = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 98765 0";
        assert_eq!(parse(&format!("7 (a) Z 1) {fields}")), Some(ProcessStart::Ticks(98765)));
        let ended = fields.replacen('S', "Z", 1);
        assert_eq!(parse(&format!("7 (a) {ended}")), Some(ProcessStart::Ticks(98765)), "other threads go on");
        assert_eq!(parse(&format!("7 (a) {}", ended.replace("20 0 3", "20 0 1"))), Some(ProcessStart::Gone));
        assert_eq!(parse("7 (a) S 1"), None);
        assert_eq!(parse(""), None);
    }
}
