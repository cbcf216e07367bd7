//! The words of the `isopool` program: its help, and what it says of input that it cannot use.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn isopool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command.args(arguments).stdin(Stdio::null());
    // One compilation for all tests, and nothing in the home of whoever runs them.
    command.env("ISOPOOL_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command.env_remove("ISOPOOL_LOG").env_remove("ISOPOOL_MAX_CPU_COUNT");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program for WASI preview 2.
fn compile_tool(to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/programs/tool.rs");
    let arguments = ["--edition", "2024", "--target", "wasm32-wasip2", "-C", "panic=abort", "-o"];
    let compiled = Command::new("rustc").args(arguments).arg(to).arg(source).status().expect("rustc is there");
    assert!(compiled.success());
}

/// A command line, its exit code, and what is said; without hashes and machines' own words.
fn transcript(folder: &Path, arguments: &[&str], input: Stdio) -> String {
    let output = isopool(arguments).current_dir(folder).stdin(input).output().expect("the program starts");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    let mut told = text(&output.stderr);
    assert_eq!(told.lines().filter(|line| line.starts_with("isopool: ") || line.starts_with("error: ")).count(), 1);
    while let Some(at) = told.find("` (") {
        told.replace_range(at + 1..at + " (0123456789ab)".len() + 1, "");
    }
    format!("$ isopool {}\n{told}=> {}\n", arguments.join(" "), output.status.code().expect("no signal"))
}

#[test]
fn bad_input_of_every_kind_has_one_clear_error_and_its_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder.wasm")).expect("a folder can be made");
    let core: &[u8] = b"\0asm\x01\0\0\0";
    for (name, content) in
        [("empty.wasm", &b""[..]), ("text.wasm", b"(module)\n"), ("core.wasm", core), ("lines.txt", b"1\n")]
    {
        fs::write(path(name), content).expect("a file can be written");
    }
    fs::write(path("basic.wasm"), guest_basic::value::noop::task().module.wasm).expect("a file can be written");
    compile_tool(&path("tool.wasm"));
    let mut told = String::new();
    for module in ["missing.wasm", "folder.wasm", "empty.wasm", "text.wasm", "core.wasm"] {
        for line in [&["run", module, "f"][..], &["inspect", module]] {
            told.push_str(&transcript(folder.path(), line, Stdio::null()));
        }
    }
    for line in [
        &["map", "missing.wasm", "f"][..],
        &["bench", "missing.wasm", "f"],
        &["test", "missing.wasm"],
        &["replay", "missing"],
        &["replay", "folder.wasm"],
        &["replay", "empty.wasm"],
        &["replay", "text.wasm"],
        &["build", "missing"],
        &["build", "lines.txt"],
        &["build", "folder.wasm"],
        &["new", "."],
        &["new", "folder.wasm"],
        &["run", "basic.wasm"],
        &["run", "basic.wasm", "value::add", "1"],
        &["run", "basic.wasm", "value::add", "1", "2", "3"],
        &["bench", "basic.wasm", "value::noop", "1"],
        &["map", "basic.wasm", "value::add", "lines.txt"],
        &["map", "basic.wasm", "value::count_primes", "missing.txt"],
        &["map", "basic.wasm", "value::count_primes", "folder.wasm"],
        &["map", "basic.wasm", "value::count_primes", "--files", "folder.wasm"],
        &["run", "tool.wasm", "grep"],
        &["run", "tool.wasm", "grep", "word"],
        &["run", "basic.wasm", "value::noop", "--dir", "missing"],
        &["run", "basic.wasm", "value::noop", "--dir", "lines.txt"],
        &["run"],
        &["map", "basic.wasm"],
        &["inspect"],
        &["inspect", "basic.wasm", "tool.wasm"],
        &["replay"],
        &["bench", "basic.wasm"],
        &["test"],
        &["new"],
        &["completions"],
        &["completions", "tcsh"],
        &["doctor", "more"],
        &["frobnicate"],
    ] {
        told.push_str(&transcript(folder.path(), line, Stdio::null()));
    }
    for line in [
        &["run", "basic.wasm", "value::echo", "--bytes"][..],
        &["map", "basic.wasm", "value::count_primes"],
        &["run", "tool.wasm", "--", "cat"],
    ] {
        let input = fs::File::open(path("folder.wasm")).expect("a folder can be opened");
        told.push_str("# standard input is a folder\n");
        told.push_str(&transcript(folder.path(), line, input.into()));
    }
    let here = folder.path().file_name().and_then(|name| name.to_str()).expect("a plain name");
    insta::assert_snapshot!("bad_input", told.replace(here, "HERE"));
}

#[test]
fn help_of_every_command_reads_well() {
    let help = |arguments: &[&str]| {
        let output = isopool(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        text(&output.stdout)
    };
    let mut told = help(&["--help"]);
    for command in
        ["run", "map", "inspect", "cpu-count", "doctor", "replay", "new", "build", "bench", "test", "completions"]
    {
        let own = help(&[command, "--help"]);
        assert_eq!(own, help(&["help", command]));
        told.push_str(&format!("\n──── isopool {command} --help\n{own}"));
    }
    insta::assert_snapshot!("help", told);
}
