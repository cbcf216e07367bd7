//! What it does: lists the module's functions and runs one by name. Takes from: the registry. Hands to: the worker.
//! Never: allocates before a task's own arguments do.

use super::bindings::exports::isopool::task::runner as wit;
use super::bindings::isopool::task::host;
use super::{log_sink, panic_hook};
use crate::Codec;
use crate::context::TaskContext;
use crate::dispatch::{Entry, Failure, FailureKind};
use std::sync::atomic::{AtomicBool, Ordering};

inventory::collect!(Entry);

/// Set by the first run, and kept by a snapshot of the instance.
static INSTALLED: AtomicBool = AtomicBool::new(false);

pub(super) struct Runner;

impl wit::Guest for Runner {
    fn functions() -> Vec<wit::Function> {
        let mut entries: Vec<&'static Entry> = inventory::iter::<Entry>().collect();
        entries.sort_by_key(|entry| (entry.name, rank(entry)));
        entries.dedup_by_key(|entry| entry.name);
        entries.into_iter().map(describe).collect()
    }

    fn run(function: String, codec: String, argument: Vec<u8>) -> Result<Vec<u8>, wit::Failure> {
        if !INSTALLED.swap(true, Ordering::Relaxed) {
            panic_hook::install();
            log_sink::install();
        }
        run(&function, &codec, argument).map_err(tell)
    }
}

/// Of two functions with one name, the one with the smaller rank counts: the module's own crate before its dependencies.
fn rank(entry: &Entry) -> (bool, &'static str) {
    (!entry.root, entry.package)
}

fn run(function: &str, codec_name: &str, argument: Vec<u8>) -> Result<Vec<u8>, Failure> {
    // A linear search over a list that the constructors linked: no map to build in every fresh instance.
    let entry =
        inventory::iter::<Entry>().filter(|entry| entry.name == function).min_by_key(|entry| rank(entry)).ok_or_else(
            || Failure::new(FailureKind::UnknownFunction, format!("this module has no function `{function}`")),
        )?;
    let codec = Codec::from_name(codec_name).filter(|codec| speaks(entry, *codec)).ok_or_else(|| {
        let message =
            format!("`{function}` does not speak the codec `{codec_name}`; use one of: {}", spoken(entry).join(", "));
        Failure::new(FailureKind::UnknownCodec, message)
    })?;
    (entry.run)(codec, argument)
}

fn speaks(entry: &Entry, codec: Codec) -> bool {
    codec != Codec::Raw || entry.raw
}

fn spoken(entry: &Entry) -> Vec<&'static str> {
    Codec::ALL.iter().filter(|codec| speaks(entry, **codec)).map(|codec| codec.name()).collect()
}

fn describe(entry: &Entry) -> wit::Function {
    wit::Function {
        name: entry.name.to_owned(),
        signature: entry.signature.to_owned(),
        docs: entry.docs.to_owned(),
        codecs: spoken(entry).into_iter().map(str::to_owned).collect(),
    }
}

fn tell(failure: Failure) -> wit::Failure {
    let kind = match failure.kind {
        FailureKind::Failed => wit::FailureKind::Failed,
        FailureKind::ArgumentCodec => wit::FailureKind::ArgumentCodec,
        FailureKind::ResultCodec => wit::FailureKind::ResultCodec,
        FailureKind::UnknownFunction => wit::FailureKind::UnknownFunction,
        FailureKind::UnknownCodec => wit::FailureKind::UnknownCodec,
    };
    wit::Failure { kind, message: failure.message, trace: failure.trace }
}

pub(crate) fn task_context() -> TaskContext {
    let context = host::context();
    TaskContext { task_id: context.task_id, worker_index: context.worker_index }
}
