//! What `compare` is told.

use std::path::PathBuf;

/// How it is told.
const USAGE: &str = "compare [--rounds N] [--quick] [--peers A,B] [--workloads W1,W2] [--python PATH] [--results FILE] \
                     [--resume] [--write]";

/// What to run, and where things are.
pub(super) struct Options {
    /// `--rounds`: how often everything is run; 0 prints what is there.
    pub(super) rounds: u32,
    /// `--quick`: one round, and fewer repetitions of what only isopool runs.
    pub(super) quick: bool,
    /// `--peers`: nobody but these; isopool always.
    pub(super) peers: Option<Vec<String>>,
    /// `--workloads`: none but these.
    pub(super) workloads: Option<Vec<String>>,
    /// `--python`: has loky, if it is to be compared.
    pub(super) python: PathBuf,
    /// `--results`: where the lines are kept.
    pub(super) results: PathBuf,
    /// `--resume`: keeps what is there, and runs only what is missing.
    pub(super) resume: bool,
    /// `--write`: into BENCHMARKS.md and the plot.
    pub(super) write: bool,
}

impl Options {
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            rounds: 0,
            quick: false,
            peers: None,
            workloads: None,
            python: "python3".into(),
            results: build_directory().join("bench-results.jsonl"),
            resume: false,
            write: false,
        };
        let mut rounds = None;
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value: {USAGE}"));
            let list = |text: &String| Some(text.split(',').map(str::to_owned).collect());
            match name.as_str() {
                "--quick" => options.quick = true,
                "--resume" => options.resume = true,
                "--write" => options.write = true,
                // What cargo adds.
                "--bench" => {}
                "--rounds" => rounds = Some(value()?.parse().map_err(|_| "--rounds is no whole number".to_owned())?),
                "--peers" => options.peers = list(value()?),
                "--workloads" => options.workloads = list(value()?),
                "--python" => options.python = value()?.into(),
                "--results" => options.results = value()?.into(),
                _ => return Err(format!("{name} is no option; use {USAGE}")),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 1 } else { 3 });
        Ok(options)
    }

    pub(super) fn wants_peer(&self, name: &str) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers.iter().any(|peer| peer == name))
    }

    pub(super) fn wants_workload(&self, name: &str) -> bool {
        self.workloads.as_ref().is_none_or(|workloads| workloads.iter().any(|workload| workload == name))
    }
}

/// Cargo's, in which this program lies three levels deep: `target/PROFILE/deps/workloads`.
pub(super) fn build_directory() -> PathBuf {
    let program = std::env::current_exe().expect("the path of a program that runs is known");
    program.ancestors().nth(3).expect("it lies in a folder of cargo's").to_owned()
}
