//! The example `side_by_side`: which host outlives what its plugin does.

use std::path::PathBuf;
use std::process::Command;

/// Cargo builds examples with all tests of this package, and not with one of them.
fn program() -> Option<PathBuf> {
    let tests = std::env::current_exe().expect("a test knows its path");
    let program = tests.parent().and_then(|deps| deps.parent())?.join("examples/side_by_side");
    if !program.exists() {
        eprintln!("skipped: the example is not built; `cargo test -p isopool-examples` builds it");
        return None;
    }
    Some(program)
}

#[test]
fn a_plugin_ends_its_own_call_and_only_an_engine_of_its_own_process_ends_the_host() {
    let Some(program) = program() else { return };
    for case in ["tidy", "fail", "spin", "eat", "crash"] {
        for host in ["isopool", "in-process"] {
            let output = Command::new(&program).args([host, case]).output().expect("it starts");
            let dies = (host, case) == ("in-process", "crash");
            assert_eq!(output.status.success(), !dies, "{host} {case}: {output:?}");
            assert_eq!(output.stdout.is_empty(), dies, "{host} {case}: it tells what became of the call");
        }
    }
}
