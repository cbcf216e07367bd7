//! How a run that gave no value is told: the engine's errors and the guest's words become an outcome.

use super::contract::{Failure as GuestFailure, FailureKind};
use super::ending::Stopped;
use super::guest::Guest;
use super::host_functions::EndedByHost;
use super::memory_limit::OverMemory;
use crate::limits::{HOST_CALL_SLACK_BYTES, MAX_MESSAGE_BYTES, MAX_TRACE_ENTRIES};
use crate::task::{CodecFailure, Failure, Limit, LimitExceeded, Outcome, Side, Trap, TrapCode};
use std::collections::HashSet;
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap as EngineTrap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// The engine's words when a guest hands over more bytes than the store allows; it has no public type for them.
/// A room test holds them.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";

/// wasmtime-wasi's words when a guest wants more random bytes at once than it may have: `requested len 9 exceeds limit 8`.
const TOO_MUCH_RANDOM: &str = " exceeds limit ";

/// Cuts a text that is longer than one message may be, between two characters.
pub(super) fn cut(text: String) -> String {
    cut_at(text, MAX_MESSAGE_BYTES)
}

/// Cuts a text that is longer than `max_bytes`, between two characters.
pub(super) fn cut_at(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        const MARK: &str = "…";
        text.truncate(text.floor_char_boundary(max_bytes.saturating_sub(MARK.len())));
        text.push_str(MARK);
    }
    text
}

/// The guest returned a failure record.
pub(super) fn failure_outcome(failure: GuestFailure, function: &str, codec: &str) -> Outcome {
    let message = cut(failure.message);
    let codec_failure = |side, message| Outcome::Codec(CodecFailure { side, message });
    match failure.kind {
        FailureKind::Failed => {
            let trace = failure.trace.into_iter().take(MAX_TRACE_ENTRIES).map(cut).collect();
            Outcome::Failed(Failure { message, trace })
        }
        FailureKind::ArgumentCodec => codec_failure(Side::Argument, message),
        FailureKind::ResultCodec => codec_failure(Side::Result, message),
        // The caller has looked both up in the module's own list before it sent a task; for an initializer it cannot.
        FailureKind::UnknownFunction => {
            Outcome::ModuleFailed(cut(format!("the module says that it has no function `{function}`")))
        }
        FailureKind::UnknownCodec => {
            Outcome::ModuleFailed(cut(format!("the module says that `{function}` does not speak the codec `{codec}`")))
        }
    }
}

/// The engine gave up the run.
pub(super) fn error_outcome(error: &wasmtime::Error, guest: &mut Guest) -> Outcome {
    if let Some(over) = error.downcast_ref::<OverMemory>() {
        return Outcome::OutOfMemory { bound: over.bound, limit: over.limit, peak: guest.memory.peak() };
    }
    if let Some(exceeded) = error.downcast_ref::<LimitExceeded>() {
        return Outcome::LimitExceeded(*exceeded);
    }
    if error.downcast_ref::<Stopped>().is_some() {
        return Outcome::Stopped;
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Outcome::LimitExceeded(guest.exceeded(Limit::HostResources));
    }
    if let Some(EngineTrap::OutOfFuel) = error.downcast_ref() {
        return Outcome::LimitExceeded(guest.exceeded(Limit::Fuel));
    }
    if let Some(ended) = error.downcast_ref::<EndedByHost>() {
        return Outcome::HostFunction(ended.0.clone());
    }
    let backtrace = backtrace(error);
    if let Some(mut panic) = guest.panic.take() {
        panic.backtrace = backtrace;
        return Outcome::Panicked(panic);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        let message = format!("the guest called exit({}); a task returns its result instead", exit.0);
        return Outcome::Trapped(Trap { code: TrapCode::Exit(exit.0), message, backtrace });
    }
    let root = error.root_cause().to_string();
    if root.starts_with(TOO_MUCH_DATA) && !backtrace.is_empty() {
        // The guest is in the middle of a call of its own. A result is taken when it has returned.
        let message = format!(
            "a call of the host hands over more than {HOST_CALL_SLACK_BYTES} bytes beside the payload \
             (limits::HOST_CALL_SLACK_BYTES)"
        );
        return Outcome::Trapped(Trap { code: TrapCode::Other, message, backtrace });
    }
    if root.starts_with(TOO_MUCH_DATA) {
        let limit = guest.settings.max_result_bytes;
        return Outcome::ResultTooLarge { size: limit.saturating_add(1), limit };
    }
    if let Some(asked) = root.strip_prefix("requested len ").and_then(|rest| rest.split_once(TOO_MUCH_RANDOM)) {
        let exceeded = LimitExceeded { asked: asked.0.parse().ok(), ..guest.exceeded(Limit::RandomBytes) };
        return Outcome::LimitExceeded(exceeded);
    }
    let code = error.downcast_ref::<EngineTrap>().map_or(TrapCode::Other, |trap| code(*trap));
    let message = cut(root + &stack_advice(code, &backtrace, guest.limits().get(Limit::StackBytes)));
    Outcome::Trapped(Trap { code, message, backtrace })
}

/// What is to be said of the guest's stack, if that may be what the trap is about.
fn stack_advice(code: TrapCode, backtrace: &[String], limit: u64) -> String {
    match code {
        TrapCode::StackOverflow => {
            format!("; the stack of a guest's calls has {limit} bytes; raise it with limit(Limit::StackBytes, …)")
        }
        // The stack in linear memory lies at its beginning, and runs out of it below.
        TrapCode::MemoryOutOfBounds if is_deep_recursion(backtrace) => {
            "; probably the guest's own stack overflowed: it calls itself without end, or its linker gives it too small a \
             stack (-zstack-size)"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// Whether a backtrace is full of the same few functions.
fn is_deep_recursion(backtrace: &[String]) -> bool {
    let names: HashSet<&str> =
        backtrace.iter().map(|frame| frame.split_once(": ").map_or(frame.as_str(), |(_, name)| name)).collect();
    backtrace.len() == MAX_TRACE_ENTRIES && names.len() <= MAX_TRACE_ENTRIES / 4
}

/// The guest's stack, innermost first: `index: function`.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", frame.func_index()),
    };
    frames
        .iter()
        .take(MAX_TRACE_ENTRIES)
        .enumerate()
        .map(|(index, frame)| cut(format!("{index}: {}", name(frame))))
        .collect()
}

fn code(trap: EngineTrap) -> TrapCode {
    match trap {
        EngineTrap::UnreachableCodeReached => TrapCode::Unreachable,
        EngineTrap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        EngineTrap::StackOverflow => TrapCode::StackOverflow,
        EngineTrap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        EngineTrap::IndirectCallToNull => TrapCode::IndirectCallToNull,
        EngineTrap::BadSignature => TrapCode::BadSignature,
        EngineTrap::IntegerOverflow => TrapCode::IntegerOverflow,
        EngineTrap::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        EngineTrap::BadConversionToInteger => TrapCode::BadConversionToInteger,
        EngineTrap::OutOfFuel => TrapCode::OutOfFuel,
        EngineTrap::Interrupt => TrapCode::Interrupt,
        _ => TrapCode::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = cut("ä".repeat(MAX_MESSAGE_BYTES));
        assert!(text.len() <= MAX_MESSAGE_BYTES && text.ends_with("ä…"));
        assert_eq!(cut("short".into()), "short");
    }
}
