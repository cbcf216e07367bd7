//! What is kept of a task while it runs, in case it fails.

use super::contents::{Answer, Contents, HostCallRecord};
use super::writer::BundleWriter;
use super::{Ending, file::Bundle};
use crate::error::TaskError;
use crate::limits::{
    MAX_BUNDLE_ARGUMENT_BYTES, MAX_BUNDLE_HOST_CALL_BYTES, MAX_BUNDLE_HOST_CALLS, MAX_BUNDLE_MODULE_BYTES,
};
use crate::module::{Source, compatibility};
use crate::task::HostFault;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is kept of one task.
pub(crate) struct Recording {
    /// Its number.
    pub(crate) task: u64,
    /// What there is to say of it, but for its end and its calls; and the argument of its module's initializer.
    pub(crate) describe: Box<dyn Fn() -> (Contents, Vec<u8>) + Send + Sync>,
    pub(crate) source: Source,
    pub(crate) argument: Arc<Vec<u8>>,
    pub(crate) writer: Arc<BundleWriter>,
    pub(crate) calls: Mutex<Calls>,
}

/// Calls of host functions, each with its argument and what it returned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    calls: Vec<(HostCallRecord, Vec<u8>, Vec<u8>)>,
    bytes: usize,
    is_cut: bool,
}

impl Calls {
    /// Whether there is room for so many bytes more.
    fn takes(&mut self, bytes: usize) -> bool {
        let has_room = bytes <= MAX_BUNDLE_HOST_CALL_BYTES.saturating_sub(self.bytes);
        self.is_cut |= !has_room;
        if has_room {
            self.bytes += bytes;
        }
        has_room
    }

    pub(super) fn called(&mut self, function: &str, argument: &[u8]) {
        self.is_cut |= self.calls.len() >= MAX_BUNDLE_HOST_CALLS;
        if self.is_cut || !self.takes(argument.len()) {
            return;
        }
        let record = HostCallRecord { function: function.to_owned(), argument_bytes: argument.len(), answer: None };
        self.calls.push((record, argument.to_vec(), Vec::new()));
    }

    pub(super) fn answered(&mut self, result: Result<&[u8], &HostFault>) {
        if self.is_cut {
            return;
        }
        let size = result.map_or_else(|fault| fault.message.len(), <[u8]>::len);
        if !self.takes(size) {
            // What was answered is not known, and that is not the same as no answer.
            self.calls.pop();
            return;
        }
        let Some((record, _, returned)) = self.calls.last_mut() else { return };
        record.answer = Some(match result {
            Ok(bytes) => {
                *returned = bytes.to_vec();
                Answer::Returned { bytes: bytes.len() }
            }
            Err(fault) => Answer::Fault { kind: fault.kind, message: fault.message.clone() },
        });
    }
}

impl Recording {
    /// The task calls a host function.
    pub(crate) fn called(&self, function: &str, argument: &[u8]) {
        self.calls.lock().called(function, argument);
    }

    /// The last call was answered.
    pub(crate) fn answered(&self, result: Result<&[u8], &HostFault>) {
        self.calls.lock().answered(result);
    }

    /// The task is run again from its beginning.
    pub(crate) fn begins_again(&self) {
        *self.calls.lock() = Calls::default();
    }

    /// The task has ended: if it has failed, its bundle will be written, elsewhere.
    pub(crate) fn ended(self: &Arc<Self>, result: &Result<Vec<u8>, TaskError>) {
        if let Err(error) = result {
            let ending = Ending::of(result);
            let (task, bytes) = (self.task, self.argument.len());
            if !ending.leaves_a_bundle() {
                return;
            }
            // Now, and not when it is written: what waits for that holds its argument.
            if bytes > MAX_BUNDLE_ARGUMENT_BYTES {
                tracing::warn!(task, bytes, "its argument is too large for a crash bundle: it leaves none");
            } else {
                self.writer.take(Arc::clone(self), ending, error.to_string());
            }
        }
    }

    /// All of it.
    pub(super) fn bundle(&self, ending: Ending, message: String) -> Bundle {
        let Calls { calls, is_cut, .. } = self.calls.lock().clone();
        let module = match &self.source {
            Source::Embedded(module) => module.wasm,
            Source::Loaded { wasm, .. } => wasm,
        };
        let module = (module.len() <= MAX_BUNDLE_MODULE_BYTES).then(|| module.to_vec());
        let written_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let (described, initializer) = (self.describe)();
        let contents = Contents {
            versions: compatibility(),
            written_at,
            module_bytes: module.as_ref().map(Vec::len),
            host_calls: calls.iter().map(|(record, ..)| record.clone()).collect(),
            host_calls_cut: is_cut,
            ending,
            message,
            ..described
        };
        let calls = calls.into_iter().map(|(_, argument, returned)| (argument, returned)).collect();
        Bundle { contents, initializer, argument: self.argument.to_vec(), module, calls }
    }
}
