//! How the host ends a guest from within one of its calls.

use crate::task::LimitExceeded;
use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Whether the caller has asked that the task stop. Asked often, and from within a guest's loops.
pub(crate) type StopAsked = Arc<dyn Fn() -> bool + Send + Sync>;

/// The task ends because its caller has asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task was asked to stop")]
pub(super) struct Stopped;

/// Ends the guest that called the host, where the host function cannot return an error of its own: wasmtime carries a host
/// function's panic past the guest's frames to whoever called the guest, and [`until_given_up`] makes an error of it.
pub(super) fn give_up(exceeded: LimitExceeded) -> ! {
    // Not `panic!`: nobody is to be told of it by the panic hook.
    resume_unwind(Box::new(exceeded))
}

/// A call of a guest, with what ended it by [`give_up`] as its error. The guest must not be called again after an error.
pub(super) async fn until_given_up<T>(call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    let told = |payload: Box<dyn Any + Send>| match payload.downcast::<LimitExceeded>() {
        Ok(exceeded) => Poll::Ready(Err((*exceeded).into())),
        Err(another) => resume_unwind(another),
    };
    poll_fn(|context| catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(told)).await
}
