//! Modules that are kept as a call has left them.

use crate::hostile_worker::program_that_lies;
use crate::patience::end_of;
use crate::support;
use isopool::limits::MAX_MODULE_BYTES;
use isopool::{Codec, ErrorKind, Executor, Module, ModuleErrorKind};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// `tests/guests/plain`
const PLAIN: &[u8] = include_bytes!(env!("ISOPOOL_MODULE_GUEST_PLAIN"));

fn basic() -> &'static [u8] {
    guest_basic::state::counter::task().module.wasm
}

fn one_worker() -> Executor {
    Executor::builder().max_workers(1).codec(Codec::Json).build().expect("builds")
}

fn number(executor: &Executor, module: &Module, function: &str) -> u64 {
    let function = module.function(function).expect("it is still there");
    end_of(&executor.submit(function.call::<_, u64>(())).expect("submits")).expect("a number")
}

#[test]
fn every_instance_of_a_snapshot_begins_where_the_call_has_ended() {
    let _house = support::house();
    let executor = one_worker();
    let kept = executor.snapshot("basic", basic(), "state::set_global", (42,)).expect("it can be kept");
    assert_eq!(executor.stats().workers_started, 0, "no worker runs it");
    // Of a module that is a snapshot, another one can be made; whatever a call returns is lost.
    let kept = executor.snapshot("basic", kept, "state::counter", ()).expect("it can be kept once more");
    let (module, bare) = (executor.load("kept", kept), executor.load("bare", basic()));
    let (module, bare) = (module.expect("it is a module"), bare.expect("it is a module"));
    assert_eq!(module.info().functions, bare.info().functions);
    for _ in 0..2 {
        assert_eq!(number(&executor, &module, "state::counter"), 2, "each has an instance of its own");
        assert_eq!(number(&executor, &module, "state::get_global"), 42);
        assert_eq!(number(&executor, &bare, "state::get_global"), 0);
    }
}

#[test]
fn a_plain_component_is_kept_after_any_export_of_its_own() {
    let _house = support::house();
    let executor = one_worker();
    let kept = executor.snapshot("plain", PLAIN, "count", ()).expect("it can be kept");
    let kept = executor.snapshot("plain", kept, "test:plain/math#divide", (7, 2)).expect("a result without an error");
    let module = executor.load("kept", kept).expect("it is a module");
    assert_eq!([0; 2].map(|_| number(&executor, &module, "count")), [2, 2]);
}

#[test]
fn what_a_module_carries_and_imports_is_kept_and_a_function_of_the_host_is_not_needed() {
    let _house = support::house();
    let executor = one_worker();
    let mut wasm = guest_host_calls::note::task(String::new()).module.wasm.to_vec();
    // A custom section: its size, the size of its name, its name, what it holds.
    let section = b"\0\x0c\x04markcarried";
    wasm.extend(section);
    let kept = executor.snapshot("calls", wasm, "keep", (5,)).expect("it can be kept");
    assert!(kept.windows(section.len()).any(|window| window == section));
    let error = executor.load("calls", kept).expect_err("nobody gives it what it imports").to_string();
    assert!(error.contains("test:host/store"), "{error}");
}

/// A core module for a world with one function, `fill`, which changes a table of functions.
fn changes_its_table() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = "package test:tables;\nworld only { export fill: func(); }";
    let package = resolve.push_str("tables.wit", wit).expect("sound WIT");
    let world = resolve.select_world(&[package], None).expect("it has one world");
    let mut module = [
        &b"\0asm\x01\0\0\0"[..],
        b"\x01\x04\x01\x60\0\0",                       // (type (func))
        b"\x03\x02\x01\0",                             // (func (type 0))
        b"\x04\x04\x01\x70\0\x01",                     // (table 1 funcref)
        b"\x07\x08\x01\x04fill\0\0",                   // (export "fill" (func 0))
        b"\x0a\x0a\x01\x08\0\x41\0\xd0\x70\x26\0\x0b", // (table.set 0 (i32.const 0) (ref.null func))
    ]
    .concat();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it can be encoded");
    module
}

/// What is said of a snapshot that cannot be made.
fn refusal(name: &str, wasm: impl Into<Vec<u8>>, function: &str, arguments: impl Serialize) -> String {
    let executor = one_worker();
    let error = executor.snapshot(name, wasm, function, arguments).map(|kept| kept.len()).expect_err(function);
    let kind = error.module_error().map(|error| error.kind.clone());
    assert!(matches!(kind, None | Some(ModuleErrorKind::Snapshot { .. })), "{error}");
    let mut told = format!("{:?}: {error}", error.kind()).lines().next().unwrap_or_default().to_owned();
    // The hash of a guest is another one whenever the guest is.
    if let Some(name) = told.find("` (") {
        told.replace_range(name + 1..name + " (0123456789ab)".len() + 1, "");
    }
    told
}

#[test]
fn what_cannot_be_kept_is_told_with_module_function_and_reason() {
    let _house = support::house();
    let basic = |function: &str, arguments: Value| refusal("basic", basic(), function, arguments);
    let plain = |function: &str, arguments: Value| refusal("plain", PLAIN, function, arguments);
    let calls = guest_host_calls::note::task(String::new()).module.wasm;
    let told = [
        basic("state::set_global_checked", json!([0])),
        basic("failure::panics", json!(["alas"])),
        basic("crash::trap_unreachable", json!([])),
        basic("environment::print", json!(["out", "err"])),
        basic("state::set_global", json!(["seven"])),
        plain("test:plain/math#divide", json!([1, 0])),
        plain("shout", json!(["loud"])),
        plain("test:plain/math#add", json!([1, "two"])),
        plain("test:plain/things#take", json!([])),
        refusal("calls", calls, "note", ["text"]),
        refusal("tables", changes_its_table(), "fill", ()),
    ];
    insta::assert_snapshot!("what_cannot_be_kept", told.join("\n"));
    let unknown = one_worker().snapshot("plain", PLAIN, "counts", ()).expect_err("misspelled");
    assert_eq!(unknown.kind(), ErrorKind::UnknownFunction);
    assert!(unknown.to_string().contains("the nearest are count, "), "{unknown}");
}

#[test]
fn a_call_that_does_not_end_is_ended_with_its_process() {
    let _house = support::house();
    let limit = Duration::from_secs(5);
    let executor = Executor::builder().max_workers(1).max_compile_time(limit).build().expect("builds");
    executor.load("basic", basic()).expect("compiled within its time, or found in the cache");
    let error = executor.snapshot("basic", basic(), "crash::spin", ()).expect_err("it never returns");
    let kind = &error.module_error().expect("it says why").kind;
    assert_eq!(*kind, ModuleErrorKind::CompileTimeout { limit }, "{error}");
}

/// The lies of a compile worker about a snapshot, each with a part of what is said of it.
const LIES: [(&str, &str); 7] = [
    ("answer-of-a-worker", "it sent a reply that nobody had asked for"),
    ("noise-for-code", "it sent a reply that nobody had asked for"),
    ("nothing-kept", "it said 100 bytes of a snapshot and wrote 0"),
    ("less-kept", "it said 100 bytes of a snapshot and wrote 99"),
    ("noise-kept", "it wrote a snapshot that is no component"),
    ("too-much-kept", "it has 268435457 bytes, the limit is 268435456 (limits::MAX_MODULE_BYTES)"),
    ("closed-channel", "was killed by SIGKILL"),
];

// limit: MAX_MODULE_BYTES
#[test]
fn compile_worker_that_lies_about_a_snapshot_is_not_believed() {
    let _house = support::house();
    assert_eq!(MAX_MODULE_BYTES, 268_435_456);
    // Found in the cache by the liars' executors, which could not compile it.
    one_worker().load("basic", basic()).expect("compiles");
    let folder = tempfile::tempdir().expect("a folder");
    for (lie, said) in LIES {
        let executor = Executor::builder()
            .max_workers(1)
            .codec(Codec::Json)
            .worker_program(program_that_lies(folder.path(), &format!("compiler-{lie}")))
            .build()
            .expect("a liar looks like any other program");
        let error = executor.snapshot("basic", basic(), "state::counter", ()).map(|kept| kept.len()).expect_err(lie);
        assert!(error.to_string().contains(said), "{lie}: {error}");
    }
}
