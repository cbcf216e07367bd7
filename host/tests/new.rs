//! `isopool new`: every template, made, built and tested as its README says.

#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// How a script says that a tool is missing.
const TOOL_MISSING: i32 = 77;

/// A package that isopool depends on, with a feature that this repository's tests turn on. With it, what is compiled for this
/// repository serves the projects too; without it, the engine would be compiled a second time.
const SHARED: &str = "bitflags = { version = \"2\", features = [\"std\"] }\n";

fn isopool(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command.args(arguments).stdin(Stdio::null()).env_remove("ISOPOOL_LOG").output().expect("the program starts")
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A new project. What is built of it stays between runs, for only files that have changed are written.
fn project(template: &str) -> PathBuf {
    let folder = temporary();
    let name = format!("a-{template}");
    let made = folder.path().join(&name);
    let output = isopool(&["new", made.to_str().expect("a plain name"), "--template", template]);
    assert!(output.status.success(), "{output:?}");
    if made.join("Cargo.toml").exists() {
        share_builds(&made.join("Cargo.toml"));
    }
    let stays = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new").join(&name);
    copy(&made, &stays);
    stays
}

fn share_builds(manifest: &Path) {
    let mut text = fs::read_to_string(manifest).expect("it was made");
    for table in ["\n[dependencies]\n", "\n[build-dependencies]\n"] {
        text = text.replacen(table, &format!("{table}{SHARED}"), 1);
    }
    fs::write(manifest, text).expect("a file can be written");
}

fn copy(from: &Path, to: &Path) {
    for item in fs::read_dir(from).expect("it is a folder") {
        let item = item.expect("it can be listed").path();
        let target = to.join(item.file_name().expect("it has a name"));
        if item.is_dir() {
            copy(&item, &target);
            continue;
        }
        let content = fs::read(&item).expect("it can be read");
        if fs::read(&target).is_ok_and(|present| present == content) {
            continue;
        }
        fs::create_dir_all(to).expect("a folder can be made");
        fs::write(target, content).expect("a file can be written");
    }
}

/// This repository's target directory.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory")
}

/// Runs cargo in a project, offline, with this repository's versions of everything; it succeeds and warns of nothing.
fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a repository");
    if !folder.join("Cargo.lock").exists() {
        fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock")).expect("a file can be copied");
    }
    let mut command = Command::new(env!("CARGO"));
    command.arg("--offline").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.env("CARGO_TARGET_DIR", target()).env("CARGO_TERM_COLOR", "never");
    // The program of this repository, instead of the one that `.cargo/config.toml` finds in the PATH.
    command.env("CARGO_TARGET_WASM32_WASIP2_RUNNER", concat!(env!("CARGO_BIN_EXE_isopool"), " test"));
    let output = command.output().expect("cargo can be started");
    let [out, err] = [text(&output.stdout), text(&output.stderr)];
    assert!(output.status.success(), "cargo {arguments:?} in {}:\n{out}\n{err}", folder.display());
    assert!(!err.contains("warning: "), "cargo {arguments:?} in {}:\n{err}", folder.display());
    out
}

#[test]
fn current_folder_becomes_a_project_of_its_own_name() {
    let folder = temporary();
    let here = folder.path().join("tasks-of-mine");
    fs::create_dir(&here).expect("a folder can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    let made = command.args(["new", "."]).current_dir(&here).stdin(Stdio::null()).output().expect("the program starts");
    assert!(made.status.success(), "{made:?}");
    let manifest = fs::read_to_string(here.join("Cargo.toml")).expect("it was made");
    assert!(manifest.contains("name = \"tasks-of-mine\""), "{manifest}");
}

#[test]
fn package_of_tasks_builds_and_passes_its_tests() {
    let folder = project("tasks");
    let tested = cargo(&folder, &["test"]);
    assert!(tested.contains("test tasks_run_in_the_pool ... ok"), "{tested}");
    let shown = cargo(&folder, &["run", "--example", "hello"]);
    assert!(shown.starts_with("2 lines, 6 words\nthe mean is 2\ntask 2 (mean in "), "{shown}");
    assert!(shown.contains("line 2, `two`: invalid float literal"), "{shown}");
}

#[test]
fn program_with_closures_builds_and_passes_its_tests() {
    let folder = project("closures");
    let tested = cargo(&folder, &["test"]);
    assert!(tested.contains("test tests::closure_runs_in_a_sandbox ... ok"), "{tested}");
    let shown = cargo(&folder, &["run"]);
    assert!(shown.contains("\n669 primes below 5000\n"), "{shown}");
    assert!(shown.contains("panicked at src/main.rs:21:50: attempt to divide by zero"), "{shown}");
}

#[test]
fn host_of_plugins_builds_and_passes_its_tests() {
    let folder = project("plugin-host");
    let tested = cargo(&folder, &["test"]);
    assert!(tested.contains("test plugin_that_misbehaves_fails_one_call ... ok"), "{tested}");
    let shown = cargo(&folder, &["run", "--", "to be"]);
    assert_eq!(shown, "this plugin writes everything in capitals\nTO BE\n");
}

#[test]
fn plugin_passes_its_tests_and_runs_in_the_host_of_plugins() {
    let (plugin, host) = (project("plugin"), project("plugin-host"));
    let tested = cargo(&plugin, &["test"]);
    assert!(tested.contains("test tests::words_are_written_backwards ... ok"), "{tested}");
    let in_sandboxes = cargo(&plugin, &["test", "--lib", "--target", "wasm32-wasip2"]);
    assert!(in_sandboxes.contains("2 passed; 0 failed; 0 ignored; each in a sandbox"), "{in_sandboxes}");
    let mut build = Command::new(env!("CARGO_BIN_EXE_isopool"));
    build.arg("build").current_dir(&plugin).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    let built = build.output().expect("the program starts");
    assert_eq!(text(&built.stdout), "a-plugin.wasm\n", "{built:?}");
    let module = plugin.join("a-plugin.wasm");
    let shown = cargo(&host, &["run", "--", module.to_str().expect("a plain name"), "to be"]);
    assert_eq!(shown, "this plugin writes every word backwards\not eb\n");
}

#[test]
fn tasks_in_other_languages_build_and_pass_their_tests_where_their_tools_are() {
    for template in ["c", "javascript", "python"] {
        let folder = project(template);
        let mut command = Command::new("sh");
        command.arg("test.sh").current_dir(&folder).stdin(Stdio::null()).env("ISOPOOL", env!("CARGO_BIN_EXE_isopool"));
        command.env("ISOPOOL_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        let output = command.output().expect("there is a shell");
        let told = text(&output.stderr);
        if output.status.code() == Some(TOOL_MISSING) {
            eprintln!("skipped: {}", told.trim_end());
            continue;
        }
        assert!(output.status.success(), "{template}: {}\n{told}", output.status);
        assert_eq!(text(&output.stdout), "all tasks gave what they should\n");
    }
}

#[test]
fn project_tells_where_isopool_comes_from() {
    let folder = temporary();
    let made = folder.path().join("it");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a repository");
    let [made_name, checkout_name] = [&made, checkout].map(|path| path.to_str().expect("a plain name"));
    let output = isopool(&["new", made_name, "--isopool", checkout_name]);
    let told =
        format!("Made {made_name}. Its README.md says what to do with it.\nIt takes isopool from {checkout_name}.\n");
    assert_eq!((text(&output.stdout), text(&output.stderr)), (told, String::new()));
    let manifest = fs::read_to_string(made.join("Cargo.toml")).expect("it was made");
    assert!(manifest.contains(&format!("isopool = {{ path = \"{checkout_name}/host\" }}")), "{manifest}");
    assert_eq!(fs::read_to_string(made.join(".gitignore")).expect("it was made"), "/target\n/*.wasm\n");
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_written() {
    let folder = temporary();
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain name").to_owned();
    fs::create_dir(folder.path().join("full")).expect("a folder can be made");
    fs::write(folder.path().join("full/work"), "somebody's").expect("a file can be written");
    fs::write(folder.path().join("file"), "").expect("a file can be written");
    let refusals = [
        (vec![path("full")], 2, "full is there already, and is no empty folder"),
        (vec![path("file")], 2, "file is there already, and is no empty folder"),
        (vec![path("file/inside")], 2, "file/inside is there already"),
        (vec![path("a b")], 2, "a project cannot be called `a b`: it has ` ` in it"),
        (vec![path("match")], 2, "it is a word of the language"),
        (vec![path("new"), "--isopool".to_owned(), path("full")], 2, "is no checkout of isopool"),
        (vec![path("new"), "--template".to_owned(), "cobol".to_owned()], 2, "possible values: tasks, closures"),
        (vec!["/proc/new".to_owned()], 6, "cannot write /proc/new"),
    ];
    for (arguments, code, reason) in refusals {
        let arguments: Vec<&str> = ["new"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let output = isopool(&arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stderr).contains(reason), "{reason}: {output:?}");
    }
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("it is there").flatten().map(|item| item.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // An empty folder is as good as none.
    fs::create_dir(folder.path().join("empty")).expect("a folder can be made");
    assert!(isopool(&["new", &path("empty")]).status.success());
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = isopool(&["completions", shell]);
        let script = text(&output.stdout);
        for word in ["run", "map", "inspect", "cpu-count", "new", "completions", "keep-going"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let refused = isopool(&["completions", "ksh"]);
    assert_eq!(refused.status.code(), Some(2));
}
