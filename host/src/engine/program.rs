//! WASI programs: `exit` is how they end, and what they write is their result.

use super::instance::RunEnd;
use super::trap::cut;
use crate::limits::MAX_CAPTURED_OUTPUT_BYTES;
use crate::task::{CodecFailure, CommandInput, CommandOutput, Outcome, Side, Trap, TrapCode};
use isopool_guest::Codec;

/// What a program is given, out of its task's argument.
pub(super) fn input(argument: &[u8]) -> Result<CommandInput, Outcome> {
    Codec::Bincode.decode(argument).map_err(|error| {
        Outcome::Codec(CodecFailure { side: Side::Argument, message: cut(error.to_string()) })
    })
}

/// Makes the end of a program's instance the end of its task.
pub(super) fn ended(mut end: RunEnd) -> RunEnd {
    // Whatever it left in its memory, nobody runs a program twice.
    end.instance_usable = false;
    let status = match &end.outcome {
        // What `run` returns: a result without values.
        Outcome::Returned => i32::from(end.result.first().is_some_and(|case| *case != 0)),
        Outcome::Trapped(Trap { code: TrapCode::Exit(status), .. }) => *status,
        _ => {
            fit_into_message(&mut end);
            return end;
        }
    };
    let written = std::mem::take(&mut end.report.output);
    let output = CommandOutput {
        status,
        stdout: written.stdout.into(),
        stderr: written.stderr.into(),
        dropped_bytes: written.dropped_bytes,
    };
    match Codec::Bincode.encode(&output) {
        Ok(result) => (end.outcome, end.result) = (Outcome::Returned, result),
        Err(error) => end.outcome = Outcome::ModuleFailed(cut(error.to_string())),
    }
    end
}

/// What a program wrote before it failed goes with the report of its task, where there is less room.
fn fit_into_message(end: &mut RunEnd) {
    let output = &mut end.report.output;
    let mut left = MAX_CAPTURED_OUTPUT_BYTES;
    for stream in [&mut output.stderr, &mut output.stdout] {
        let kept = stream.len().min(left);
        output.dropped_bytes += (stream.len() - kept) as u64;
        stream.truncate(kept);
        left -= kept;
    }
}
