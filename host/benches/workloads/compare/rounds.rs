//! The runs themselves: each step by each program in turn, so that a busy moment meets all of them.

use super::options::Options;
use super::plan::{Step, steps};
use super::programs::{OURS, Program};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than any run takes on a machine that is worth measuring.
const PATIENCE: Duration = Duration::from_secs(180);
/// The metric of a line that says that a run is complete.
pub(super) const DONE: &str = "done";
/// The metric of a line that says why a run failed.
pub(super) const FAILED: &str = "failed";

/// Runs what is missing in the file of results.
pub(super) fn run(options: &Options, programs: &[Program]) -> Result<(), String> {
    let path = options.results.display();
    let keep = options.resume || options.rounds == 0;
    let old = if keep { fs::read_to_string(&options.results).unwrap_or_default() } else { String::new() };
    let done: BTreeSet<String> =
        old.lines().filter_map(|line| key_of_done(&serde_json::from_str(line).ok()?)).collect();
    let file = OpenOptions::new().create(true).append(true).open(&options.results);
    let mut file = file.map_err(|error| format!("{path} cannot be written: {error}"))?;
    if !keep {
        file.set_len(0).map_err(|error| format!("{path} cannot be emptied: {error}"))?;
    }
    for round in 0..options.rounds {
        for step in steps(options.quick).iter().filter(|step| options.wants_workload(&step.arguments[0])) {
            for program in programs.iter().filter(|program| step.shared || program.name == OURS) {
                let key = format!("{round} {} {}", program.name, step.arguments.join(" "));
                if !done.contains(&key) {
                    eprint!("{key}: ");
                    let start = Instant::now();
                    one(&mut file, program, step, round, key)
                        .map_err(|error| format!("{path} cannot be written: {error}"))?;
                    eprintln!("{:.1} s", start.elapsed().as_secs_f64());
                }
            }
        }
    }
    Ok(())
}

fn key_of_done(line: &Value) -> Option<String> {
    (line["metric"] == DONE).then(|| line["run"].as_str().map(str::to_owned))?
}

fn one(file: &mut File, program: &Program, step: &Step, round: u32, key: String) -> std::io::Result<()> {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0);
    let start = Instant::now();
    let output = output_of(program, &step.arguments);
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let own = |metric: &str, value: Value, unit: &str| json!({"peer": program.name, "workload": step.arguments[0], "n": 1, "metric": metric, "value": value, "unit": unit});
    let mut lines = Vec::new();
    let failed = output.is_err();
    match output {
        Ok(text) => lines.extend(text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok())),
        Err(reason) => {
            eprint!("{reason}; ");
            lines.push(own(FAILED, reason.into(), ""));
        }
    }
    if step.arguments[0] == "W4life" && lines.is_empty() && program.name != super::programs::RAW {
        let mut whole = own("whole_program", milliseconds.into(), "ms");
        whole["workload"] = "W4".into();
        lines.push(whole);
    }
    if !failed {
        lines.push(own(DONE, true.into(), ""));
    }
    for mut line in lines {
        line["round"] = round.into();
        line["load"] = load.into();
        line["run"] = key.as_str().into();
        writeln!(file, "{line}")?;
    }
    file.flush()
}

/// What the program prints; or why it did not come to its end, in one line.
fn output_of(program: &Program, arguments: &[String]) -> Result<String, String> {
    if program.name == super::programs::RAW && arguments[0] == "W4life" {
        return Ok(String::new());
    }
    let mut command = program.command();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().map_err(|error| format!("does not start: {error}"))?;
    let group = Pid::from_raw(child.id().cast_signed());
    let (over, is_over) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        // Disconnected: over in time.
        if is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Gone already: then its pipe is closed as well.
            let _ = killpg(group, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output();
    drop(over);
    watch.join().expect("it only waits");
    let output = output.map_err(|error| format!("cannot be waited for: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.lines().last().unwrap_or_default()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
