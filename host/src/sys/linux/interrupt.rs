//! A signal that interrupts what this process does, to have it look at what it was asked.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The signal. A process that does not listen ignores it: so it harms nobody when it comes too early.
pub(crate) const INTERRUPT: Signal = Signal::SIGURG;

type Callback = &'static (dyn Fn() + Sync);

/// What the handler calls; null before there is anything.
static CALLBACK: AtomicPtr<Callback> = AtomicPtr::new(std::ptr::null_mut());

/// Calls this whenever the signal comes, in the place of what was called before. System calls that it interrupts go on.
///
/// The callback runs within a signal handler: it may change atomic words and make system calls, and nothing else (no lock, no
/// memory, no thread-local value).
pub(crate) fn on_interrupt(callback: Callback) -> io::Result<()> {
    CALLBACK.store(Box::leak(Box::new(callback)), Ordering::Release);
    // On the alternate stack, if there is one: the guest may be near the end of its own.
    let flags = SaFlags::SA_RESTART | SaFlags::SA_ONSTACK;
    let action = SigAction::new(SigHandler::Handler(handle), flags, SigSet::empty());
    // SAFETY: `handle` does only what a handler may: it loads an atomic pointer, saves and restores `errno`, and calls what
    // `on_interrupt` demands to be safe there.
    unsafe { sigaction(INTERRUPT, &action) }?;
    Ok(())
}

extern "C" fn handle(_signal: i32) {
    let interrupted = Errno::last_raw();
    // SAFETY: it is null, or was leaked in `on_interrupt`, and is never freed.
    if let Some(callback) = unsafe { CALLBACK.load(Ordering::Acquire).as_ref() } {
        callback();
    }
    Errno::set_raw(interrupted);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn the_last_callback_is_called_and_errno_survives() {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        on_interrupt(&|| unreachable!("another has taken its place")).expect("a handler");
        on_interrupt(&|| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            Errno::set_raw(7);
        })
        .expect("a handler");
        Errno::set_raw(5);
        nix::sys::signal::raise(INTERRUPT).expect("it is this process's own");
        let errno = Errno::last_raw();
        assert_eq!((CALLS.load(Ordering::Relaxed), errno), (1, 5));
    }
}
