//! Memory that two processes see, and a second process to see it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers that this process and its copies share. Never unmapped: the program ends soon.
pub fn shared(count: usize) -> &'static [AtomicU32] {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: new pages of zeroes, which are valid atomics, and stay mapped.
    unsafe {
        let address = libc::mmap(std::ptr::null_mut(), 4 * count, protection, flags, -1, 0);
        assert_ne!(address, libc::MAP_FAILED, "the machine has room");
        std::slice::from_raw_parts(address.cast(), count)
    }
}

/// A copy of this process that does one thing and ends; it is killed when this is dropped.
pub struct Copy(pub i32);

impl Copy {
    pub fn that(body: impl FnOnce()) -> Self {
        // SAFETY: these programs have one thread when they fork.
        match unsafe { libc::fork() } {
            -1 => panic!("the machine has room for a process"),
            0 => {
                body();
                // SAFETY: ends this process at once.
                unsafe { libc::_exit(0) }
            }
            pid => Self(pid),
        }
    }

    pub fn kill(&self) {
        // SAFETY: a child that was not reaped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.kill();
        // SAFETY: the same child, once.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

/// Waits for as long as the number has this value, asleep.
pub fn futex_wait(number: &AtomicU32, value: u32) {
    while number.load(Ordering::Acquire) == value {
        // SAFETY: the number is alive; other processes may see it.
        unsafe { libc::syscall(libc::SYS_futex, number.as_ptr(), libc::FUTEX_WAIT, value, 0) };
    }
}

/// Sets the number and wakes who waits for it.
pub fn futex_set(number: &AtomicU32, value: u32) {
    number.store(value, Ordering::Release);
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_futex, number.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// What this process may run on, so that a second one runs elsewhere or beside it.
pub fn stay_on(cpu: usize) {
    // SAFETY: a set of CPUs is plain bits; a CPU that is not there is refused, and then nothing changes.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

/// Reads until something is there or the other end is closed.
pub fn read(socket: &OwnedFd, bytes: &mut [u8]) -> usize {
    // SAFETY: the buffer is as long as is said.
    let count = unsafe { libc::read(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
    usize::try_from(count).expect("the socket is open")
}

/// Writes all of it.
pub fn write(socket: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: as above.
        let count = unsafe { libc::write(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        bytes = &bytes[usize::try_from(count).expect("the socket is open")..];
    }
}
