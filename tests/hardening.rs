//! What locks workers in, layer by layer: each with an attempt that fails because of exactly that layer.

use crate::patience::only_worker;
use crate::support::{house, no_hang};
use guest_basic::resources::{allocate, compute_ms};
use guest_basic::value::add;
use isopool::{
    BrokenCause, ErrorKind, Escape, EscapeAttempt, Execution, Executor, ExecutorBuilder, Hardening, Layer, LayerState,
    Layers, MemoryBound, ModuleErrorKind, StartMethod, TaskError, Verdict,
};
use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
use std::time::Duration;

fn builder(hardening: Hardening) -> ExecutorBuilder {
    Executor::builder().max_workers(1).hardening(hardening)
}

fn attempts(hardening: Hardening) -> Vec<EscapeAttempt> {
    let executor = builder(hardening).build().expect("these are good options");
    no_hang("each attempt ends", move || executor.try_escapes().expect("probes can be started"))
}

fn verdict(attempts: &[EscapeAttempt], escape: Escape) -> &Verdict {
    &attempts.iter().find(|attempt| attempt.escape == escape).expect("each is tried").verdict
}

/// What the kernel has, asked without isopool: else a layer that isopool does not put on would only seem to be missing here.
fn system_has(layer: Layer) -> bool {
    let ask = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    match layer {
        Layer::Files => ask().handle_access(AccessFs::from_all(ABI::V3)).is_ok(),
        Layer::Network => ask().handle_access(AccessNet::from_all(ABI::V4)).is_ok(),
        Layer::Scopes => ask().scope(Scope::from_all(ABI::V6)).is_ok(),
        Layer::Processes => !nix::unistd::getuid().is_root(),
        Layer::NewCode => kernel() >= (6, 3),
        _ => true,
    }
}

fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("it is Linux");
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map_while(|number| number.parse().ok());
    (numbers.next().expect("it has a version"), numbers.next().unwrap_or(0))
}

/// A line of a file in `/proc` of an executor's worker.
fn of_worker(executor: &Executor, file: &str, line: &str) -> String {
    assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
    let text = std::fs::read_to_string(format!("/proc/{}/{file}", only_worker(executor).pid)).expect("it lives");
    let found = text.lines().find_map(|found| found.strip_prefix(line)).expect("the kernel has it");
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_worker_that_is_locked_in_holds_every_escape() {
    let _house = house();
    let attempts = attempts(Hardening::BestEffort);
    assert_eq!(attempts.len(), Escape::ALL.len());
    let open: Vec<_> = attempts.iter().filter(|one| !matches!(one.verdict, Verdict::Held { .. })).collect();
    let known = [Escape::StatFile, Escape::MakeExecutable];
    assert!(open.iter().all(|one| one.verdict == Verdict::Known && known.contains(&one.escape)), "{open:#?}");
}

#[test]
fn escapes_succeed_where_nothing_is_in_the_way() {
    let _house = house();
    let attempts = attempts(Hardening::Off);
    // What any user may do on any machine: else the probe would only seem to try.
    let possible = [
        Escape::ReadFile,
        Escape::StatFile,
        Escape::WriteFile,
        Escape::ConnectTcp,
        Escape::OpenUdp,
        Escape::ConnectAbstract,
        Escape::SignalParent,
        Escape::Fork,
        Escape::StartThread,
        Escape::Execute,
        Escape::MapExecutable,
        Escape::MakeExecutable,
        Escape::TakeMemory,
        Escape::TakeSharedMemory,
        Escape::MakeMemoryFile,
        Escape::OpenManyFiles,
        Escape::OutliveCaller,
        Escape::ChangePersonality,
    ];
    for escape in possible {
        let is_out = matches!(verdict(&attempts, escape), Verdict::Escaped | Verdict::Known);
        assert!(is_out, "{escape:?}: {attempts:#?}");
    }
    // These hold without any layer.
    for escape in [Escape::InheritDescriptor, Escape::SeeEnvironment] {
        assert_eq!(*verdict(&attempts, escape), Verdict::Held { by: Some(Layer::Surroundings) });
    }
}

/// With one layer alone, so that nothing else can be what holds.
#[test]
fn each_layer_alone_holds_what_it_is_for() {
    let _house = house();
    let cases: &[(Layer, &[Escape])] = &[
        (Layer::Resources, &[Escape::TakeMemory, Escape::OpenManyFiles]),
        (Layer::Processes, &[Escape::Fork, Escape::StartThread]),
        (Layer::Capabilities, &[Escape::ChangeUser, Escape::MountFiles]),
        (Layer::NewCode, &[Escape::MapExecutable, Escape::MakeExecutable]),
        (Layer::Files, &[Escape::ReadFile, Escape::WriteFile, Escape::Execute, Escape::ReadParentMemory]),
        (Layer::Network, &[Escape::ConnectTcp]),
        (Layer::Scopes, &[Escape::SignalParent, Escape::ConnectAbstract]),
        (
            Layer::SystemCalls,
            &[
                Escape::Fork,
                Escape::Execute,
                Escape::OpenUdp,
                Escape::TraceParent,
                Escape::SignalParent,
                Escape::MapExecutable,
                Escape::TakeSharedMemory,
                Escape::MakeMemoryFile,
                Escape::OutliveCaller,
                Escape::MakeUserNamespace,
                Escape::LoadBpf,
                Escape::UseIoUring,
                Escape::UseKeyring,
                Escape::CountEvents,
                Escape::HandleFaults,
                Escape::ChangePersonality,
            ],
        ),
    ];
    for (layer, escapes) in cases {
        if !system_has(*layer) {
            eprintln!("this user has no {layer} on this machine: it is not tested");
            continue;
        }
        let execution = if *layer == Layer::NewCode { Execution::Fortress } else { Execution::default() };
        let executor = builder(Hardening::Only((*layer).into())).execution(execution).build().expect("good options");
        let alone = no_hang("each attempt ends", move || executor.try_escapes().expect("probes can be started"));
        for escape in *escapes {
            let verdict = verdict(&alone, *escape);
            let by_user = *verdict == Verdict::Held { by: None };
            assert!(*verdict == Verdict::Held { by: Some(*layer) } || by_user, "{layer}, {escape:?}: {alone:#?}");
        }
    }
}

#[test]
fn what_every_worker_gives_up_is_gone_without_any_layer() {
    let _house = house();
    let executor = builder(Hardening::Off).build().expect("good options");
    assert_eq!(of_worker(&executor, "limits", "Max core file size"), "0 0 bytes");
    assert_eq!(of_worker(&executor, "status", "Umask:"), "0077");
    assert_eq!(of_worker(&executor, "status", "NoNewPrivs:"), "1");
    let pid = only_worker(&executor).pid;
    let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).expect("it is our child");
    assert_eq!(folder, std::path::Path::new("/"));
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    // Behind the name, which may hold anything: state, parent, group, session.
    let session = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)).expect("it has one");
    assert_eq!(session, pid.to_string());
}

#[test]
fn no_capability_is_left_nor_can_be_had_again() {
    let _house = house();
    let executor = builder(Hardening::Only(Layer::Capabilities.into())).build().expect("good options");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(of_worker(&executor, "status", set), "0000000000000000", "{set}");
    }
    if nix::unistd::getuid().is_root() {
        assert_eq!(of_worker(&executor, "status", "CapBnd:"), "0000000000000000");
    }
}

#[test]
fn processor_time_ends_with_a_word_and_a_second_later_without() {
    let _house = house();
    let executor = builder(Hardening::Only(Layer::Resources.into())).max_worker_cpu_time(Duration::from_secs(50));
    let executor = executor.build().expect("good options");
    assert_eq!(of_worker(&executor, "limits", "Max cpu time"), "50 51 seconds");
}

#[test]
fn every_layer_that_this_system_has_is_held() {
    let _house = house();
    let executor = builder(Hardening::BestEffort).execution(Execution::Fortress).build().expect("good options");
    let report = executor.hardening_report().expect("a probe can be started");
    for layer in report.layers() {
        assert_eq!(layer.state == LayerState::Held, system_has(layer.layer), "{report}");
    }
}

#[test]
fn report_says_of_each_layer_whether_it_holds_and_why_not() {
    let _house = house();
    let executor = builder(Hardening::Only(Layer::SystemCalls | Layer::Files)).build().expect("good options");
    let before = executor.hardening_report().expect("a probe can be started");
    assert_eq!(before.layers().iter().map(|layer| layer.layer).collect::<Vec<_>>(), Layer::ALL);
    assert_eq!(before.of(Layer::Network).expect("each is there").state, LayerState::Off);
    assert_eq!(executor.stats().workers_started, 0, "it was a probe");
    assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
    assert_eq!(executor.hardening_report().expect("a worker has told"), before);
    let text = before.to_string();
    assert!(text.contains("network         off      switched off by the option `hardening`"), "{text}");
}

#[test]
fn a_layer_that_is_required_and_missing_breaks_the_pool_at_once_and_is_named() {
    let _house = house();
    // Root is exempt from one, and every other user has no bounding set to clear; nobody has new-code with machine code.
    if system_has(Layer::Processes) {
        eprintln!("every layer holds here, and nothing can be missing");
        return;
    }
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        let executor = builder(Hardening::Require(Layers::all())).start_method(method).build().expect("good options");
        let error = executor.submit(add::task(2, 3)).expect("compiled already").result().expect_err("it is missing");
        let broken = error.broken_process_pool().expect("the pool cannot go on");
        let BrokenCause::NotHardened { layer, reason } = &broken.cause else { panic!("{error}") };
        assert_eq!(*layer, Layer::Processes);
        assert!(!reason.is_empty() && error.to_string().contains("`processes` is required"), "{error}");
        assert_eq!(executor.stats().workers_started, 1, "another one would lack it too");
        let refused = executor.submit(add::task(2, 3)).expect_err("it is broken");
        assert_eq!(refused.kind(), ErrorKind::Broken);
        let refused = executor.hardening_report().expect_err("there is none");
        assert_eq!(refused.kind(), ErrorKind::Broken);
    }
}

#[test]
fn layers_that_are_required_and_there_are_no_hindrance() {
    let _house = house();
    // Root is exempt from the one, and machine code is mapped.
    let required = Layers::all().without(Layer::Processes).without(Layer::NewCode);
    for method in [StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Fork] {
        if !required_hold(required) {
            eprintln!("this system lacks a layer: not tested");
            return;
        }
        let executor = builder(Hardening::Require(required)).start_method(method).build().expect("good options");
        assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
    }
    let refused = builder(Hardening::Require(Layer::NewCode.into())).build().expect_err("machine code is mapped");
    assert_eq!(refused.kind(), ErrorKind::InvalidOption);
    assert!(refused.to_string().contains("Execution::Fortress"), "{refused}");
}

fn required_hold(required: Layers) -> bool {
    Layer::ALL.iter().filter(|layer| required.contains(**layer)).all(|layer| system_has(*layer))
}

#[test]
fn the_fortress_makes_no_memory_executable() {
    let _house = house();
    let executor = builder(Hardening::BestEffort).execution(Execution::Fortress).build().expect("good options");
    assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
    let report = executor.hardening_report().expect("a worker has told");
    assert_ne!(report.of(Layer::NewCode).expect("each is there").state, LayerState::Off);
    let attempts = executor.try_escapes().expect("probes can be started");
    for escape in [Escape::MakeExecutable, Escape::MapExecutable] {
        assert!(matches!(verdict(&attempts, escape), Verdict::Held { by: Some(_) }), "{attempts:#?}");
    }
}

#[test]
fn a_guest_that_uses_up_the_memory_of_its_worker_is_told_which_limit_that_was() {
    let _house = house();
    let limit = 192 << 20;
    let executor = builder(Hardening::BestEffort).max_worker_memory_bytes(limit).build().expect("good options");
    let error = executor.submit(allocate::task(512 << 20)).expect("open").result().expect_err("it is more");
    let TaskError::OutOfMemory { bound, limit: told, .. } = &error else { panic!("{error}") };
    assert_eq!((*bound, *told), (MemoryBound::Worker, limit as u64));
    assert!(error.to_string().ends_with("raise it with max_worker_memory_bytes()"), "{error}");
    assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
    assert_eq!(executor.stats().workers_started, 1, "its worker lives on");
}

#[test]
fn a_worker_that_has_used_up_its_processor_time_is_told_as_such() {
    let _house = house();
    let limit = Duration::from_secs(1);
    let executor = builder(Hardening::BestEffort).max_worker_cpu_time(limit).build().expect("good options");
    let future = executor.submit(compute_ms::task(3_600_000)).expect("open");
    let error = no_hang("the kernel ends it", move || future.result()).expect_err("it never returns");
    let broken = error.broken_process_pool().expect("its process was killed");
    assert_eq!(broken.cause, BrokenCause::OutOfCpuTime { limit });
    assert!(error.to_string().ends_with("raise it with max_worker_cpu_time()"), "{error}");
    assert_eq!(executor.submit(add::task(2, 3)).expect("open").result(), Ok(5));
}

#[test]
fn a_compiler_that_needs_too_much_is_told_with_the_limit() {
    let _house = house();
    let least = isopool::limits::MIN_WORKER_MEMORY_BYTES as usize;
    let executor = builder(Hardening::BestEffort).max_compile_memory_bytes(least).build().expect("good options");
    let error = no_hang("the compiler gives up", move || executor.load("explosive", explosive_module()));
    let error = error.expect_err("it does not compile");
    let kind = &error.module_error().expect("it is of the module").kind;
    assert_eq!(*kind, ModuleErrorKind::CompileMemory { limit: least as u64 }, "{error}");
    assert!(error.to_string().ends_with("raise that with max_compile_memory_bytes()"), "{error}");

    let limit = Duration::from_millis(1);
    // Another initializer makes another artifact: it is in no cache.
    let fresh = guest_basic::state::set_global::task(once());
    let executor = builder(Hardening::BestEffort).max_compile_time(limit).initializer(fresh).build();
    let error = executor.expect("good options").submit(add::task(2, 3)).expect_err("nothing compiles so soon");
    let kind = &error.module_error().expect("it is of the module").kind;
    assert_eq!(*kind, ModuleErrorKind::CompileTimeout { limit }, "{error}");
}

/// A module of tasks with a core module in it that nobody uses: one function of half a million additions.
fn explosive_module() -> Vec<u8> {
    const ADDITIONS: usize = 500_000;
    // No locals; `i32.const 1`, then `i32.const 1; i32.add` again and again; `drop`; `end`.
    let mut body = vec![0, 0x41, 1];
    (0..ADDITIONS).for_each(|_| body.extend([0x41, 1, 0x6a]));
    body.extend([0x1a, 0x0b]);
    let code = [&[1][..], &sized(&body)].concat();
    let mut core = b"\0asm\x01\0\0\0".to_vec();
    // One type without parameters and results, one function of it, its code.
    core.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10]);
    core.extend(sized(&code));
    // Section 1 of a component is a core module. One of its own, of this moment's name, makes another module of it each time:
    // none that an earlier run has left in the cache.
    let fresh = [&[0][..], &once().to_le_bytes()].concat();
    [add::task(0, 0).module.wasm, &[1], &sized(&core), &[0], &sized(&fresh)].concat()
}

/// Bytes behind their number, as WebAssembly has both.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let (mut rest, mut all) = (bytes.len(), Vec::new());
    while rest >= 0x80 {
        all.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    all.push(rest as u8);
    all.extend(bytes);
    all
}

/// A number that no cache has seen.
fn once() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    now.as_nanos() as u64
}

#[test]
fn a_worker_that_can_take_no_further_module_says_so() {
    let _house = house();
    let least = isopool::limits::MIN_OPEN_FILES;
    let executor = builder(Hardening::BestEffort).max_open_files(least).build().expect("good options");
    let wasm = add::task(0, 0).module.wasm;
    let mut last = Ok(0);
    for number in 0..=least {
        // A custom section makes another module of it.
        let module = [wasm, &[0, 2, 1, number as u8]].concat();
        let module = executor.load("numbers", module).expect("it is sound");
        let call = module.function("value::add").expect("it is there").call::<_, u64>((2_u64, 3_u64));
        last = executor.submit(call).expect("open").result();
        if last.is_err() {
            break;
        }
    }
    let error = last.expect_err("each is an open file");
    assert!(error.to_string().contains("raise that with max_open_files()"), "{error}");
}

// limit: MIN_WORKER_MEMORY_BYTES, MIN_OPEN_FILES
#[test]
fn limits_out_of_their_range_are_refused_with_their_range() {
    let _house = house();
    let refusal = |builder: ExecutorBuilder| builder.build().expect_err("it is out of range").to_string();
    let any = || Executor::builder().max_workers(1);
    assert!(refusal(any().max_worker_memory_bytes(1)).starts_with("max_worker_memory_bytes is 1; it must be between"));
    assert!(refusal(any().max_compile_memory_bytes(1)).starts_with("max_compile_memory_bytes is 1; it must be"));
    assert!(refusal(any().max_open_files(1)).starts_with("max_open_files is 1; it must be between 32"));
    assert_eq!(refusal(any().max_compile_time(Duration::ZERO)), "max_compile_time is 0; it must be longer");
    let short = refusal(any().max_worker_cpu_time(Duration::from_millis(10)));
    assert_eq!(short, "max_worker_cpu_time is 10ms; it must be at least 1s");
}

#[test]
fn a_denied_call_is_named() {
    let _house = house();
    let attempts = attempts(Hardening::Only(Layer::SystemCalls.into()));
    let tried = |escape| attempts.iter().find(|one| one.escape == escape).expect("each is tried");
    assert!(tried(Escape::UseIoUring).detail.starts_with("killed at io_uring_setup (system call "), "{attempts:#?}");
}
