//! WASI programs: `exit` is how they end, and what they write is their result.

use super::instance::RunEnd;
use super::trap::cut;
use crate::limits::MAX_CAPTURED_OUTPUT_BYTES;
use crate::task::{CommandOutput, Outcome, Trap, TrapCode};
use isopool_guest::Codec;

/// What `wasi:cli/run` gives for a failure, as bytes: the second case of its result.
const FAILED: &[u8] = &[1];

/// Makes the end of a program's instance the end of its task.
pub(super) fn ended(mut end: RunEnd, max_result_bytes: u64) -> RunEnd {
    let status = match &end.outcome {
        Outcome::Returned => i32::from(end.result == FAILED),
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
        Ok(result) if result.len() as u64 > max_result_bytes => {
            end.outcome = Outcome::ResultTooLarge { size: result.len() as u64, limit: max_result_bytes };
            end.result = Vec::new();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{CapturedOutput, RunReport};

    fn trapped(code: TrapCode, stdout: usize, stderr: usize) -> RunEnd {
        let mut output = CapturedOutput::default();
        (output.stdout, output.stderr) = (vec![b'o'; stdout], vec![b'e'; stderr]);
        let report = RunReport { output, ..RunReport::default() };
        let trap = Trap { code, message: String::new(), backtrace: Vec::new() };
        RunEnd { outcome: Outcome::Trapped(trap), result: Vec::new(), report, instance_usable: false }
    }

    #[test]
    fn an_exit_is_a_result_with_all_that_was_written() {
        let end = ended(trapped(TrapCode::Exit(3), 2 * MAX_CAPTURED_OUTPUT_BYTES, 1), u64::MAX);
        assert_eq!((&end.outcome, end.report.output), (&Outcome::Returned, CapturedOutput::default()));
        let output: CommandOutput = Codec::Bincode.decode(&end.result).expect("it was encoded here");
        assert_eq!((output.status, output.stdout.len(), output.stderr.len()), (3, 2 * MAX_CAPTURED_OUTPUT_BYTES, 1));
    }

    #[test]
    fn the_end_of_a_program_is_no_larger_than_a_result_may_be() {
        let end = ended(trapped(TrapCode::Exit(0), 100, 0), 100);
        assert_eq!(end.outcome, Outcome::ResultTooLarge { size: 104, limit: 100 });
        let written = 100 - usize::try_from(crate::limits::PROGRAM_END_BYTES).expect("small");
        assert_eq!(ended(trapped(TrapCode::Exit(0), written, 0), 100).outcome, Outcome::Returned);
    }

    #[test]
    fn what_was_written_before_a_trap_fits_into_a_message() {
        let end = ended(trapped(TrapCode::Unreachable, MAX_CAPTURED_OUTPUT_BYTES, 10), u64::MAX);
        let output = end.report.output;
        let kept = (output.stdout.len(), output.stderr.len());
        assert_eq!((kept, output.dropped_bytes), ((MAX_CAPTURED_OUTPUT_BYTES - 10, 10), 10));
    }
}
