//! Waiting for a word of memory to change (futex(2)), also between processes.

use std::io;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FutexWait {
    /// Someone woke it, or a signal came, or the word had changed before: look again.
    Woken,
    /// The timeout is over.
    TimedOut,
}

/// Waits while the word is `expected`, at most `timeout`, for a [`futex_wake`] by any process that maps the word.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Duration) -> io::Result<FutexWait> {
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    };
    // SAFETY: FUTEX_WAIT (not private: the key is the page behind the word) reads the word, which the reference keeps
    // mapped and aligned, and a timespec, which outlives the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const timeout) };
    if answer == 0 {
        return Ok(FutexWait::Woken);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ETIMEDOUT) => Ok(FutexWait::TimedOut),
        error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(FutexWait::Woken),
        error => Err(error),
    }
}

/// Wakes at most `count` of those who wait for the word.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let no_timeout: *const libc::timespec = ptr::null();
    // SAFETY: FUTEX_WAKE uses the word's address only, and touches no memory. It fails for addresses that are not mapped or
    // not aligned, which those of a reference are.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count, no_timeout) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    #[test]
    fn a_wait_ends_by_its_timeout_by_a_change_or_by_a_wake() {
        let word = AtomicU32::new(7);
        let begun = Instant::now();
        let time = Duration::from_millis(20);
        assert_eq!(futex_wait(&word, 7, time).expect("waits"), FutexWait::TimedOut);
        assert!(begun.elapsed() >= time);
        assert_eq!(futex_wait(&word, 8, Duration::from_secs(60)).expect("waits"), FutexWait::Woken);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                while word.load(Ordering::Acquire) == 7 {
                    futex_wait(&word, 7, Duration::from_secs(60)).expect("waits");
                }
            });
            word.store(9, Ordering::Release);
            futex_wake(&word, u32::MAX);
            waits.join().expect("woken");
        });
    }
}
