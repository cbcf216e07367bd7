//! What a guest writes to standard output and standard error: bounded, named by task, never blocking on a runtime.

use crate::executor::{GuestOutput, Overflow};
use crate::limits::MAX_CAPTURED_OUTPUT_BYTES;
use crate::task::{CapturedOutput, Limit, LimitExceeded};
use bytes::Bytes;
use parking_lot::Mutex;
use std::fmt::Write as _;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// What a stream offers to take at once, in bytes.
const WRITE_PERMIT_BYTES: usize = 64 * 1024;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// The output of one task; both streams share its budget. The streams of an instance keep pointing here from task to
/// task, because a guest opens them once.
#[derive(Debug)]
pub(super) struct TaskOutput {
    mode: GuestOutput,
    overflow: Overflow,
    /// What the task began with.
    max_bytes: u64,
    /// As much can be captured: it has to fit into the message that ends the task, unless it is its result.
    max_captured_bytes: u64,
    left_bytes: u64,
    dropped_bytes: u64,
    /// `[task 7 word_count] `.
    label: String,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Shared by the task and its two streams. One thread uses it; the lock is there because wasmtime wants `Send`.
pub(super) type SharedOutput = Arc<Mutex<TaskOutput>>;

impl TaskOutput {
    pub(super) fn new(overflow: Overflow) -> Self {
        Self {
            mode: GuestOutput::default(),
            overflow,
            max_bytes: 0,
            max_captured_bytes: MAX_CAPTURED_OUTPUT_BYTES as u64,
            left_bytes: 0,
            dropped_bytes: 0,
            label: String::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// As much can be captured, because it is the result of a program.
    pub(super) fn captures(&mut self, max_bytes: u64) {
        self.max_captured_bytes = max_bytes;
    }

    /// A new task begins.
    pub(super) fn begin(&mut self, mode: GuestOutput, max_bytes: u64, label: std::fmt::Arguments<'_>) {
        self.mode = mode;
        self.max_bytes = match mode {
            GuestOutput::Capture => max_bytes.min(self.max_captured_bytes),
            _ => max_bytes,
        };
        self.left_bytes = self.max_bytes;
        self.dropped_bytes = 0;
        self.label.clear();
        if self.mode == GuestOutput::Inherit {
            // Writing to a string cannot fail.
            let _ = write!(self.label, "[{label}] ");
        }
    }

    /// The task has ended: prints an unfinished line, and hands out what was captured.
    pub(super) fn end(&mut self) -> CapturedOutput {
        if self.mode == GuestOutput::Inherit {
            for stream in [Stream::Stdout, Stream::Stderr] {
                let rest = std::mem::take(self.buffer(stream));
                if !rest.is_empty() {
                    print_line(stream, &self.label, &rest);
                }
            }
        }
        CapturedOutput {
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            dropped_bytes: self.dropped_bytes,
        }
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LimitExceeded> {
        if self.mode == GuestOutput::Discard {
            return Ok(());
        }
        if self.overflow == Overflow::Fail && bytes.len() as u64 > self.left_bytes {
            let asked = self.max_bytes - self.left_bytes + bytes.len() as u64;
            return Err(LimitExceeded { limit: Limit::OutputBytes, value: self.max_bytes, asked: Some(asked) });
        }
        self.take(stream, bytes);
        Ok(())
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let taken = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        self.left_bytes -= taken as u64;
        self.dropped_bytes += (bytes.len() - taken) as u64;
        let bytes = &bytes[..taken];
        if self.mode == GuestOutput::Capture {
            self.buffer(stream).extend_from_slice(bytes);
            return;
        }
        if self.mode == GuestOutput::Passthrough {
            return print(stream, bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = piece.strip_suffix(b"\n") else {
                self.buffer(stream).extend_from_slice(piece);
                break;
            };
            let mut begun = std::mem::take(self.buffer(stream));
            begun.extend_from_slice(line);
            print_line(stream, &self.label, &begun);
        }
    }
}

/// Prints one line with one write, so that lines of several workers do not mix.
fn print_line(stream: Stream, label: &str, line: &[u8]) {
    let mut whole = Vec::with_capacity(label.len() + line.len() + 1);
    whole.extend_from_slice(label.as_bytes());
    whole.extend_from_slice(line);
    whole.push(b'\n');
    print(stream, &whole);
}

fn print(stream: Stream, bytes: &[u8]) {
    match stream {
        Stream::Stdout => write_all(io::stdout(), bytes),
        Stream::Stderr => write_all(io::stderr(), bytes),
    }
}

/// Past the standard library's buffers, which would cut a line. A caller that has closed its end loses the line only.
fn write_all(to: impl AsFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match nix::unistd::write(to.as_fd(), bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

/// One of a guest's two streams.
#[derive(Clone, Debug)]
pub(super) struct GuestStream {
    pub(super) output: SharedOutput,
    pub(super) stream: Stream,
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// The default would put a task on the runtime for each stream.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.lock().write(self.stream, &bytes).map_err(|exceeded| StreamError::Trap(exceeded.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT_BYTES)
    }
}

impl AsyncWrite for GuestStream {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.output.lock().write(self.stream, bytes);
        Poll::Ready(written.map(|()| bytes.len()).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_share_one_budget_and_the_rest_is_counted() {
        let (mut output, max) = (TaskOutput::new(Overflow::Drop), 10);
        output.begin(GuestOutput::Capture, max, format_args!("task 1 f"));
        output.write(Stream::Stdout, b"123456").expect("dropped, not refused");
        output.write(Stream::Stderr, b"abcdefgh").expect("dropped, not refused");
        output.write(Stream::Stdout, b"7").expect("dropped, not refused");
        let captured = output.end();
        assert_eq!((&captured.stdout[..], &captured.stderr[..]), (&b"123456"[..], &b"abcd"[..]));
        assert_eq!(captured.dropped_bytes, 5);
        output.begin(GuestOutput::Discard, max, format_args!("task 2 f"));
        output.write(Stream::Stdout, b"unheard").expect("dropped, not refused");
        assert_eq!(output.end(), CapturedOutput::default(), "each task has a mode of its own");
        output.begin(GuestOutput::Capture, max, format_args!("task 3 f"));
        output.write(Stream::Stdout, b"again").expect("dropped, not refused");
        let captured = output.end();
        assert_eq!((&captured.stdout[..], captured.dropped_bytes), (&b"again"[..], 0));
    }

    #[test]
    fn too_much_output_can_be_an_error_and_nothing_of_it_is_taken() {
        let mut output = TaskOutput::new(Overflow::Fail);
        output.begin(GuestOutput::Capture, 5, format_args!("task 1 f"));
        output.write(Stream::Stdout, b"1234").expect("within");
        let exceeded = output.write(Stream::Stderr, b"56").expect_err("over");
        assert_eq!((exceeded.limit, exceeded.value, exceeded.asked), (Limit::OutputBytes, 5, Some(6)));
        output.write(Stream::Stderr, b"5").expect("exactly the limit");
        assert_eq!(output.end().dropped_bytes, 0);
    }

    #[test]
    fn what_is_captured_fits_into_a_message() {
        let (mut output, max) = (TaskOutput::new(Overflow::Drop), u64::MAX);
        output.begin(GuestOutput::Capture, max, format_args!("task 1 f"));
        output.write(Stream::Stdout, &vec![b'x'; MAX_CAPTURED_OUTPUT_BYTES + 7]).expect("dropped, not refused");
        let captured = output.end();
        assert_eq!((captured.stdout.len(), captured.dropped_bytes), (MAX_CAPTURED_OUTPUT_BYTES, 7));
    }

    #[test]
    fn a_discarded_output_is_not_kept() {
        let (mut output, max) = (TaskOutput::new(Overflow::Drop), 10);
        output.begin(GuestOutput::Discard, max, format_args!("task 1 f"));
        output.write(Stream::Stdout, b"123456").expect("dropped, not refused");
        assert_eq!(output.end(), CapturedOutput::default());
    }

    #[test]
    fn unfinished_lines_wait_for_their_end() {
        let (mut output, max) = (TaskOutput::new(Overflow::Drop), 1000);
        output.begin(GuestOutput::Inherit, max, format_args!("task 1 f"));
        output.write(Stream::Stdout, b"one line\nand a ").expect("dropped, not refused");
        assert_eq!(output.stdout, b"and a ");
        output.write(Stream::Stdout, b"half\n").expect("dropped, not refused");
        assert!(output.stdout.is_empty());
        output.end();
    }
}
