//! Stops a guest whose caller does not want it any more, while it computes or waits.
//!
//! The caller writes into the task's claim that it is to stop, then sends the worker a signal. Its handler moves the
//! engine's epoch on, so that a guest that computes looks at its claim, and rings a bell, so that a guest that waits does. A
//! signal that comes late, when another task runs, finds another claim and does nothing.

use super::ending::{StopAsked, Stopped};
use super::guest::Guest;
use crate::sys;
use nix::fcntl::OFlag;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Runtime;
use wasmtime::{Engine, Store, UpdateDeadline};

/// What a process needs for that, made once.
pub(super) struct Interrupts {
    /// Readable once it was rung.
    bell: Receiver,
}

impl Interrupts {
    /// From now on, the signal interrupts the guests of this engine.
    pub(super) fn listen(engine: &Engine, runtime: &Runtime) -> io::Result<Self> {
        let (bell, rope) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // For the rest of this process's life, as its signal handler is.
        let rope: &'static OwnedFd = Box::leak(Box::new(rope));
        let engine = engine.clone();
        sys::on_interrupt(Box::leak(Box::new(move || {
            engine.increment_epoch();
            // Full, it is rung already.
            let _ = nix::unistd::write(rope, &[1]);
        })))?;
        let _runtime = runtime.enter();
        Ok(Self { bell: Receiver::from_owned_fd(bell)? })
    }

    /// A guest's call, ended early if the task is asked to stop.
    pub(super) async fn until_stopped<T>(
        &self,
        stop: &StopAsked,
        call: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        // Asked between the claim and now: the signal was for nobody.
        if stop() {
            return Err(Stopped.into());
        }
        let (mut call, mut asked) = (pin!(call), pin!(self.asked(stop)));
        poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => asked.as_mut().poll(context).map(|()| Err(Stopped.into())),
        })
        .await
    }

    async fn asked(&self, stop: &StopAsked) {
        while !stop() {
            // Silent again, before it is asked what it was rung for.
            match self.bell.readable().await {
                Ok(()) => while self.bell.try_read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {},
                // The runtime is gone, and this with it.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

/// Has a guest that computes look at its claim when the epoch moves on.
pub(super) fn look_at_epochs(store: &mut Store<Guest>) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|guest| match guest.data().is_to_stop() {
        true => Err(Stopped.into()),
        false => Ok(UpdateDeadline::Continue(1)),
    });
}
