//! The room's tests of limits and of flavours of machine code: each limit ends the task that goes over it, and the worker
//! goes on.

use super::testing::{TASK_MODULE, settings};
use super::tests::{ARTIFACT, of_no_kind, run, sealed, with_limit, worker_with};
use super::{GuestEngine, GuestSettings, ModuleCache, Purpose, Run, StopAsked, compile};
use crate::executor::{Execution, Interruption, Overflow, Reuse};
use crate::limits::MIB;
use crate::sys::INTERRUPT;
use crate::task::{Limit, LogLevel, Outcome, TrapCode};
use nix::sys::signal::raise;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

// ── Limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A worker whose machine code is of its own flavour.
fn worker_of(settings: GuestSettings) -> ModuleCache {
    worker_with_module(settings, TASK_MODULE)
}

fn worker_with_module(settings: GuestSettings, module: &[u8]) -> ModuleCache {
    let code = code_of(&settings, module);
    worker_with_code(settings, &code)
}

fn code_of(settings: &GuestSettings, module: &[u8]) -> Vec<u8> {
    let compiler = GuestEngine::new(Purpose::Compile, settings.clone()).expect("engine");
    compile(&compiler, module, None).expect("compiles").machine_code
}

fn worker_with_code(settings: GuestSettings, code: &[u8]) -> ModuleCache {
    let modules = ModuleCache::new(GuestEngine::new(Purpose::Run, settings).expect("engine"));
    modules.add(ARTIFACT, sealed(code).into());
    modules
}

fn exceeded(outcome: Outcome) -> (Limit, u64, Option<u64>) {
    let Outcome::LimitExceeded(exceeded) = outcome else { panic!("expected a limit, got {outcome:?}") };
    (exceeded.limit, exceeded.value, exceeded.asked)
}

#[test]
fn a_guest_over_its_table_limit_is_told_so_and_the_worker_goes_on() {
    let module = include_bytes!("testdata/table_module.wasm");
    let mut modules = worker_with_module(with_limit(Limit::TableElements, 100), module);
    let elements = |count: u32| count.to_le_bytes();
    for _ in 0..2 {
        assert_eq!(run(&mut modules, "grow", &elements(100)).outcome, Outcome::Returned);
        let ended = run(&mut modules, "grow", &elements(101));
        assert_eq!(exceeded(ended.outcome), (Limit::TableElements, 100, Some(101)));
    }
    // Even the table that it starts with counts.
    let mut modules = worker_with_code(with_limit(Limit::TableElements, 9), &code_of(&settings(), module));
    assert_eq!(exceeded(run(&mut modules, "grow", &elements(10)).outcome), (Limit::TableElements, 9, Some(10)));
}

#[test]
fn calls_of_the_host_are_counted_and_the_worker_goes_on() {
    let mut modules = worker_with(with_limit(Limit::HostCalls, 1000));
    let calls = |count: u32| count.to_le_bytes();
    for _ in 0..2 {
        assert_eq!(run(&mut modules, "host", &calls(1000)).outcome, Outcome::Returned);
        assert_eq!(exceeded(run(&mut modules, "host", &calls(1001)).outcome), (Limit::HostCalls, 1000, None));
    }
}

#[test]
fn a_guest_that_counts_its_fuel_ends_without_it_and_tells_what_it_used() {
    let mut settings = with_limit(Limit::Fuel, 100_000);
    settings.flavour.fuel = true;
    let mut modules = worker_of(settings);
    let used = |modules: &mut ModuleCache| run(modules, "echo", b"some bytes").report.fuel_used.expect("counted");
    let first = used(&mut modules);
    assert!(first > 10 && first < 10_000, "{first}");
    let ended = run(&mut modules, "for-ever", b"");
    assert_eq!(exceeded(ended.outcome), (Limit::Fuel, 100_000, None));
    assert_eq!(used(&mut modules), first, "the next one has all of it again");
    assert_eq!(run(&mut worker_with(self::settings()), "echo", b"").report.fuel_used, None);
}

#[test]
fn a_stack_overflow_names_the_stack() {
    let trap = |settings| match run(&mut worker_with(settings), "stack", b"").outcome {
        Outcome::Trapped(trap) if trap.code == TrapCode::StackOverflow => trap,
        other => panic!("expected a stack overflow, got {other:?}"),
    };
    let message = trap(with_limit(Limit::StackBytes, 256 * 1024)).message;
    assert!(message.contains("262144 bytes") && message.contains("Limit::StackBytes"), "{message}");
    // A larger one holds more calls before it ends as well.
    assert!(trap(with_limit(Limit::StackBytes, 8 * MIB as u64)).message.contains("8388608 bytes"));
}

#[test]
fn log_records_over_the_limit_can_end_the_task() {
    let mut settings = with_limit(Limit::LogRecords, 3);
    (settings.log_level, settings.overflow) = (Some(LogLevel::Error), Overflow::Fail);
    let mut modules = worker_with(settings);
    assert_eq!(run(&mut modules, "log", &3u16.to_le_bytes()).outcome, Outcome::Returned);
    assert_eq!(exceeded(run(&mut modules, "log", &4u16.to_le_bytes()).outcome), (Limit::LogRecords, 3, None));
}

#[test]
fn a_task_has_limits_of_its_own_below_its_executor_s_in_a_kept_instance_too() {
    let modules = worker_with(GuestSettings { reuse: Reuse::Worker, ..with_limit(Limit::HostCalls, 100) });
    let run = |function, count: u32, own: &[(Limit, u64)]| {
        let argument = count.to_le_bytes();
        let run = Run { limits: own, ..of_no_kind(function, &argument) };
        modules.run(&run).outcome
    };
    assert_eq!(run("host", 100, &[]), Outcome::Returned);
    assert_eq!(exceeded(run("host", 11, &[(Limit::HostCalls, 10)])), (Limit::HostCalls, 10, None));
    assert_eq!(exceeded(run("host", 101, &[(Limit::HostCalls, 1000)])), (Limit::HostCalls, 100, None));
    assert!(matches!(run("memory", 0, &[(Limit::MemoryBytes, 131_072)]), Outcome::OutOfMemory { limit: 131_072, .. }));
    assert_eq!(run("host", 100, &[]), Outcome::Returned);
}

// ── Flavours ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn machine_code_of_another_flavour_is_not_loaded() {
    for change in [
        |settings: &mut GuestSettings| settings.flavour.fuel = true,
        |settings: &mut GuestSettings| settings.flavour.interruption = Interruption::Epoch,
        |settings: &mut GuestSettings| settings.flavour.deterministic = true,
        |settings: &mut GuestSettings| settings.flavour.execution = Execution::Fortress,
    ] {
        let mut settings = settings();
        change(&mut settings);
        let ended = run(&mut worker_with(settings), "echo", b"");
        assert!(matches!(ended.outcome, Outcome::ModuleFailed(_)), "{:?}", ended.outcome);
    }
}

/// Places of this process's memory that code could be executed at, but the program's own and its libraries'.
fn executable_mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("it is everywhere");
    let is_code = |line: &&str| line.split_whitespace().nth(1).is_some_and(|rights| rights.contains('x'));
    let is_own = |line: &str| line.ends_with("[vdso]") || line.contains(".so") || line.contains("/deps/isopool-");
    maps.lines().filter(is_code).filter(|line| !is_own(line) && !line.ends_with("[vsyscall]")).count()
}

#[test]
fn a_fortress_maps_nothing_that_could_be_executed() {
    // In a process of its own: other tests of this one load machine code.
    const NAME: &str = "engine::limit_tests::a_fortress_maps_nothing_that_could_be_executed";
    if std::env::var_os("ISOPOOL_TEST_ALONE").is_none() {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program)
            .args([NAME, "--exact", "--nocapture"])
            .env("ISOPOOL_TEST_ALONE", "1")
            .output()
            .expect("it starts");
        return assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut settings = settings();
    settings.flavour.execution = Execution::Fortress;
    let mut modules = worker_of(settings);
    assert_eq!(run(&mut modules, "echo", b"some bytes").result, b"some bytes");
    for (function, code) in [("stack", TrapCode::StackOverflow), ("wild", TrapCode::MemoryOutOfBounds)] {
        let outcome = run(&mut modules, function, b"").outcome;
        assert!(matches!(&outcome, Outcome::Trapped(trap) if trap.code == code), "{outcome:?}");
    }
    assert_eq!(executable_mappings(), 0);
    // What this would see otherwise.
    let mut speedy = worker_of(self::settings());
    assert_eq!(run(&mut speedy, "echo", b"x").result, b"x");
    assert!(executable_mappings() > 0);
}

#[test]
fn a_deterministic_guest_has_one_nan_and_no_place() {
    let settings = || {
        let mut settings = settings();
        settings.flavour.deterministic = true;
        GuestSettings { deterministic: Some(7), ..settings }
    };
    let mut modules = worker_of(settings());
    let nans = [0x7fc0_dead_u32.to_le_bytes(), 0xffc0_beef_u32.to_le_bytes()].concat();
    assert_eq!(run(&mut modules, "nan", &nans).result, 0x7fc0_0000_u32.to_le_bytes());
    assert_eq!(run(&mut modules, "task", b"").result, [0; 12]);
}

#[test]
fn a_guest_that_computes_is_stopped_when_its_caller_asks_and_not_when_another_s_does() {
    let mut settings = settings();
    settings.flavour.interruption = Interruption::Epoch;
    let modules = worker_of(settings);
    let asked = Arc::new(AtomicU32::new(0));
    let run = |function: &str| {
        let asked = Arc::clone(&asked);
        // The third look sees it: those before are of signals that came for another task.
        let stop: StopAsked = Arc::new(move || asked.fetch_add(1, Ordering::Relaxed) >= 3);
        modules.run(&Run { stop: Some(stop), ..of_no_kind(function, b"") })
    };
    let signals = std::thread::spawn({
        let asked = Arc::clone(&asked);
        move || {
            while asked.load(Ordering::Relaxed) < 4 {
                raise(INTERRUPT).expect("it is this process's own");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    assert_eq!(run("for-ever").outcome, Outcome::Stopped);
    signals.join().expect("it ends");
    asked.store(0, Ordering::Relaxed);
    assert_eq!(run("echo").outcome, Outcome::Returned);
    asked.store(3, Ordering::Relaxed);
    assert_eq!(run("for-ever").outcome, Outcome::Stopped, "asked before it began, with no signal to come");
}
