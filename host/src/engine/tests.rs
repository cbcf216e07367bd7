//! The room's own tests: each way that a run can end, in the engine that workers use.

use super::testing::{TASK_MODULE, settings};
use super::{Artifact, Ended, GuestEngine, GuestSettings, ModuleCache, Own, Purpose, Run, compile};
use crate::executor::Reuse;
use crate::limits::{MAX_LOADED_MODULES, MAX_LOG_RECORDS, MAX_TRACE_ENTRIES, MIB};
use crate::sys::MemoryFile;
use crate::task::{
    ArtifactId, InitializerCall, Limit, LogLevel, MemoryBound, Outcome, Refusal, Side, TaskId, TrapCode,
};
use isopool_guest::Codec;
use parking_lot::Mutex;
use std::io::Write;
use std::sync::{Arc, OnceLock};

pub(super) const ARTIFACT: ArtifactId = ArtifactId([7; 32]);

fn compiler() -> GuestEngine {
    GuestEngine::new(Purpose::Compile, settings()).expect("engine")
}

fn machine_code() -> &'static [u8] {
    static CODE: OnceLock<Vec<u8>> = OnceLock::new();
    CODE.get_or_init(|| compile(&compiler(), TASK_MODULE, None).expect("compiles").machine_code)
}

pub(super) fn sealed(code: &[u8]) -> MemoryFile {
    let mut file = MemoryFile::create("test").expect("memory file");
    file.file().write_all(code).expect("written");
    file.seal_all().expect("sealed");
    file
}

pub(super) fn worker_with(settings: GuestSettings) -> ModuleCache {
    let engine = GuestEngine::new(Purpose::Run, settings).expect("engine");
    let modules = ModuleCache::new(engine);
    modules.add(ARTIFACT, sealed(machine_code()).into());
    modules
}

pub(super) fn run(modules: &mut ModuleCache, function: &str, argument: &[u8]) -> Ended {
    modules.run(&of_no_kind(function, argument))
}

/// A task of which nothing is special.
pub(super) fn of_no_kind<'a>(function: &'a str, argument: &'a [u8]) -> Run<'a> {
    Run {
        task: TaskId(42),
        artifact: ARTIFACT,
        function,
        codec: "bincode",
        argument,
        input: None,
        own: Own::default(),
        output: None,
        objects: &[],
        depth: 0,
        lent: false,
        limits: &[],
        stop: None,
    }
}

pub(super) fn with_limit(limit: Limit, value: u64) -> GuestSettings {
    let mut settings = settings();
    settings.limits.set(limit, value);
    settings
}

fn outcome(function: &str, argument: &[u8]) -> Outcome {
    run(&mut worker_with(settings()), function, argument).outcome
}

fn trap_code(function: &str) -> TrapCode {
    match outcome(function, b"1234") {
        Outcome::Trapped(trap) => {
            assert!((1..=MAX_TRACE_ENTRIES).contains(&trap.backtrace.len()), "{trap:?}");
            trap.code
        }
        other => panic!("expected a trap, got {other:?}"),
    }
}

#[test]
fn a_result_comes_back_whole() {
    let ended = run(&mut worker_with(settings()), "echo", b"some bytes");
    assert_eq!((ended.outcome, &ended.result[..]), (Outcome::Returned, &b"some bytes"[..]));
    assert_eq!(ended.report.peak_memory_bytes, 2 * 65536);
}

#[test]
fn large_arguments_and_results_pass() {
    let mut modules = worker_with(GuestSettings { max_result_bytes: 64 * MIB as u64, ..settings() });
    let bytes: Vec<u8> = (0..20 * MIB).map(|i| (i % 251) as u8).collect();
    let ended = run(&mut modules, "echo", &bytes);
    assert_eq!(ended.outcome, Outcome::Returned);
    assert!(ended.result == bytes);
}

#[test]
fn failures_keep_their_kind() {
    assert!(matches!(outcome("kind", &[0]), Outcome::Failed(failure) if failure.message == "boom"));
    assert!(matches!(outcome("kind", &[1]), Outcome::Codec(failure) if failure.side == Side::Argument));
    assert!(matches!(outcome("kind", &[2]), Outcome::Codec(failure) if failure.side == Side::Result));
    assert!(matches!(outcome("kind", &[3]), Outcome::ModuleFailed(_)));
    assert!(matches!(outcome("kind", &[4]), Outcome::ModuleFailed(_)));
}

#[test]
fn traps_are_told_apart() {
    assert_eq!(trap_code("unreachable"), TrapCode::Unreachable);
    assert_eq!(trap_code("wild"), TrapCode::MemoryOutOfBounds);
    assert_eq!(trap_code("divide"), TrapCode::IntegerDivisionByZero);
    assert_eq!(trap_code("stack"), TrapCode::StackOverflow);
    // A failure kind that the contract does not have.
    assert_eq!(trap_code_without_stack("kind", &[200]), TrapCode::Other);
}

fn trap_code_without_stack(function: &str, argument: &[u8]) -> TrapCode {
    match outcome(function, argument) {
        Outcome::Trapped(trap) => trap.code,
        other => panic!("expected a trap, got {other:?}"),
    }
}

#[test]
fn a_panic_is_told_with_its_place_and_its_stack() {
    let Outcome::Panicked(panic) = outcome("panic", b"") else { panic!("expected a panic") };
    assert_eq!(panic.message, "boom");
    assert_eq!(panic.location.expect("known").to_string(), "src/lib.rs:3:4");
    assert!(panic.backtrace[0].starts_with("0: "), "{:?}", panic.backtrace);
}

#[test]
fn a_guest_over_its_memory_limit_is_told_so_and_the_worker_goes_on() {
    let limit = 8 * MIB as u64;
    let mut modules = worker_with(with_limit(Limit::MemoryBytes, limit));
    let ended = run(&mut modules, "memory", b"");
    let Outcome::OutOfMemory { limit: told, peak, .. } = ended.outcome else { panic!("got {:?}", ended.outcome) };
    assert_eq!(told, limit);
    assert!(peak <= limit && peak > limit - MIB as u64 - 2 * 65536, "{peak}");
    assert_eq!(run(&mut modules, "echo", b"x").outcome, Outcome::Returned);
    // Even the memory that it starts with counts.
    let mut modules = worker_with(with_limit(Limit::MemoryBytes, 65536));
    assert_eq!(
        run(&mut modules, "echo", b"").outcome,
        Outcome::OutOfMemory { bound: MemoryBound::Instance, limit: 65536, peak: 0 }
    );
}

// limit: DEFAULT_MAX_MEMORY_BYTES
#[test]
fn a_guest_that_takes_all_that_it_can_address_is_out_of_memory() {
    assert!(matches!(outcome("memory", b""), Outcome::OutOfMemory { .. }));
}

#[test]
fn a_result_over_the_limit_is_refused() {
    let mut modules = worker_with(GuestSettings { max_result_bytes: 1000, ..settings() });
    let size = |size: u32| size.to_le_bytes();
    assert_eq!(run(&mut modules, "big", &size(1000)).outcome, Outcome::Returned);
    let expected = Outcome::ResultTooLarge { size: 1001, limit: 1000 };
    assert_eq!(run(&mut modules, "big", &size(1001)).outcome, expected);

    // Far over it, the engine refuses to copy at all.
    let mut modules = worker_with(GuestSettings { max_result_bytes: 1000, ..settings() });
    let argument = [&size(4 * MIB as u32)[..], &vec![0; 8 * MIB][..]].concat();
    assert_eq!(run(&mut modules, "big", &argument).outcome, expected);
}

#[test]
fn every_task_has_an_instance_of_its_own_unless_asked_otherwise() {
    let count =
        |modules: &mut ModuleCache| u32::from_le_bytes(run(modules, "count", b"").result.try_into().expect("u32"));
    let mut fresh = worker_with(settings());
    assert_eq!([count(&mut fresh), count(&mut fresh)], [1, 1]);
    let mut reused = worker_with(GuestSettings { reuse: Reuse::Worker, ..settings() });
    assert_eq!([count(&mut reused), count(&mut reused)], [1, 2]);
    assert!(matches!(run(&mut reused, "unreachable", b"").outcome, Outcome::Trapped(_)));
    assert_eq!(count(&mut reused), 1);
}

// limit: MAX_LOADED_MODULES
#[test]
fn the_longest_unused_of_too_many_modules_is_let_go_and_comes_back_when_it_is_needed() {
    let modules = worker_with(settings());
    for number in 0..=MAX_LOADED_MODULES as u8 {
        let artifact = ArtifactId([number; 32]);
        modules.add(artifact, sealed(machine_code()).into());
        let run = Run { artifact, ..of_no_kind("echo", b"") };
        assert_eq!(modules.run(&run).outcome, Outcome::Returned);
    }
    assert_eq!(modules.loaded(), MAX_LOADED_MODULES);
    let first = Run { artifact: ArtifactId([0; 32]), ..of_no_kind("echo", b"") };
    assert_eq!(modules.run(&first).outcome, Outcome::Returned);
    assert_eq!(modules.loaded(), MAX_LOADED_MODULES);
}

#[test]
fn more_modules_than_slots_can_keep_instances() {
    let modules = worker_with(GuestSettings { reuse: Reuse::Worker, ..settings() });
    for round in 0..3 {
        for module in 0..7 {
            let artifact = ArtifactId([module; 32]);
            modules.add(artifact, sealed(machine_code()).into());
            let run = Run { artifact, ..of_no_kind("echo", b"") };
            assert_eq!(modules.run(&run).outcome, Outcome::Returned, "round {round}, module {module}");
        }
    }
}

// limit: MAX_LOG_RECORDS
#[test]
fn logs_are_filtered_and_bounded() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let settings = GuestSettings {
        log_level: Some(LogLevel::Info),
        logs: Arc::new(move |task, record| sink.lock().push((task, record))),
        ..settings()
    };
    let mut modules = worker_with(settings);
    let ended = run(&mut modules, "log", &2u16.to_le_bytes());
    assert_eq!(ended.report.dropped_log_records, 0);
    let records = std::mem::take(&mut *seen.lock());
    assert_eq!(records.len(), 2);
    let (task, record) = &records[0];
    assert_eq!((*task, record.level, record.target.as_str()), (TaskId(42), LogLevel::Error, "echo"));
    assert_eq!((record.message.as_str(), record.file.as_deref(), record.line), ("boom", Some("src/lib.rs"), Some(7)));
    let ended = run(&mut modules, "log", &(MAX_LOG_RECORDS as u16 + 5).to_le_bytes());
    assert_eq!(ended.report.dropped_log_records, 5);
    assert_eq!(seen.lock().len(), MAX_LOG_RECORDS as usize);
}

#[test]
fn a_guest_knows_where_it_runs() {
    let place = run(&mut worker_with(settings()), "task", b"").result;
    assert_eq!(place, [&42u64.to_le_bytes()[..], &3u32.to_le_bytes()[..]].concat());
}

#[test]
fn machine_code_that_can_still_change_is_not_loaded() {
    let mut file = MemoryFile::create("test").expect("memory file");
    file.file().write_all(machine_code()).expect("written");
    file.seal_size().expect("sealed");
    let mut modules = ModuleCache::new(GuestEngine::new(Purpose::Run, settings()).expect("engine"));
    modules.add(ARTIFACT, file.into());
    assert!(matches!(run(&mut modules, "echo", b"").outcome, Outcome::ModuleFailed(text) if text.contains("sealed")));
}

#[test]
fn machine_code_that_is_none_fails_the_tasks_that_need_it() {
    let mut modules = ModuleCache::new(GuestEngine::new(Purpose::Run, settings()).expect("engine"));
    assert!(
        matches!(run(&mut modules, "echo", b"").outcome, Outcome::ModuleFailed(text) if text.contains("never given"))
    );
    for code in [&b"no machine code"[..], &[], &machine_code()[..machine_code().len() / 2]] {
        let mut modules = ModuleCache::new(GuestEngine::new(Purpose::Run, settings()).expect("engine"));
        modules.add(ARTIFACT, sealed(code).into());
        assert!(matches!(run(&mut modules, "echo", b"").outcome, Outcome::ModuleFailed(_)));
    }
}

#[test]
fn a_module_is_described() {
    let Artifact { info, machine_code } = compile(&compiler(), TASK_MODULE, None).expect("compiles");
    assert_eq!(info.contract, "0.1.0");
    assert_eq!(info.exports, ["isopool:task/runner@0.1.0"]);
    assert_eq!(info.imports, ["isopool:task/host@0.1.0"]);
    assert_eq!(info.compiled_bytes, machine_code.len() as u64);
    let [echo] = &info.functions[..] else { panic!("one function: {info:?}") };
    assert_eq!(
        (echo.name.as_str(), echo.signature.as_str(), &echo.codecs[..]),
        ("echo", "", &["bincode".to_owned()][..])
    );
}

fn refusal(wasm: &[u8]) -> Refusal {
    compile(&compiler(), wasm, None).expect_err("refused")
}

#[test]
fn other_versions_of_the_contract_are_refused_and_later_patches_are_not() {
    let expected = Refusal::OtherVersion { module: "0.2.0".into(), host: "0.1.0".into() };
    assert_eq!(refusal(include_bytes!("testdata/task_module_0_2_0.wasm")), expected);
    let later = compile(&compiler(), include_bytes!("testdata/task_module_0_1_3.wasm"), None).expect("compatible");
    assert_eq!(later.info.contract, "0.1.3");
}

#[test]
fn what_is_no_task_module_is_refused_by_name() {
    let core = include_bytes!("testdata/core_module.wasm");
    assert_eq!(refusal(core), Refusal::CoreModule { exports: vec!["score".into()] });
    let component = include_bytes!("testdata/other_component.wasm");
    assert_eq!(refusal(component), Refusal::OtherWorld { exports: vec!["plugin".into()] });
    let damaged = &component[..component.len() - 3];
    assert!(matches!(refusal(damaged), Refusal::Invalid { .. }), "{:?}", refusal(damaged));
}

#[test]
fn a_module_that_traps_while_it_lists_its_functions_is_refused() {
    let module = include_bytes!("testdata/traps_in_list.wasm");
    let Refusal::Describe { message } = refusal(module) else { panic!("another refusal") };
    assert!(message.contains("unreachable") && message.contains("list"), "{message}");
}

fn initialized(function: &str, argument: &[u8]) -> Result<Artifact, Refusal> {
    let (environment, arguments) = Default::default();
    let (function, argument) = (function.into(), argument.to_vec());
    let call = InitializerCall { function, codec: Codec::Bincode, argument, environment, arguments };
    compile(&compiler(), TASK_MODULE, Some(&call))
}

#[test]
fn every_instance_starts_from_what_the_initializer_left() {
    let code = initialized("count", b"").expect("compiles").machine_code;
    let mut modules = ModuleCache::new(GuestEngine::new(Purpose::Run, settings()).expect("engine"));
    modules.add(ARTIFACT, sealed(&code).into());
    for _ in 0..2 {
        assert_eq!(run(&mut modules, "count", b"").result, 2u32.to_le_bytes());
    }
}

#[test]
fn a_failing_initializer_speaks_for_itself() {
    let message = |function, argument: &[u8]| match initialized(function, argument) {
        Err(Refusal::Initializer { message }) => message,
        other => panic!("expected a failed initializer, got {other:?}"),
    };
    assert_eq!(message("kind", &[0]), "boom");
    assert_eq!(message("panic", b""), "it panicked at src/lib.rs:3:4: boom");
    assert!(message("unreachable", b"").starts_with("it trapped: "));
}
