//! The same small plugin host twice: with isopool, and with the engine in its own process. `cargo run --bin side_by_side` runs both
//! and prints what became of them; README.md has a table that was printed.

mod in_process;
mod with_isopool;

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The plugin of both: `guests/unruly`.
const PLUGIN: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_UNRULY"));

/// For the median of the price.
const CALLS: usize = 1000;

/// Makes this program the host that is going to die.
const VICTIM: &str = "--in-process-until-the-end";

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some(VICTIM) {
        let host = known(in_process::Host::load(PLUGIN))?;
        println!("running");
        return known(host.transform("please loop")).map(drop);
    }
    let (isopool, in_process) = (with_isopool::Host::load(PLUGIN)?, known(in_process::Host::load(PLUGIN))?);
    ensure!(isopool.transform("hello")? == "HELLO" && known(in_process.transform("hello"))? == "HELLO");

    println!("| | isopool | engine in the host's process |\n|---|---|---|");
    let lines = |source: &str| source.lines().filter(|line| is_code(line)).count();
    row("lines of the host", lines(include_str!("with_isopool.rs")), lines(include_str!("in_process.rs")));
    row("a call, median", price(|| isopool.transform("hello"))?, price(|| known(in_process.transform("hello")))?);
    for (what, text) in [("loops", "please loop"), ("panics", "please panic"), ("eats memory", "please eat memory")] {
        let ends = [told(isopool.transform(text)), told(in_process.transform(text).map_err(innermost))];
        ensure!(isopool.transform("hello")? == "HELLO" && known(in_process.transform("hello"))? == "HELLO");
        row(&format!("the plugin {what}"), &ends[0], &ends[1]);
    }
    row("the process that runs the plugin dies", isopool_loses_a_process(&isopool)?, in_process_loses_its_process()?);
    Ok(())
}

/// An error of the engine as one of this program.
fn known<T>(end: wasmtime::Result<T>) -> anyhow::Result<T> {
    end.map_err(anyhow::Error::msg)
}

fn row(what: &str, isopool: impl Display, in_process: impl Display) {
    println!("| {what} | {isopool} | {in_process} |");
}

/// No empty line, no comment.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

fn price(call: impl Fn() -> anyhow::Result<String>) -> anyhow::Result<String> {
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        call()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(format!("{} µs", times[CALLS / 2].as_micros()))
}

/// What the host knows of a call that failed: the first line, without what differs from run to run.
fn told(end: Result<String, impl Display>) -> String {
    match end {
        Ok(value) => format!("a value: {value}"),
        Err(error) => error.to_string().lines().next().unwrap_or_default().replace('|', "/"),
    }
}

/// The engine's reason; before it come the frames of the guest.
fn innermost(error: wasmtime::Error) -> String {
    error.root_cause().to_string()
}

/// A bug in an engine is played: the process that runs the plugin is told to abort, in the middle of a call.
fn isopool_loses_a_process(host: &with_isopool::Host) -> anyhow::Result<String> {
    let call = host.begin("please loop")?;
    while !call.running() {
        ensure!(!call.done(), "it is stopped after a second at the earliest");
        thread::sleep(Duration::from_millis(1));
    }
    let pid = host.process().context("a worker runs it")?;
    kill(Pid::from_raw(pid.try_into()?), Signal::SIGABRT)?;
    let error = told(call.result());
    ensure!(host.transform("hello")? == "HELLO");
    Ok(format!("{}; the next call works", error.replace(&pid.to_string(), "…")))
}

/// The same, where that process is the host: here a child of this program.
fn in_process_loses_its_process() -> anyhow::Result<String> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut victim = command.arg(VICTIM).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    BufReader::new(victim.stdout.take().context("it is piped")?).read_line(&mut said)?;
    kill(Pid::from_raw(victim.id().try_into()?), Signal::SIGABRT)?;
    let status = victim.wait()?;
    let signal = status.signal().and_then(|signal| Signal::try_from(signal).ok());
    Ok(format!("the host died: {}", signal.context("it was killed")?))
}
