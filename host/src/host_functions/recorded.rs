//! Answers from a log in place of functions, whatever a module imports.

use super::function::{Begun, Call, Implementation};
use crate::error::TaskRef;
use crate::task::HostFaultKind;
use std::sync::Arc;

/// What the log has for a call.
pub(crate) enum RecordedAnswer {
    Returned(Vec<u8>),
    Fault(HostFaultKind, String),
    /// It was never answered, and is not now: the task, or the call, runs out of its time.
    Never,
}

/// Answers every function that a module imports.
#[derive(Clone, Debug)]
pub(crate) struct Recorded(pub(super) Arc<Implementation>);

impl Recorded {
    /// `answer` is asked with the task, the function as the module imports it, and the encoded arguments.
    pub(crate) fn new(answer: impl Fn(&TaskRef, &str, &[u8]) -> RecordedAnswer + Send + Sync + 'static) -> Self {
        let run = move |call: Call| match answer(call.context.task(), call.context.function(), &call.argument) {
            RecordedAnswer::Returned(bytes) => Begun::Ended(Ok(bytes)),
            RecordedAnswer::Fault(kind, message) => Begun::Ended(Err((kind, message))),
            RecordedAnswer::Never => Begun::Future(Box::pin(std::future::pending())),
        };
        // It is called with what the import takes, which nobody compares with this.
        Self(Arc::new(Implementation { arity: 0, run: Box::new(run) }))
    }
}
