//! Where results go.

use super::exit::Stop;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// Standard output of this program, for results only: a line for each.
#[derive(Debug)]
pub(super) struct Output {
    out: BufWriter<File>,
    shares_terminal: bool,
    bar: ProgressBar,
}

impl Output {
    /// Takes standard output away from everybody else: what workers print there on behalf of guests goes to standard
    /// error from now on, so that it never stands between results.
    pub(super) fn take() -> Result<Self, Stop> {
        let stdout = io::stdout();
        let shares_terminal = stdout.is_terminal() && io::stderr().is_terminal();
        let out = File::from(stdout.as_fd().try_clone_to_owned().map_err(Stop::Output)?);
        nix::unistd::dup2_stdout(io::stderr()).map_err(|error| Stop::Output(error.into()))?;
        Ok(Self { out: BufWriter::new(out), shares_terminal, bar: ProgressBar::hidden() })
    }

    /// Shows on standard error how many results there are, of `total` if that is known. Shows nothing if standard error
    /// is no terminal.
    pub(super) fn show_progress(&mut self, total: Option<u64>) {
        if !io::stderr().is_terminal() {
            return;
        }
        let (template, target) = match total {
            Some(_) => ("{bar:40} {pos}/{len} {elapsed} (about {eta} left)", ProgressDrawTarget::stderr()),
            None => ("{spinner} {pos} done {elapsed}", ProgressDrawTarget::stderr()),
        };
        self.bar = ProgressBar::with_draw_target(total, target);
        self.bar.set_style(ProgressStyle::with_template(template).expect("the templates above are well-formed"));
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// Writes a result; it may wait in a buffer.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Stop> {
        let out = &mut self.out;
        let mut write = || writeln!(out, "{line}");
        let written = if self.shares_terminal { self.bar.suspend(write) } else { write() };
        self.bar.inc(1);
        written.map_err(Stop::Output)
    }

    /// Writes bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.out.write_all(bytes).map_err(Stop::Output)
    }

    /// Tells of something on standard error.
    pub(super) fn tell(&self, message: &dyn std::fmt::Display) {
        // Nobody is left to tell that nobody is left to tell.
        self.bar.suspend(|| drop(writeln!(io::stderr(), "isopool: {message}")));
    }

    /// Writes what waits in the buffer.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        let out = &mut self.out;
        let written = if self.shares_terminal { self.bar.suspend(|| out.flush()) } else { out.flush() };
        written.map_err(Stop::Output)
    }

    /// Takes the progress away.
    pub(super) fn finish(mut self) -> Result<(), Stop> {
        self.bar.finish_and_clear();
        self.flush()
    }
}
