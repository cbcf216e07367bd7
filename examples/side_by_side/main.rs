//! The same plugin host twice, with isopool and with the engine in its own process: what they cost, and what is left of them when the
//! plugin misbehaves. `cargo run --release --example side_by_side`

mod in_process;
mod with_isopool;

use in_process::told;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

const WASM: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_UNRULY"));

/// What the plugin is asked to do, and what is told of it.
const CASES: [(&str, &str); 5] = [
    ("tidy", "does its work"),
    ("fail", "panics"),
    ("spin", "loops for ever"),
    ("eat", "eats memory"),
    ("crash", "meets a bug of the engine (a SIGABRT stands in for it)"),
];

/// What a host can ask the plugin for.
trait Plugin {
    fn tidy(&self, text: &str) -> anyhow::Result<String>;
    /// `meanwhile` is called when it has begun, with the process that the engine runs in.
    fn spin(&self, meanwhile: impl FnOnce(u32)) -> anyhow::Result<()>;
    fn fail(&self, message: &str) -> anyhow::Result<()>;
    fn eat(&self) -> anyhow::Result<u32>;
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["isopool", case] => ask(&with_isopool::Host::new(WASM)?, case),
        ["in-process", case] => ask(&in_process::Host::new(WASM).map_err(told)?, case),
        _ => compare(),
    }
}

fn compare() -> anyhow::Result<()> {
    for (case, what) in CASES {
        println!("The plugin {what}:");
        for host in ["isopool", "in-process"] {
            // Each in a process of its own, which is the host that may die.
            let output = Command::new(std::env::current_exe()?).args([host, case]).output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            println!("  {host:11} {} [{}]", said.trim(), left(output.status));
        }
    }
    println!("\nA call, median:");
    let (isopool, engine) = (with_isopool::Host::new(WASM)?, in_process::Host::new(WASM).map_err(told)?);
    let (mut kept, mut engine_kept) = (isopool.session()?, engine.session().map_err(told)?);
    println!(
        "  {:11} fresh sandbox {}, one instance {}",
        "isopool",
        median(|| isopool.tidy(TEXT)),
        median(|| kept.tidy(TEXT))
    );
    let engine_fresh = median(|| engine.tidy(TEXT));
    println!(
        "  {:11} fresh sandbox {}, one instance {}",
        "in-process",
        engine_fresh,
        median(|| engine_kept.tidy(TEXT).map_err(told))
    );

    println!("\nLines of the host:");
    for (host, source) in [("isopool", include_str!("with_isopool.rs")), ("in-process", include_str!("in_process.rs"))]
    {
        let lines = source.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//")).count();
        println!("  {host:11} {lines}");
    }
    Ok(())
}

const TEXT: &str = "  so   many\tspaces ";

fn left(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("the host is dead: signal {signal}"),
        (None, Some(0)) => "the host went on".to_owned(),
        (None, code) => format!("the host left with {code:?}"),
    }
}

fn median(mut call: impl FnMut() -> anyhow::Result<String>) -> String {
    let mut times: Vec<Duration> = (0..1000)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(call().expect("it is tidy"), "so many spaces");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    format!("{:.1} µs", times[times.len() / 2].as_secs_f64() * 1e6)
}

/// The first line of how a call ended.
fn tell<T: std::fmt::Debug>(result: anyhow::Result<T>) {
    match result {
        Ok(value) => println!("{value:?}"),
        // The engine's first line says only where it was.
        Err(error) => println!("{}", error.root_cause().to_string().lines().next().unwrap_or_default()),
    }
}

/// Asks a host for one thing, and then looks whether it still works.
fn ask(host: &impl Plugin, case: &str) -> anyhow::Result<()> {
    assert_eq!(host.tidy(TEXT)?, "so many spaces");
    match case {
        "fail" => tell(host.fail("on purpose")),
        "spin" => tell(host.spin(|_| {})),
        "eat" => tell(host.eat()),
        "crash" => tell(host.spin(|engine| {
            kill(Pid::from_raw(engine.cast_signed()), Signal::SIGABRT).expect("the process of the engine is ours");
        })),
        _ => tell(host.tidy(TEXT)),
    }
    assert_eq!(host.tidy(TEXT)?, "so many spaces");
    Ok(())
}
