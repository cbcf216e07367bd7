//! Where users' callbacks run: one thread of their own, in order.

use super::promise::{Callback, Promise};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Runs callbacks, started with the first one. It ends when the dispatcher has ended and all of them have run.
#[derive(Debug, Default)]
pub(crate) struct CallbackThread {
    sender: Option<Sender<(Callback, Arc<Promise>)>>,
}

impl CallbackThread {
    /// Runs a callback after those before it.
    pub(crate) fn run(&mut self, callback: Callback, promise: Arc<Promise>) {
        let sender = self.sender.get_or_insert_with(|| {
            let (sender, receiver) = channel::<(Callback, Arc<Promise>)>();
            let body = move || receiver.into_iter().for_each(|(callback, promise)| run_one(callback, &promise));
            let thread = std::thread::Builder::new().name("isopool-callbacks".to_owned()).spawn(body);
            if let Err(error) = thread {
                tracing::error!(%error, "no thread could be started for callbacks; they are not run");
            }
            sender
        });
        // It fails only without the thread, which was reported above.
        let _ = sender.send((callback, promise));
    }
}

/// Runs one callback; its panic stops nothing else.
pub(crate) fn run_one(callback: Callback, promise: &Arc<Promise>) {
    if catch_unwind(AssertUnwindSafe(|| callback(promise))).is_err() {
        tracing::error!(task = %promise.task, "a callback panicked");
    }
}
