//! What it does: surveys text files over a pool of sandboxed worker processes: `cargo run --bin survey -- [PATHS…]`.
//! Takes from: the command line, the files. Hands to: standard output, a table.
//! Never: lets one bad file stop the others.
//!
//! This program reads the files; what is in them goes, a task a file, to the guest `text-survey`, which sees nothing else.

mod files;
mod table;
mod tally;

use anyhow::{Context, ensure};
use clap::Parser;
use files::{Choice, Found};
use indicatif::{ProgressBar, ProgressStyle};
use isopool::limits::DEFAULT_MAX_ARGUMENT_BYTES;
use isopool::{Executor, Shutdown, TaskFuture};
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tally::Tally;
use text_survey::{Survey, survey};

/// Files that are read ahead for each worker.
const FILES_AHEAD_PER_WORKER: usize = 16;
/// No file is read ahead while those that wait have so many bytes. With the largest file that is taken, this bounds the memory.
const BYTES_AHEAD: usize = 256 << 20;

/// The exit code after a Ctrl-C, as a shell reports it.
const INTERRUPTED: u8 = 130;

/// Counts lines and words of text files, and finds their longest lines and most common words: a sandboxed task a file.
///
/// Files that are not UTF-8 or cannot be read are reported as failed tasks, and the rest goes on; the exit code is 0 all the
/// same. It is 1 when the pool fails, 2 when an argument is wrong, and 130 after a Ctrl-C, which stops the work and shows what
/// was done; a second one leaves at once.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Files, and directories to look for text and source files in
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Show every file, in the order of the paths, not only the largest ones
    #[arg(long)]
    all: bool,
    /// How many of the largest files to show
    #[arg(long, default_value_t = 20, conflicts_with = "all", value_name = "N")]
    top: usize,
    /// Take every file in the directories, whatever its name
    #[arg(long)]
    any_name: bool,
    /// Largest file that is taken, in MiB; larger ones count as failed
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_mib: u16,
    /// Worker processes; by default one for each CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(path) = arguments.paths.iter().find(|path| path.symlink_metadata().is_err()) {
        eprintln!(
            "survey: `{}` does not exist or cannot be reached; name files or directories that do",
            path.display()
        );
        return ExitCode::from(2);
    }
    match run(&arguments) {
        Ok(ended) => ended,
        // `survey | head`: nobody wants the rest.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("survey: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let interrupted = watch_for_interrupt().context("the handler of Ctrl-C could not be set up")?;
    let choice = if arguments.any_name { Choice::Any } else { Choice::Text };
    let max_file_bytes = u64::from(arguments.max_mib) << 20;
    // A few bytes more than the file's own travel with it.
    let max_argument_bytes = DEFAULT_MAX_ARGUMENT_BYTES.max((usize::from(arguments.max_mib) + 1) << 20);
    let mut builder = Executor::builder().max_argument_bytes(max_argument_bytes);
    if let Some(workers) = arguments.workers {
        builder = builder.max_workers(workers.into());
    }
    let executor = builder.build()?;
    let preparation = prepare(&executor)?;

    let start = Instant::now();
    let mut work = Work {
        ahead: executor.max_workers() * FILES_AHEAD_PER_WORKER,
        bar: progress_bar(&arguments.paths, choice),
        tally: Tally::new(if arguments.all { usize::MAX } else { arguments.top }),
        waiting: VecDeque::new(),
        waiting_bytes: 0,
        interrupted,
    };
    work.survey(&executor, files::found(&arguments.paths, choice, max_file_bytes))?;
    let time = start.elapsed();
    work.bar.finish_and_clear();

    let Work { tally, interrupted, .. } = work;
    let was_interrupted = interrupted.load(Ordering::Relaxed);
    let stats = executor.stats();
    executor.shutdown(if was_interrupted { Shutdown::Kill } else { Shutdown::Finish });
    ensure!(
        tally.tasks() > 0 || was_interrupted,
        "there is no text or source file in what was named; --any-name takes files of every name"
    );
    table::print(&mut io::stdout().lock(), &tally, &table::Run { preparation, time, stats })?;
    if was_interrupted {
        eprintln!("survey: interrupted; the table shows what was done");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

/// From now on a first Ctrl-C only sets the flag, and a second one leaves at once: the kernel then ends the workers.
fn watch_for_interrupt() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), Arc::clone(&interrupted))?;
    flag::register(SIGINT, Arc::clone(&interrupted))?;
    Ok(interrupted)
}

/// Runs one empty task, so that the module is compiled (or found in the cache) before the clock starts.
fn prepare(executor: &Executor) -> anyhow::Result<Duration> {
    let start = Instant::now();
    executor.submit(survey::task(Vec::new()))?.result().context("not even an empty text can be surveyed")?;
    Ok(start.elapsed())
}

/// A survey under way.
struct Work {
    /// Files that may wait at a time.
    ahead: usize,
    bar: ProgressBar,
    tally: Tally,
    /// Name, size and task of the files that were sent, in their order.
    waiting: VecDeque<(String, usize, TaskFuture<Survey>)>,
    waiting_bytes: usize,
    interrupted: Arc<AtomicBool>,
}

impl Work {
    /// Surveys the files, a bounded number of them at a time, until there are no more or somebody wants it to stop.
    fn survey(&mut self, executor: &Executor, found: impl Iterator<Item = Found>) -> anyhow::Result<()> {
        for file in found {
            match file.bytes {
                Ok(bytes) => {
                    let size = bytes.len();
                    self.waiting_bytes += size;
                    self.waiting.push_back((file.name, size, executor.submit(survey::task(bytes))?));
                }
                Err(reason) => {
                    self.tally.unreadable(file.name, reason);
                    self.bar.inc(1);
                }
            }
            while self.waiting.len() >= self.ahead || self.waiting_bytes >= BYTES_AHEAD {
                self.settle();
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        while !self.waiting.is_empty() && !self.interrupted.load(Ordering::Relaxed) {
            self.settle();
        }
        Ok(())
    }

    /// Takes the result of the oldest task.
    fn settle(&mut self) {
        let Some((name, size, future)) = self.waiting.pop_front() else { return };
        self.waiting_bytes -= size;
        match future.result() {
            Ok(survey) => self.tally.surveyed(name, survey),
            Err(error) => self.tally.failed(name, &error),
        }
        self.bar.inc(1);
    }
}

/// A bar on standard error if that is a terminal, else nothing. It knows the number of files from a walk of its own.
fn progress_bar(paths: &[PathBuf], choice: Choice) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files {elapsed} (about {eta} left)");
    let bar = ProgressBar::new(files::count(paths, choice));
    bar.set_style(style.expect("the template is well-formed"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
