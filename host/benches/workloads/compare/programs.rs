//! The programs that are compared, and why some are not.

use super::options::{Options, build_directory};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name under which isopool's own figures are kept.
pub(super) const OURS: &str = "isopool";
/// The limits of the machine, which have names of their own.
pub(super) const RAW: &str = "raw";
const PYTHON_POOLS: [&str; 3] = ["loky", "concurrent.futures", "mp.Pool"];

/// One that takes a workload and prints figures.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) version: String,
    path: PathBuf,
    first: Vec<String>,
    /// What Python loads: the loop of W5.
    library: PathBuf,
}

impl Program {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.first).env("ISOPOOL_BENCH_WORK", &self.library);
        command
    }
}

/// All that can be run here, and a sentence for each that cannot.
pub(super) fn find(options: &Options) -> (Vec<Program>, Vec<String>) {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let native = build_directory().join("bench-native");
    let library = native.join("release/libbench_native.so");
    let path = std::env::current_exe().expect("the path of a program that runs is known");
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut found = vec![Program { name: OURS, version, path, first: Vec::new(), library: library.clone() }];
    let wanted = |name: &&str| options.wants_peer(name);
    let mut candidates = Vec::new();
    let mut skipped = Vec::new();
    if options.rounds > 0
        && let Err(reason) = build(&benches.join("native"), &native)
    {
        skipped.push(reason);
    }
    for name in PYTHON_POOLS.into_iter().filter(wanted) {
        let script = benches.join("peers/pools.py").display().to_string();
        candidates.push((name, options.python.clone(), vec![script, name.to_owned()]));
    }
    for name in ["procspawn", RAW].into_iter().filter(wanted) {
        candidates.push((name, native.join("release").join(name), Vec::new()));
    }
    for (name, path, first) in candidates {
        let mut program = Program { name, version: String::new(), path, first, library: library.clone() };
        match version_of(&program) {
            Ok(version) => {
                program.version = version;
                found.push(program);
            }
            Err(reason) => skipped.push(format!("{name}: {reason}")),
        }
    }
    (found, skipped)
}

/// What they are called, without those that are no version of their own.
fn version_of(program: &Program) -> Result<String, String> {
    let output = program.command().arg("version").output();
    let output = output.map_err(|error| format!("{} does not start: {error}", program.path.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it says no version").to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build(package: &Path, target: &Path) -> Result<(), String> {
    eprintln!("building the peers that are written in Rust, and the limits of the machine");
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} does not build: {status}", package.display())),
        Err(error) => Err(format!("{} does not build: {error}", package.display())),
    }
}
