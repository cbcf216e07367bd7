//! `task!` from end to end with real cargo runs: names agree on both sides, and each mistake has its message.
//!
//! A temporary workspace stands for a user's: a stand-in for the host library, a program with every way of writing a closure
//! (`app/`), and a program with one mistake after another. All share one target directory, which stays between runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What of the host library closures need.
const LIBRARY: &str = "pub use isopool_guest as __guest;\npub use isopool_guest::*;\n\
                       pub use isopool_macros::{closure as task, host, shared};\n";

/// A crate that no sandbox can have.
const HOST_ONLY: &str = "#[cfg(target_family = \"wasm\")]\ncompile_error!(\"hostonly is for hosts\");\n\
                         pub struct Pid;\npub fn pid() -> Pid { Pid }\n";

/// A path dependency with a closure of its own, compiled whole for the sandbox.
const HELPER: &str = "pub fn half(x: u64) -> u64 { x / 2 }\n\
                      pub fn make() -> impl Fn(u64) -> isopool::Call<(u64,), u64> { isopool::task!(|x: u64| -> u64 { half(x) }) }\n";

const BUILD_SCRIPT: &str = "fn main() { isopool_build::closures() }\n";

/// The tests share one workspace, so that the crates under it are compiled once.
static TURN: Mutex<()> = Mutex::new(());

struct Workspace {
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

/// How one cargo run ended, with the escapes and margins of its messages taken out.
struct Ran {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Workspace {
    fn new() -> Self {
        // A test that failed leaves nothing that the next one minds.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("closures");
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the SDK is beside");
        let workspace = Self { folder, _turn: turn };
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"isopool\", \"app\", \"helper\", \"hostonly\", \"bad\", \"bare\"]\n\
             [workspace.dependencies]\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
             isopool-guest = {{ path = \"{0}\" }}\nisopool-macros = {{ path = \"{0}/macros\" }}\n\
             isopool-build = {{ path = \"{0}/build\" }}\nisopool = {{ path = \"isopool\" }}\n\
             hostonly = {{ path = \"hostonly\" }}\nhelper = {{ path = \"helper\" }}\n",
            sdk.display()
        );
        workspace.write("Cargo.toml", &manifest);
        workspace.package(
            "isopool",
            "isopool-guest.workspace = true\nisopool-macros.workspace = true\n",
            "src/lib.rs",
            LIBRARY,
        );
        workspace.package("hostonly", "", "src/lib.rs", HOST_ONLY);
        workspace.package("helper", "isopool.workspace = true\n", "src/lib.rs", HELPER);
        workspace.package(
            "bad",
            "isopool.workspace = true\nhostonly.workspace = true\n",
            "src/main.rs",
            "fn main() {}\n",
        );
        workspace.package("bare", "isopool.workspace = true\n", "src/main.rs", "fn main() {}\n");
        for package in ["helper", "bad"] {
            workspace.with_build_script(package);
        }
        // The versions of this repository, so that nothing new is fetched.
        let lock = sdk.parent().map(|root| root.join("Cargo.lock")).expect("the SDK is in a repository");
        if !workspace.folder.join("Cargo.lock").exists() {
            fs::copy(lock, workspace.folder.join("Cargo.lock")).expect("writable");
        }
        workspace.program();
        workspace
    }

    /// The program with every way of writing a closure; it has renamed the host library.
    fn program(&self) {
        let dependencies = "pool = { path = \"../isopool\", package = \"isopool\" }\nserde.workspace = true\n\
                            hostonly.workspace = true\nhelper.workspace = true\nfmt_int = { version = \"1\", package = \"itoa\" }\n";
        let manifest =
            manifest("demo-app", &format!("{dependencies}\n[build-dependencies]\nisopool-build.workspace = true\n"));
        self.write("app/Cargo.toml", &manifest);
        self.write("app/build.rs", BUILD_SCRIPT);
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app"), &self.folder.join("app"));
    }

    fn package(&self, name: &str, dependencies: &str, file: &str, text: &str) {
        self.write(&format!("{name}/Cargo.toml"), &manifest(name, dependencies));
        self.write(&format!("{name}/{file}"), text);
    }

    fn with_build_script(&self, name: &str) {
        let path = format!("{name}/Cargo.toml");
        let manifest = fs::read_to_string(self.folder.join(&path)).expect("just written");
        self.write(&path, &format!("{manifest}\n[build-dependencies]\nisopool-build.workspace = true\n"));
        self.write(&format!("{name}/build.rs"), BUILD_SCRIPT);
    }

    /// Writes a file unless it is there already: an older time would hide a change, a newer one would make one.
    fn write(&self, name: &str, text: &str) {
        write(&self.folder.join(name), text.as_bytes());
    }

    fn cargo(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo can be started");
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What cargo says of a program with a mistake. Lines are joined, because messages are wrapped.
    fn mistake(&self, text: &str) -> String {
        self.write("bad/src/main.rs", text);
        let ran = self.cargo(&["check", "-p", "bad"]);
        assert!(!ran.success, "this should not compile:\n{text}\n{}", ran.stderr);
        ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn manifest(name: &str, dependencies: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}")
}

fn write(path: &Path, bytes: &[u8]) {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("writable");
    fs::write(path, bytes).expect("writable");
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it is in the repository") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            write(&target, &fs::read(entry.path()).expect("readable"));
        }
    }
}

/// Where `task!` is written in a file of the program, found by text alone; not what follows a `//`.
fn places(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app").join(file);
    let text = fs::read_to_string(path).expect("it is in the repository");
    let mut found = BTreeSet::new();
    for (line, text) in text.lines().enumerate() {
        for (at, _) in text.match_indices("task!(") {
            let start = if text[..at].ends_with("pool::") { at - "pool::".len() } else { at };
            found.insert(format!("{file}:{}:{}", line + 1, text[..start].chars().count() + 1));
        }
    }
    found
}

fn assert_says(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "`{part}` is not said in:\n{output}");
    }
}

#[test]
fn names_agree_on_both_sides_in_every_kind_of_target() {
    let workspace = Workspace::new();
    let ran = workspace.cargo(&["run", "-p", "demo-app", "--bin", "demo-app"]);
    assert!(ran.success, "{}", ran.stderr);
    let said: BTreeSet<String> =
        ran.stdout.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name.to_owned()).collect();
    let mut written = places("src/main.rs");
    written.extend(places("src/net/mod.rs"));
    written.extend(places("src/lib.rs"));
    // The dependency's own closure, in the module that its build script made.
    written.insert("src/lib.rs:2:63".to_owned());
    let missing: Vec<&String> = said.difference(&written).collect();
    assert!(missing.is_empty(), "{missing:?}\n{}", ran.stdout);
    assert_eq!(said.len(), 14, "{}", ran.stdout);
    assert_says(
        &ran.stdout,
        &["src/main.rs:99:10 fn(factor: u64, x: u64) -> u64", "fn(x: i64) -> Result<i64, Negative>"],
    );

    let tests = workspace.cargo(&["test", "-p", "demo-app", "--", "--nocapture"]);
    assert!(tests.success, "{}\n{}", tests.stdout, tests.stderr);
    assert_says(&tests.stdout, &["a_test_has_closures_too ... ok", "fn(w: u8, x: u8) -> u8"]);
    for (arguments, name) in [
        (["run", "-p", "demo-app", "--bin", "second"], "src/bin/second.rs:2:16"),
        (["run", "-p", "demo-app", "--example", "shown"], "examples/shown.rs:2:20"),
    ] {
        let ran = workspace.cargo(&arguments);
        assert!(ran.success, "{}", ran.stderr);
        assert_eq!(ran.stdout.trim(), name);
    }
}

#[test]
fn each_mistake_has_its_message_at_the_user_s_own_line() {
    let workspace = Workspace::new();
    let task =
        |closure: &str| format!("fn main() {{\n    let n = 1u64;\n    let _ = (n, isopool::task!({closure}));\n}}\n");

    let forgotten = workspace.mistake(&task("|x: u64| -> u64 { x + n }"));
    assert_says(&forgotten, &["error[E0434]: can't capture dynamic environment", "src/main.rs:3:54"]);
    assert_says(&forgotten, &["this task does not compile for its sandbox: error[E0425]: cannot find value `n`"]);

    let untyped = workspace.mistake(&task("[n] |x: u64| -> u64 { x + n }"));
    assert_says(&untyped, &["write the type of the capture `n`, as in `[n: u64]`", "--> bad/src/main.rs:3:33"]);

    let unserialised = format!("struct P;\n{}", task("[p: P = P] |x: u64| -> u64 { let _ = &p; x }"));
    let unserialised = workspace.mistake(&unserialised);
    assert_says(&unserialised, &["error[E0277]", "`P: ", "is not satisfied", "--> bad/src/main.rs:4:36"]);

    let nested = workspace.mistake(&task("|x: u64| -> u64 { let _ = isopool::task!(|y: u64| -> u64 { y }); x }"));
    assert_says(&nested, &["a task! inside a task! cannot work"]);

    let unix = workspace.mistake(&task("|x: u64| -> u64 { std::os::unix::process::parent_id(); x }"));
    assert_says(&unix, &["this task does not compile for its sandbox", "--> src/main.rs:3:59"]);

    let foreign = workspace.mistake(&task("|x: u64| -> u64 { hostonly::pid(); x }"));
    let words = "the crate `hostonly` is in the sandbox of this task (this task names it), and it does not compile";
    assert_says(&foreign, &[words, "hostonly is for hosts", "--> bad/src/main.rs:3:17"]);

    let helper = "macro_rules! items { ($n:ident) => { fn $n() {} } }\nitems!(made);\nfn outer() { inner() }\nfn inner() { made() }\n";
    let pulled = workspace.mistake(&format!("{helper}{}", task("|| -> () { outer() }")));
    let chain =
        "has `inner` (src/main.rs:4), which `outer` (src/main.rs:3) names, which the task at src/main.rs:7:17 names";
    assert_says(&pulled, &[chain, "mark it `#[isopool::host]`", "cannot find function `made`"]);
}

#[test]
fn a_task_that_the_build_script_cannot_see_says_so() {
    let workspace = Workspace::new();
    let unseen = "the build script did not see this task! (src/main.rs:";

    let alias = "use isopool::task as tk;\nfn main() { let _ = tk!(|x: u64| -> u64 { x }); }\n";
    assert_says(&workspace.mistake(alias), &[unseen, ":2:21, crate `bad`)"]);

    let in_macro =
        "macro_rules! mk { () => { isopool::task!(|x: u64| -> u64 { x }) } }\nfn main() { let _ = mk!(); }\n";
    assert_says(&workspace.mistake(in_macro), &[unseen]);

    // On the host the attribute holds, in the sandbox it does not: the module is made, without the task.
    let hidden = "fn make() { #[cfg(unix)] { let _ = isopool::task!(|x: u64| -> u64 { x }); } }\n\
                  fn main() { let _ = isopool::task!(|| -> () { make() }); }\n";
    assert_says(&workspace.mistake(hidden), &["was compiled, but without this task (src/main.rs:1:36)"]);

    let bare = "fn main() { let _ = isopool::task!(|x: u64| -> u64 { x }); }\n";
    workspace.write("bare/src/main.rs", bare);
    let said = workspace.cargo(&["check", "-p", "bare"]).stderr;
    assert_says(
        &said,
        &["the package `bare` has no build script that compiles its tasks", "isopool_build::closures()"],
    );
}

#[test]
fn only_what_a_task_needs_is_compiled_again() {
    let workspace = Workspace::new();
    let text = |host: &str, task: &str| {
        format!("fn main() {{ let _ = isopool::task!(|x: u64| -> u64 {{ {task} }}); {host} }}\n")
    };
    let module = |text: &str| {
        workspace.write("bad/src/main.rs", text);
        let ran = workspace.cargo(&["build", "-p", "bad"]);
        assert!(ran.success, "{}", ran.stderr);
        newest(&workspace.folder.join("target/debug/build"), "bin-bad.wasm")
    };
    let (first, made) = module(&text("", "x + 1"));
    assert_eq!(module(&text("println!();", "x + 1")), (first.clone(), made), "the host's code is not in the module");
    assert_ne!(module(&text("println!();", "x + 20")).0, first);
    let idle = workspace.cargo(&["build", "-p", "bad", "-v"]);
    assert_says(&idle.stderr, &["Fresh bad v0.1.0"]);
}

/// The bytes of the file that was written last, of all with a name, and when.
fn newest(folder: &Path, name: &str) -> (Vec<u8>, std::time::SystemTime) {
    let packages = fs::read_dir(folder).expect("cargo made it").flatten();
    let files = packages.map(|package| package.path().join("out/isopool").join(name));
    let dated = files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)));
    let (time, file) = dated.max().expect("the build script made a module");
    (fs::read(file).expect("readable"), time)
}
