//! Ctrl-C and its relatives: the first one stops everything in order, the second one at once.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Which signal has asked for the end, if any.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// From now on the first signal calls `stop`, on a thread of its own, and the second one leaves at once: the kernel
    /// then ends the workers.
    ///
    /// # Errors
    /// The system refuses a thread or a handler.
    pub(super) fn install(stop: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let interrupt = Self::default();
        let seen = Arc::clone(&interrupt.0);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let mut stop = Some(stop);
        std::thread::Builder::new().name("isopool-signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if seen.swap(signal, Ordering::SeqCst) != 0 {
                    exit(128 + signal);
                }
                // Not here: this thread stays free for the second signal.
                let stop = stop.take().expect("only the first signal comes here");
                std::thread::spawn(stop);
            }
        })?;
        Ok(interrupt)
    }

    /// The signal that asked for the end.
    pub(super) fn signal(&self) -> Option<i32> {
        Some(self.0.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
}
