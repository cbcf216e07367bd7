//! `isopool test` as cargo's runner: a guest's own tests, each in the real sandbox, whatever the others do.

#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const MANIFEST: &str =
    "[package]\nname = \"a-guest\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ndoctest = false\n\n[workspace]\n";

/// The package, in a folder that stays between runs.
fn package() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runner");
        let source = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runner/lib.rs")).expect("it is beside");
        for (name, content) in [("Cargo.toml", MANIFEST.as_bytes()), ("src/lib.rs", &source)] {
            let path = folder.join(name);
            if !fs::read(&path).is_ok_and(|present| present == content) {
                fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
                fs::write(path, content).expect("a file can be written");
            }
        }
        folder
    })
}

/// Cargo in the package, with this program as the runner of its tests.
fn cargo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(package()).stdin(Stdio::null());
    command.env("CARGO_TARGET_DIR", package().join("target")).env("CARGO_TERM_COLOR", "never");
    let runner = format!("{} test --timeout 2", env!("CARGO_BIN_EXE_isopool"));
    command.env("CARGO_TARGET_WASM32_WASIP2_RUNNER", runner).env("ISOPOOL_CACHE_DIR", cache());
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "ISOPOOL_LOG"] {
        command.env_remove(flags);
    }
    command.output().expect("cargo can be started")
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// The test program that cargo has made.
fn program() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let made = cargo(&["test", "--target", "wasm32-wasip2", "--offline", "--no-run", "--message-format=json"]);
        assert!(made.status.success(), "{made:?}");
        let messages = made.stdout.split(|byte| *byte == b'\n');
        let mut messages = messages.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
        messages.find_map(|message| message["executable"].as_str().map(str::to_owned)).expect("there is a test program")
    })
}

/// The runner as nextest calls it.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command.args(["test", "--timeout", "2", program()]).args(arguments).stdin(Stdio::null()).env_remove("ISOPOOL_LOG");
    command.env("ISOPOOL_CACHE_DIR", cache()).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn each_test_ends_as_it_does_and_keeps_no_other_from_running() {
    let output = cargo(&["test", "--target", "wasm32-wasip2", "--offline"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{told}\n{}", text(&output.stderr));
    let ends = [
        ("passes", "ok"),
        ("fails", "FAILED"),
        ("never_ends", "FAILED"),
        ("leaves_early", "FAILED"),
        ("recurses_without_end", "FAILED"),
        ("sees_nothing_of_the_machine", "ok"),
        ("is_ignored", "ignored"),
    ];
    for (name, end) in ends {
        assert!(told.contains(&format!("\ntest tests::{name} ... {end}\n")), "{name}: {told}");
    }
    assert!(told.contains("\nrunning 7 tests\n") && told.contains("FAILED. 2 passed; 4 failed; 1 ignored;"), "{told}");
    let shown = told.split("\nfailures:\n").nth(1).expect("failures are shown");
    for part in [
        "---- tests::fails ----\nprinted by a test that fails\n",
        "src/lib.rs:",
        "half is wrong",
        "ran longer than 2s, and was stopped; give it more time with --timeout",
        "the program ended without having run it",
        "stack",
    ] {
        assert!(shown.contains(part), "`{part}`: {shown}");
    }
    assert!(!told.contains("printed by a test that passes"), "{told}");
}

#[test]
fn tests_are_chosen_as_rust_s_own_harness_does() {
    let chosen = |arguments: &[&str]| {
        let output = run(arguments);
        (output.status.code(), text(&output.stdout))
    };
    let (code, told) = chosen(&["passes", "sees", "--nocapture"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("\nrunning 2 tests\n") && told.contains("\nprinted by a test that passes\n"), "{told}");
    let (code, told) = chosen(&["--skip", "e", "--skip", "fails"]);
    assert!(code == Some(0) && told.contains("\nrunning 0 tests\n"), "{told}");
    let (code, told) = chosen(&["--ignored"]);
    assert!(code == Some(0) && told.contains("\nrunning 1 test\ntest tests::is_ignored ... ok\n"), "{told}");
    let (code, _) = chosen(&["--test-threads", "0"]);
    assert_eq!(code, Some(2));
}

#[test]
fn one_run_is_one_run_as_nextest_wants_it() {
    let listed = run(&["--list", "--format", "terse"]);
    assert_eq!((listed.status.code(), text(&listed.stderr)), (Some(0), String::new()));
    let listed = text(&listed.stdout);
    assert!(listed.contains("tests::passes: test\n") && listed.contains("tests::is_ignored: test\n"), "{listed}");
    assert_eq!(text(&run(&["--list", "--format", "terse", "--ignored"]).stdout), "tests::is_ignored: test\n");
    let passed = run(&["--exact", "tests::passes", "--nocapture"]);
    assert!(passed.status.success() && text(&passed.stdout).contains("printed by a test that passes"), "{passed:?}");
    let failed = run(&["--exact", "tests::fails", "--nocapture"]);
    assert_eq!(failed.status.code(), Some(101), "{failed:?}");
    assert!(text(&failed.stderr).contains("half is wrong"), "{failed:?}");
    let late = run(&["--exact", "tests::never_ends", "--nocapture"]);
    assert_eq!(late.status.code(), Some(101), "{late:?}");
}

#[test]
fn what_is_no_test_program_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("text.wasm");
    fs::write(&path, "no module").expect("a file can be written");
    for (path, code) in [(path.to_str().expect("a plain name"), 3), ("/nonexistent.wasm", 6)] {
        let output = Command::new(env!("CARGO_BIN_EXE_isopool")).args(["test", path]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
}
