//! `isopool build`: from a package to a module that runs.

#![cfg(feature = "cli")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

/// The program, in this folder, with this repository's target directory and a cache of its own.
fn isopool(folder: &Path, arguments: &[&str]) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("ISOPOOL_LOG");
    command.env("CARGO_TARGET_DIR", target).env("CARGO_TERM_COLOR", "never").env("CARGO_NET_OFFLINE", "true");
    command.env("ISOPOOL_CACHE_DIR", cache());
    command
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

fn run(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
    fs::write(path, content).expect("a file can be written");
}

/// A package of the house that has tasks.
fn tasks() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a repository");
    repository.join("examples/guests/text-survey")
}

fn refusal(command: Command, code: i32) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    text(&output.stderr)
}

#[test]
fn package_becomes_a_module_that_runs() {
    let folder = temporary();
    let package = tasks();
    let package = package.to_str().expect("a plain name");
    let output = run(isopool(folder.path(), &["build", package]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), "text-survey.wasm\n");
    let ran = run(isopool(folder.path(), &["run", "text-survey.wasm", "word_count", "--text", "to be or not"]));
    assert_eq!(text(&ran.stdout), "4\n", "{ran:?}");
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("it is there").flatten().map(|item| item.file_name()).collect();
    assert_eq!(left, ["text-survey.wasm"]);
}

#[test]
fn module_goes_where_it_is_wanted_and_its_machine_code_into_the_cache() {
    let folder = temporary();
    let output =
        run(isopool(&tasks(), &["build", "-o", &folder.path().join("m.wasm").display().to_string(), "--precompile"]));
    assert!(output.status.success(), "{output:?}");
    let told = text(&output.stdout);
    let inspected = run(isopool(folder.path(), &["inspect", "m.wasm", "--json"]));
    let inspected: serde_json::Value = serde_json::from_slice(&inspected.stdout).expect("it is JSON");
    let hash = inspected["hash"].as_str().expect("it has one");
    assert!(
        told.contains(&format!(
            "\nhash      {hash}\ncompiled  {} bytes, kept in {}\n",
            inspected["compiled_bytes"],
            cache().display()
        )),
        "{told}"
    );
    let mut without = isopool(folder.path(), &["build", tasks().to_str().expect("a plain name"), "--precompile"]);
    without.env("ISOPOOL_CACHE_DIR", "off");
    let told = text(&run(without).stdout);
    assert!(told.ends_with(" bytes, not kept: the cache of compiled modules is switched off\n"), "{told}");
}

#[test]
fn missing_target_is_told_with_the_command_that_installs_it() {
    let folder = temporary();
    // A compiler that has no library for any target.
    let compiler = folder.path().join("rustc");
    write(&compiler, "#!/bin/sh\necho /nonexistent\n");
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).expect("its owner may");
    let mut command = isopool(folder.path(), &["build", tasks().to_str().expect("a plain name")]);
    command.env("RUSTC", &compiler).env_remove("RUSTUP_TOOLCHAIN");
    let told = refusal(command, 8);
    assert_eq!(
        told,
        "isopool: the compilation target wasm32-wasip2 is not installed; run `rustup target add wasm32-wasip2`\n"
    );
}

#[test]
fn what_cannot_be_built_is_told_with_the_reason() {
    let folder = temporary();
    let package = |name: &str, file: &str, source: &str| {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n");
        write(&folder.path().join(name).join("Cargo.toml"), &manifest);
        write(&folder.path().join(name).join(file), source);
    };
    package("program", "src/main.rs", "fn main() {}\n");
    package("wrong", "src/lib.rs", "pub fn f() -> u8 { \"a\" }\n");
    write(&folder.path().join("space/Cargo.toml"), "[workspace]\nmembers = [\"member\"]\nresolver = \"3\"\n");
    package("space/member", "src/lib.rs", "");
    write(
        &folder.path().join("space/member/Cargo.toml"),
        "[package]\nname = \"member\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    write(&folder.path().join("damaged/Cargo.toml"), "[package\n");
    write(&folder.path().join("module.wasm"), "text");
    write(&folder.path().join("asks.toml"), "arguments = true\n");
    write(&folder.path().join("wrong.toml"), "variable = []\n");
    for (arguments, code, reason) in [
        (&["build", "nowhere"][..], 8, "cannot find the manifest nowhere/Cargo.toml"),
        (&["build", "program"], 8, "cargo made no library from "),
        (&["build", "wrong"], 8, "did not compile for wasm32-wasip2"),
        (&["build", "space"], 8, "it is no package's manifest; name the folder of a package: "),
        (&["build", "damaged"], 8, "damaged/Cargo.toml"),
        (
            &["build", "module.wasm"],
            2,
            "module.wasm is a file, and no folder of a package; for a module, say with --manifest what it asks for",
        ),
        (&["build", "module.wasm", "--manifest", "none.toml"], 8, "cannot read none.toml"),
        (&["build", "module.wasm", "--manifest", "asks.toml"], 8, "it is no WebAssembly module, or is damaged"),
        (
            &["build", "module.wasm", "--manifest", "wrong.toml"],
            2,
            "what the module asks for: unknown field `variable`",
        ),
        (&["build", "--stack-bytes", "17"], 2, "--stack-bytes is 17, and must be a multiple of 16 above 0"),
        (&["build", "--debug", "--release"], 2, "cannot be used with"),
    ] {
        let told = refusal(isopool(folder.path(), arguments), code);
        assert!(told.contains(reason), "{arguments:?}: {told}");
    }
    let told = refusal(isopool(folder.path(), &["build", "wrong", "-o", "/nonexistent/m.wasm"]), 8);
    assert!(told.contains("expected `u8`, found `&str`"), "cargo's own words: {told}");
}

#[test]
fn what_a_package_asks_for_becomes_part_of_its_module_and_inspect_tells_what_comes_of_it() {
    let folder = temporary();
    let built = run(isopool(folder.path(), &["build", tasks().to_str().expect("a plain name")]));
    assert!(built.status.success(), "{built:?}");
    let inspect = |arguments: &[&str]| {
        let output = run(isopool(folder.path(), &[&["inspect"], arguments].concat()));
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let json = |arguments: &[&str]| -> serde_json::Value { serde_json::from_str(&inspect(arguments)).expect("JSON") };
    // Of its Cargo.toml.
    let told = json(&["text-survey.wasm", "--json"]);
    assert_eq!(told["manifest"]["name"], "text-survey", "{told}");
    assert_eq!(told["decisions"], serde_json::json!([]));

    // Of a file, in place of that.
    let asks = "version = \"7\"\nvariables = [{ name = \"LANG\" }, { name = \"TOKEN\", required = true }]\n\
                directories = [{ path = \"/in\", access = \"read-write\" }]\naddresses = [{ to = \"10.0.0.0/8:443\" }]\n";
    write(&folder.path().join("asks.toml"), asks);
    let built =
        run(isopool(folder.path(), &["build", "text-survey.wasm", "--manifest", "asks.toml", "-o", "asking.wasm"]));
    assert_eq!(text(&built.stdout), "asking.wasm\n", "{built:?}");
    let told = inspect(&["asking.wasm"]);
    let expected = "\nasks for\n  (7)\n  directory /in, to read and write\n  variable LANG\n  variable TOKEN, required\n  \
                    address 10.0.0.0/8:443\n\nis given\n  denied   directory /in: requested, not granted\n";
    assert!(told.contains(expected), "{told}");
    let granted = ["asking.wasm", "--dir", ".:/in", "--env", "LANG=C", "--env", "HOME=/", "--allow", "10.1.0.1:1-500"];
    let told = inspect(&granted);
    let expected = "\nis given\n  granted  directory /in: granted to read only\n  granted  variable LANG: requested and granted\n  \
                    denied   variable HOME: not requested\n  denied   variable TOKEN: required, not granted\n  \
                    granted  address 10.1.0.1:443: requested and granted\n";
    assert!(told.ends_with(expected), "{told}");
    let told = json(&[&granted[..], &["--json"]].concat());
    let first = serde_json::json!({
        "kind": "directory", "name": "/in", "granted": true, "why": "granted to read only"
    });
    assert_eq!(told["decisions"][0], first);
    assert_eq!(told["manifest"]["directories"][0]["access"], "read-write");

    // What it requires it must be given.
    let call = ["run", "asking.wasm", "word_count", "--text", "to be"];
    let told = refusal(isopool(folder.path(), &call), 2);
    assert!(told.contains("requires the variable `TOKEN`") && told.contains("--env TOKEN=…"), "{told}");
    let ran = run(isopool(folder.path(), &[&call[..], &["--env", "TOKEN=1"]].concat()));
    assert_eq!(text(&ran.stdout), "2\n", "{ran:?}");
}

/// The guest of the house tests.
fn basic() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a repository").join("tests/guests/basic")
}

#[test]
fn snapshot_is_taken_when_it_is_built_and_every_task_begins_there() {
    let folder = temporary();
    let build = |more: &[&str]| {
        let package = basic();
        isopool(folder.path(), &[&["build", package.to_str().expect("a plain name")], more].concat())
    };
    let number = |file: &str, function: &str| text(&run(isopool(folder.path(), &["run", file, function])).stdout);
    let kept = run(build(&["--snapshot", "state::set_global", "--snapshot-argument", "42", "--precompile"]));
    assert!(kept.status.success(), "{kept:?}");
    assert!(text(&kept.stdout).starts_with("guest-basic.wasm\nhash      "), "{kept:?}");
    assert_eq!(number("guest-basic.wasm", "state::get_global"), "42\n");
    let counted = run(build(&["-o", "counted.wasm", "--snapshot", "state::counter"]));
    assert_eq!(text(&counted.stdout), "counted.wasm\n", "{counted:?}");
    // It was called once, when it was built, and not in the tasks.
    assert_eq!(["state::counter"; 2].map(|function| number("counted.wasm", function)), ["2\n", "2\n"]);

    for (more, code, reason) in [
        (
            &["--snapshot", "failure::panics", "--snapshot-argument", "\"alas\""][..],
            3,
            "isopool: module `guest-basic`: no snapshot of it after `failure::panics`: it panicked at ",
        ),
        (
            &["--snapshot", "environment::print", "--snapshot-argument", "\"a\"", "--snapshot-argument", "\"b\""],
            3,
            "it printed, or holds a stream",
        ),
        (&["--snapshot", "state::count"], 3, "has no function `state::count`; it has "),
        (&["--snapshot", "crash::spin", "--compile-timeout", "5"], 3, "the compiler needed more than 5s"),
        (
            &["--snapshot", "state::set_global", "--snapshot-argument", "many"],
            2,
            "isopool: an argument for --snapshot, `many`, is not JSON: expected value at line 1 column 1; \
             write a string as '\"many\"'\n",
        ),
        (&["--snapshot-argument", "1"], 2, "--snapshot <FUNCTION>"),
        (&["--compile-timeout", "0"], 2, "isopool: --compile-timeout is 0, and must be a number of seconds above 0\n"),
    ] {
        let told = refusal(build(&[more, &["-o", "refused.wasm"]].concat()), code);
        assert!(told.contains(reason), "{more:?}: {told}");
        assert!(!folder.path().join("refused.wasm").exists(), "{more:?}");
    }
}

/// A package of tasks whose one function gives this number, with what it is made of: a file of its own, and a package beside it.
fn numbers(folder: &Path, tasks: &str, number: &str) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a repository");
    let manifest = format!(
        "[package]\nname = \"numbers\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         isopool-guest = {{ path = {:?} }}\nconstants = {{ path = \"../constants\" }}\n\n[workspace]\n",
        repository.join("guest-sdk")
    );
    write(&folder.join("numbers/Cargo.toml"), &manifest);
    write(&folder.join("numbers/src/lib.rs"), tasks);
    write(
        &folder.join("constants/Cargo.toml"),
        "[package]\nname = \"constants\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    );
    write(&folder.join("constants/src/lib.rs"), number);
    fs::copy(repository.join("Cargo.lock"), folder.join("numbers/Cargo.lock")).expect("a file can be copied");
}

/// `isopool build --watch`, and what it says.
struct Watch {
    child: Child,
    built: BufReader<ChildStdout>,
    told: BufReader<ChildStderr>,
}

impl Watch {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = isopool(folder, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let built = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let told = BufReader::new(child.stderr.take().expect("it is a pipe"));
        Self { child, built, told }
    }

    /// The file that was built next.
    fn next_file(&mut self) -> String {
        let mut line = String::new();
        self.built.read_line(&mut line).expect("it is text");
        line
    }

    /// What is told until it waits for a change.
    fn until_it_waits(&mut self) -> String {
        let mut text = String::new();
        while !text.ends_with("; Ctrl-C ends it\n") {
            assert!(self.told.read_line(&mut text).expect("it is text") > 0, "it has ended: {text}");
        }
        text
    }
}

#[test]
fn watched_package_is_built_again_when_a_source_changes_and_a_mistake_changes_no_file() {
    const TASKS: &str = "#[isopool_guest::task]\npub fn number() -> u64 {\n    constants::NUMBER\n}\n";
    let folder = temporary();
    let constants = folder.path().join("constants/src/lib.rs");
    numbers(folder.path(), TASKS, "pub const NUMBER: u64 = 1;\n");
    let number = || text(&run(isopool(folder.path(), &["run", "numbers.wasm", "number"])).stdout);
    let mut watch = Watch::start(folder.path(), &["build", "numbers", "--watch"]);
    assert_eq!(watch.next_file(), "numbers.wasm\n");
    watch.until_it_waits();
    assert_eq!(number(), "1\n");

    write(&constants, "pub const NUMBER: u64 = twenty;\n");
    let told = watch.until_it_waits();
    assert!(told.contains("cannot find value `twenty`") && told.contains("\nisopool: the task module of "), "{told}");
    assert_eq!(number(), "1\n");

    // A mistake is mended by a file that was not there.
    write(&constants, "mod more;\npub const NUMBER: u64 = more::NUMBER;\n");
    let told = watch.until_it_waits();
    assert!(told.contains("file not found for module `more`"), "{told}");
    write(&folder.path().join("constants/src/more.rs"), "pub const NUMBER: u64 = 2000;\n");
    assert_eq!(watch.next_file(), "numbers.wasm\n");
    assert_eq!(number(), "2000\n");
    watch.until_it_waits();

    let pid = nix::unistd::Pid::from_raw(watch.child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let mut last = String::new();
    watch.told.read_to_string(&mut last).expect("it is text");
    assert_eq!(last, "isopool: stopped by SIGINT after 2 good builds\n");
    assert_eq!(watch.child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn watch_of_what_no_edit_could_mend_ends_at_once() {
    let folder = temporary();
    for (arguments, code, reason) in [
        (&["build", "nowhere", "--watch"][..], 8, "cannot find the manifest nowhere/Cargo.toml"),
        (&["build", &tasks().display().to_string(), "-w", "-o", "/nonexistent/m.wasm"], 8, "/nonexistent/m.wasm"),
    ] {
        let told = refusal(isopool(folder.path(), arguments), code);
        assert!(told.contains(reason), "{arguments:?}: {told}");
    }
}
