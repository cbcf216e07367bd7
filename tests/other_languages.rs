//! Guests in other languages: the modules of `examples/guests/`, each built by its own script if the machine has its tools.
//! Where it has not, a test says which tool is missing and what installs it, and checks nothing.

use crate::patience::{end_of, error_of, only_worker};
use crate::support::{self, logs};
use isopool::{
    BrokenCause, Bytes, Codec, Executor, ExecutorBuilder, Failure, Function, Module, ModuleInfo, Reuse, Side,
    TaskError, TrapCode,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use tracing::Level;
use wit_component::{OutputToString, StringEncoding, WitPrinter, embed_component_metadata};
use wit_parser::Resolve;

/// How a script says that a tool is missing.
const TOOL_MISSING: i32 = 77;

/// An image of 640 × 480 pixels, without its pixels: a header, a text of one letter, the end.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\0\0\0\0\x10\xba\x83\x38\
    \0\0\0\x01tEXta\x75\xf3\x8b\x29\0\0\0\0IEND\xae\x42\x60\x82";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is one level below the top").to_owned()
}

/// When a file, or any file of a folder, was last written.
fn newest(path: &Path) -> SystemTime {
    let of = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).expect("it can be read");
    let Ok(folder) = fs::read_dir(path) else { return of(path) };
    folder.map(|entry| newest(&entry.expect("it can be listed").path())).max().expect("a folder of sources")
}

/// The file of a language's module, built if its sources are newer; `None`, and said why, without the tools for it.
fn module_file(language: &str) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    let sources = repository().join("examples/guests").join(language);
    let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{language}.wasm"));
    let changed = newest(&sources).max(newest(&repository().join("wit")));
    if fs::metadata(&module).and_then(|metadata| metadata.modified()).is_ok_and(|built| built > changed) {
        return Some(module);
    }
    let output = Command::new("sh").arg(sources.join("build.sh")).arg(&module).output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(TOOL_MISSING) {
        eprintln!("skipped: {}", said.trim_end());
        return None;
    }
    assert!(output.status.success(), "{language}: {}\n{said}", output.status);
    Some(module)
}

/// A module in an executor with one worker.
struct Guest {
    executor: Executor,
    module: Module,
}

impl Guest {
    fn open(file: &Path, builder: ExecutorBuilder) -> Self {
        let executor = builder.max_workers(1).build().expect("builds");
        let module = executor.load_file(file).expect("a module of the contract");
        Self { executor, module }
    }

    fn json(file: &Path) -> Self {
        Self::open(file, Executor::builder().codec(Codec::Json))
    }

    fn raw(file: &Path) -> Self {
        Self::open(file, Executor::builder().codec(Codec::Raw))
    }

    fn function(&self, name: &str) -> Function {
        self.module.function(name).expect("it is listed")
    }

    /// Runs a function with a tuple of arguments.
    fn run(&self, name: &str, arguments: impl serde::Serialize) -> Value {
        end_of(&self.executor.submit(self.function(name).call(arguments)).expect("submits")).expect("a value")
    }

    fn fail(&self, name: &str, arguments: impl serde::Serialize) -> TaskError {
        error_of::<Value>(&self.executor.submit(self.function(name).call(arguments)).expect("submits"))
    }

    fn end_of_bytes(&self, name: &str, bytes: &[u8]) -> Result<Vec<u8>, TaskError> {
        let call = self.function(name).call::<_, Bytes>((Bytes::from(bytes.to_vec()),));
        end_of(&self.executor.submit(call).expect("submits")).map(|answer| answer.to_vec())
    }

    fn run_bytes(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        self.end_of_bytes(name, bytes).expect("a value")
    }

    fn fail_bytes(&self, name: &str, bytes: &[u8]) -> TaskError {
        self.end_of_bytes(name, bytes).expect_err("a failure")
    }
}

fn failure_of(error: &TaskError) -> &Failure {
    let TaskError::Failed { failure, .. } = error else { panic!("not failed: {error}") };
    failure
}

fn is_wrong_argument(error: &TaskError) -> bool {
    matches!(error, TaskError::Codec { failure, .. } if failure.side == Side::Argument)
}

fn is_stack_overflow(error: &TaskError) -> bool {
    let cause = error.broken_process_pool().map(|broken| &broken.cause);
    matches!(cause, Some(BrokenCause::Trap(trap)) if trap.code == TrapCode::StackOverflow)
}

/// Checks names and codecs, and that every function says what it takes and does.
fn check_list(info: &ModuleInfo, expected: &[(&str, &[&str])]) {
    let listed: Vec<(&str, Vec<&str>)> = info
        .functions
        .iter()
        .map(|function| (function.name.as_str(), function.codecs.iter().map(String::as_str).collect()))
        .collect();
    let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(name, codecs)| (*name, codecs.to_vec())).collect();
    assert_eq!(listed, expected);
    assert!(info.functions.iter().all(|function| !function.signature.is_empty() && !function.docs.is_empty()));
}

// ── C ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The contract in the bindings of an object file, as text; the docs are not in there.
fn bound_contract(object: &[u8]) -> String {
    let (_, bound) = wit_component::metadata::decode(object).expect("it names the types of its world");
    let mut packages = bound.resolve.package_names.iter();
    let (_, contract) = packages.find(|(name, _)| name.namespace == "isopool").expect("its world is the contract's");
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.emit_docs(false).print(&bound.resolve, *contract, &[]).expect("a sound package");
    printer.output.to_string()
}

#[test]
fn committed_bindings_for_c_are_those_of_the_contract() {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(repository().join("wit")).expect("a sound contract");
    let world = contract.select_world(&[package], None).expect("it has one world");
    let mut fresh = b"\0asm\x01\0\0\0".to_vec();
    embed_component_metadata(&mut fresh, &contract, world, StringEncoding::UTF8).expect("it can be encoded");
    let bindings = repository().join("examples/guests/c/bindings");
    let committed = fs::read(bindings.join("task_module_component_type.o")).expect("it is committed");
    let remedy = "run the command of examples/guests/c/README.md that makes the bindings";
    assert_eq!(bound_contract(&committed), bound_contract(&fresh), "{remedy}");
    assert!(bound_contract(&committed).contains("interface runner"));
}

#[test]
fn guest_in_c_gives_values_and_logs() {
    let _house = support::house();
    let Some(file) = module_file("c") else { return };
    let log = logs::listen();
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    check_list(text.module.info(), &[("word_count", &["json", "raw"]), ("png_size", &["raw"]), ("record", &["raw"])]);
    assert_eq!(text.run("word_count", ("to be\tor\u{b}not\n\"to\" ä",)), json!(6));
    assert_eq!(text.run("word_count", ("",)), json!(0));
    assert_eq!(bytes.run_bytes("word_count", b" to be or not "), b"4");
    assert_eq!(bytes.run_bytes("png_size", PNG), b"640x480");
    assert_eq!(bytes.run_bytes("record", b"\0\0\0\x03abc"), b"abc");
    let [told] = &log.with("58 bytes of a PNG file are sound")[..] else { panic!("one record") };
    assert_eq!((told.level, told.field("guest.file")), (Level::INFO, "tasks.c"));
}

#[test]
fn guest_in_c_fails_with_message_and_trace() {
    let _house = support::house();
    let Some(file) = module_file("c") else { return };
    let guest = Guest::raw(&file);
    let error = guest.fail_bytes("png_size", b"GIF89a");
    assert_eq!(failure_of(&error).message, "this is no PNG file: it does not begin as one");
    assert!(failure_of(&error).trace.is_empty());
    let mut damaged = PNG.to_vec();
    damaged[41] = b'b';
    let error = guest.fail_bytes("png_size", &damaged);
    assert_eq!(failure_of(&error).message, "the PNG file is damaged");
    let trace = ["chunk 1, at byte 33", "it says that its checksum is 75f38b29, and it is ecfada93"];
    assert_eq!(failure_of(&error).trace, trace);
    assert!(error.to_string().contains("\n  caused by: chunk 1, at byte 33\n"), "{error}");
    let TaskError::Panicked { panic, .. } = guest.fail_bytes("record", b"") else { panic!("an assertion fails") };
    assert_eq!(panic.message, "assertion failed in record: file.length >= 4");
    let place = panic.location.expect("an assertion knows its place");
    assert!(place.file == "tasks.c" && place.line > 0, "{place}");
    assert!(panic.backtrace.iter().any(|frame| frame.ends_with(": record")), "{:?}", panic.backtrace);
}

#[test]
fn whatever_bytes_a_guest_in_c_gets_its_worker_stays() {
    let _house = support::house();
    let Some(file) = module_file("c") else { return };
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    assert_eq!(bytes.run_bytes("png_size", PNG), b"640x480");
    let worker = only_worker(&bytes.executor);
    for length in 0..PNG.len() {
        failure_of(&bytes.fail_bytes("png_size", &PNG[..length]));
        let mut flipped = PNG.to_vec();
        flipped[length] ^= 0xff;
        failure_of(&bytes.fail_bytes("png_size", &flipped));
    }
    // A length that no memory holds.
    let error = bytes.fail_bytes("record", b"\xff\xff\xff\xff");
    assert!(matches!(error, TaskError::Panicked { .. } | TaskError::OutOfMemory { .. }), "{error}");
    for arguments in [json!([]), json!([1]), json!(["one", "two"]), json!([["one"]]), json!([null])] {
        let error = text.fail("word_count", &arguments);
        assert!(is_wrong_argument(&error), "{arguments}: {error}");
    }
    assert_eq!(bytes.run_bytes("png_size", PNG), b"640x480");
    assert_eq!(only_worker(&bytes.executor), worker);
}

#[test]
fn read_beyond_the_end_in_c_shows_nothing_of_the_task_before() {
    let _house = support::house();
    let Some(file) = module_file("c") else { return };
    let secret = b"secret ".repeat(500);
    let shows_secret = |reuse| {
        let guest = Guest::open(&file, Executor::builder().codec(Codec::Raw).reuse(reuse));
        assert_eq!(guest.run_bytes("word_count", &secret), b"500");
        // It says that it has 32 KiB, and has none.
        let leaked = guest.run_bytes("record", b"\0\0\x80\0");
        assert_eq!(leaked.len(), 32 * 1024);
        leaked.windows(6).any(|bytes| bytes == b"secret")
    };
    assert!(!shows_secret(Reuse::Never), "each task has a memory of its own");
    assert!(shows_secret(Reuse::Worker), "the bug is there: tasks that share an instance see it");
}

// ── JavaScript ──────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn guest_in_javascript_gives_values_and_logs() {
    let _house = support::house();
    let Some(file) = module_file("javascript") else { return };
    let log = logs::listen();
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    check_list(text.module.info(), &[("word_count", &["json", "raw"]), ("score", &["json"]), ("minify", &["raw"])]);
    assert_eq!(text.run("word_count", ("zu sein\u{2003}oder\nnicht 🦀",)), json!(5));
    assert_eq!(bytes.run_bytes("word_count", "zu sein 🦀".as_bytes()), b"3");
    assert_eq!(bytes.run_bytes("minify", "{ \"ä\" : [ 1 ] }".as_bytes()), "{\"ä\":[1]}".as_bytes());
    let rule = "record.price > 10 ? (warn('too much for ' + record.name), 0) : record.price";
    assert_eq!(text.run("score", (rule, json!({ "name": "a", "price": 3.5 }))), json!(3.5));
    assert_eq!(text.run("score", (rule, json!({ "name": "b", "price": 11 }))), json!(0));
    assert_eq!(text.run("score", ("undefined", 0)), json!(null));
    let [told] = &log.with("too much for b")[..] else { panic!("one record") };
    assert_eq!((told.level, told.field("guest.target")), (Level::WARN, "rule"));
}

#[test]
fn guest_in_javascript_fails_with_message_frames_and_causes() {
    let _house = support::house();
    let Some(file) = module_file("javascript") else { return };
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    let error = text.fail("score", ("record.owner.name", json!({})));
    let Failure { message, trace, .. } = failure_of(&error);
    assert!(message.starts_with("TypeError: "), "{message}");
    assert!(trace.iter().any(|frame| frame.starts_with("at score (/tasks.js:")), "{trace:?}");
    assert!(error.to_string().contains("\n  at score (/tasks.js:"), "{error}");
    let error = text.fail("score", ("record +", 1));
    assert!(failure_of(&error).message.starts_with("SyntaxError: "), "{error}");
    let error = bytes.fail_bytes("minify", b"{");
    let Failure { message, trace, .. } = failure_of(&error);
    assert_eq!(message, "Error: 1 bytes are no JSON");
    assert!(trace.iter().any(|entry| entry.starts_with("SyntaxError: ")), "{trace:?}");
    assert!(error.to_string().contains("\n  caused by: SyntaxError: "), "{error}");
    let error = text.fail("score", ("10n", 1));
    assert!(matches!(&error, TaskError::Codec { failure, .. } if failure.side == Side::Result), "{error}");
}

#[test]
fn rules_in_javascript_reach_neither_the_next_task_nor_the_worker() {
    let _house = support::house();
    let Some(file) = module_file("javascript") else { return };
    let guest = Guest::json(&file);
    let spoil = "(JSON.parse = () => [], Array.prototype.filter = null, globalThis.left = 'behind')";
    assert_eq!(guest.run("score", (spoil, 0)), json!("behind"));
    assert_eq!(guest.run("score", ("typeof left", 0)), json!("undefined"));
    let worker = only_worker(&guest.executor);
    assert!(is_stack_overflow(&guest.fail("score", ("(function f() { return f() + 1 })()", 0))));
    let throws = "(() => { const e = new Error('ring'); e.cause = e; throw e })()";
    assert_eq!(failure_of(&guest.fail("score", (throws, 0))).message, "Error: ring");
    assert_eq!(failure_of(&guest.fail("score", ("(() => { throw null })()", 0))).message, "null");
    assert_eq!(guest.run("word_count", ("all is well",)), json!(3));
    assert_eq!(only_worker(&guest.executor), worker);
    let endless = guest.executor.submit(guest.function("score").call::<_, Value>(("(() => { for (;;); })()", 0)));
    let endless = endless.expect("submits");
    support::wait_until("the rule runs", || endless.running());
    assert!(endless.cancel());
    assert_eq!(guest.run("word_count", ("all is well",)), json!(3));
}

// ── Python ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn guest_in_python_gives_values_and_logs() {
    let _house = support::house();
    let Some(file) = module_file("python") else { return };
    let log = logs::listen();
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    check_list(text.module.info(), &[("word_count", &["json"]), ("describe", &["json"]), ("toml_to_json", &["raw"])]);
    assert_eq!(text.module.info().functions[0].signature, "(text: str) -> int");
    assert_eq!(text.run("word_count", ("to be\u{2003}or not",)), json!(4));
    let described = text.run("describe", ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10],));
    assert_eq!((&described["mean"], &described["median"]), (&json!(5.5), &json!(5.5)));
    let toml = "[package]\nname = \"ä\"\nmade = 2026-01-02\n";
    let json: Value = serde_json::from_slice(&bytes.run_bytes("toml_to_json", toml.as_bytes())).expect("JSON");
    assert_eq!(json, json!({ "package": { "name": "ä", "made": "2026-01-02" } }));
    text.run("describe", ([1, 2, 3],));
    let [told] = &log.with("a sample of 3 says little")[..] else { panic!("one record") };
    assert_eq!((told.level, told.field("guest.file")), (Level::WARN, "tasks.py"));
}

#[test]
fn guest_in_python_fails_with_message_frames_and_causes() {
    let _house = support::house();
    let Some(file) = module_file("python") else { return };
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    let error = text.fail("describe", ([1],));
    let Failure { message, trace, .. } = failure_of(&error);
    assert_eq!(message, "StatisticsError: stdev requires at least two data points");
    assert!(trace[0].starts_with("at tasks.py:") && trace[0].ends_with(" in describe"), "{trace:?}");
    let error = bytes.fail_bytes("toml_to_json", b"a = ");
    let Failure { message, trace, .. } = failure_of(&error);
    assert_eq!(message, "ValueError: 4 bytes are no TOML");
    assert!(trace.iter().any(|entry| entry.starts_with("TOMLDecodeError: ")), "{trace:?}");
    assert!(error.to_string().contains("\n  caused by: TOMLDecodeError: "), "{error}");
}

#[test]
fn whatever_a_guest_in_python_gets_its_worker_stays() {
    let _house = support::house();
    let Some(file) = module_file("python") else { return };
    let (text, bytes) = (Guest::json(&file), Guest::raw(&file));
    assert_eq!(text.run("word_count", ("one",)), json!(1));
    let worker = only_worker(&text.executor);
    for arguments in [json!([]), json!(["one", "two"])] {
        let error = text.fail("word_count", &arguments);
        assert!(is_wrong_argument(&error), "{arguments}: {error}");
    }
    failure_of(&text.fail("word_count", (1,)));
    failure_of(&text.fail("describe", (["a", "b"],)));
    failure_of(&bytes.fail_bytes("toml_to_json", b"\xff\0"));
    // Deeper than the interpreter's own stack, whose end it does not see coming.
    let deep = format!("a = {}", "[".repeat(100_000));
    let error = bytes.fail_bytes("toml_to_json", deep.as_bytes());
    assert!(matches!(error, TaskError::Failed { .. }) || is_stack_overflow(&error), "{error}");
    assert_eq!(text.run("word_count", ("one",)), json!(1));
    assert_eq!(only_worker(&text.executor), worker);
}

// ── Components that know nothing of isopool ─────────────────────────────────────────────────────────────────────────

#[test]
fn component_of_a_plain_interface_is_called_by_its_own_types() {
    let _house = support::house();
    for language in ["c-plain", "javascript-plain", "python-plain"] {
        let Some(file) = module_file(language) else { continue };
        let guest = Guest::open(&file, Executor::builder());
        let counts = guest.run("example:texts/measure#count", ("to be\nor ä",));
        assert_eq!(counts, json!({ "lines": 2, "words": 4, "bytes": 11 }), "{language}");
        let word = |place: u32| guest.run("example:texts/measure@1.0.0#word-at", ("to be", place));
        assert_eq!((word(1), word(2)), (json!("be"), json!(null)), "{language}");
        let mean = "example:texts/measure#mean";
        assert_eq!(guest.run(mean, (vec![1.0, 2.0],)), json!(1.5), "{language}");
        let error = guest.fail(mean, (Vec::<f64>::new(),));
        assert_eq!(failure_of(&error).message, "no numbers have no mean", "{language}");
    }
}
