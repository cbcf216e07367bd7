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
use isopool::{Executor, Shutdown, TaskFuture};
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tally::Tally;
use text_survey::{Survey, survey};

/// Files that are read ahead for each worker. With the largest file that is taken, this bounds the memory.
const FILES_AHEAD_PER_WORKER: usize = 16;

/// Counts lines and words of text files, and finds their longest lines and most common words: a sandboxed task a file.
///
/// Files that are not UTF-8 or cannot be read are reported as failed tasks, and the rest goes on; the exit code is 0 all the
/// same. It is 1 when the pool fails, and 2 when an argument is wrong.
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
        Ok(()) => ExitCode::SUCCESS,
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

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let choice = if arguments.any_name { Choice::Any } else { Choice::Text };
    let mut builder = Executor::builder();
    if let Some(workers) = arguments.workers {
        builder = builder.max_workers(workers.into());
    }
    let executor = builder.build()?;
    let preparation = prepare(&executor)?;
    let bar = progress_bar(&arguments.paths, choice);

    let start = Instant::now();
    let tally = survey_all(&executor, files::found(&arguments.paths, choice), &bar, arguments)?;
    let time = start.elapsed();
    bar.finish_and_clear();

    let stats = executor.stats();
    executor.shutdown(Shutdown::Finish);
    ensure!(
        tally.tasks() > 0,
        "there is no text or source file in what was named; --any-name takes files of every name"
    );
    table::print(&mut io::stdout().lock(), &tally, &table::Run { preparation, time, stats })?;
    Ok(())
}

/// Runs one empty task, so that the module is compiled (or found in the cache) before the clock starts.
fn prepare(executor: &Executor) -> anyhow::Result<Duration> {
    let start = Instant::now();
    executor.submit(survey::task(Vec::new()))?.result().context("not even an empty text can be surveyed")?;
    Ok(start.elapsed())
}

/// Surveys the files, a bounded number of them at a time.
fn survey_all(
    executor: &Executor,
    found: impl Iterator<Item = Found>,
    bar: &ProgressBar,
    arguments: &Arguments,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::new(if arguments.all { usize::MAX } else { arguments.top });
    let ahead = executor.max_workers() * FILES_AHEAD_PER_WORKER;
    let mut waiting = VecDeque::new();
    for file in found {
        match file.bytes {
            Ok(bytes) => waiting.push_back((file.name, executor.submit(survey::task(bytes))?)),
            Err(reason) => {
                tally.unreadable(file.name, reason);
                bar.inc(1);
            }
        }
        while waiting.len() >= ahead {
            settle(&mut waiting, &mut tally, bar);
        }
    }
    while !waiting.is_empty() {
        settle(&mut waiting, &mut tally, bar);
    }
    Ok(tally)
}

/// Takes the result of the oldest task.
fn settle(waiting: &mut VecDeque<(String, TaskFuture<Survey>)>, tally: &mut Tally, bar: &ProgressBar) {
    if let Some((name, future)) = waiting.pop_front() {
        match future.result() {
            Ok(survey) => tally.surveyed(name, survey),
            Err(error) => tally.failed(name, &error),
        }
        bar.inc(1);
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
