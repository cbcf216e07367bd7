//! Modules, functions, values and options that cannot be used, each with an error of its own that names the remedy; what
//! is used instead of what; and the cache of compiled modules.

use crate::patience::{end_of, error_of};
use crate::support;
use guest_basic::{crash, failure, left, right, state, value};
use isopool::{Bytes, Codec, Error, ErrorKind, Executor, Module, ModuleErrorKind};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A core module that carries the types of the task world; its one function gives back what it gets.
const CORE_TASK_MODULE: &[u8] = include_bytes!("../host/src/engine/testdata/task_module.wasm");

/// A component that exports no function.
const OTHER_COMPONENT: &[u8] = include_bytes!("../host/src/engine/testdata/other_component.wasm");

fn guest() -> &'static [u8] {
    left::which::task().module.wasm
}

fn one_worker() -> Executor {
    Executor::builder().max_workers(1).build().expect("builds")
}

/// A list of `name: what it says`, without what differs from run to run.
#[derive(Default)]
struct Said(String);

impl Said {
    fn add(&mut self, name: &str, error: impl std::fmt::Display) {
        let text = redacted(&error.to_string());
        self.0.push_str(&format!("{name}\n    {}\n", text.replace('\n', "\n    ")));
    }
}

/// Hashes, shown as at least twelve hexadecimal digits, become `[hash]`.
fn redacted(text: &str) -> String {
    let mut shown = String::new();
    for part in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        if word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            shown.push_str("[hash]");
            shown.push_str(&part[word.len()..]);
        } else {
            shown.push_str(part);
        }
    }
    shown
}

#[test]
fn each_module_that_cannot_be_used_has_an_error_of_its_own() {
    let _house = support::house();
    let executor = one_worker();
    let mut said = Said::default();
    let too_large = vec![0; isopool::limits::MAX_MODULE_BYTES + 1];
    let modules: [(&str, &[u8]); 10] = [
        ("nothing", b""),
        ("text", b"fn main() {}"),
        ("a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\0"),
        ("a component cut in the middle", &OTHER_COMPONENT[..OTHER_COMPONENT.len() / 2]),
        ("a core module cut in the middle", &CORE_TASK_MODULE[..CORE_TASK_MODULE.len() / 2]),
        ("a core module of no world", include_bytes!("../host/src/engine/testdata/core_module.wasm")),
        ("a component with nothing to call", OTHER_COMPONENT),
        ("another version of the contract", include_bytes!("../host/src/engine/testdata/task_module_0_2_0.wasm")),
        ("a module that cannot list its functions", include_bytes!("../host/src/engine/testdata/traps_in_list.wasm")),
        ("a module over its size", &too_large),
    ];
    for (name, wasm) in modules {
        let error = executor.load(name, wasm).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Module, "{name}");
        assert_eq!(error.module_error().expect("it says why").module, name);
        said.add(name, error);
    }
    // Where it is cut differs from build to build.
    let cut = executor.load("a guest cut in the middle", &guest()[..guest().len() / 2]).expect_err("it is cut");
    let kind = &cut.module_error().expect("it says why").kind;
    assert!(matches!(kind, ModuleErrorKind::Invalid { .. }), "{cut}");
    for (name, path) in [("a file that is not there", "/nonexistent/module.wasm"), ("a folder", "/")] {
        let error = executor.load_file(path).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::System, "{name}");
        said.add(name, error);
    }
    assert_eq!(executor.stats().workers_started, 0, "no worker was troubled");
    let sum = executor.submit(value::add::task(1, 2)).expect("the executor goes on");
    assert_eq!(end_of(&sum).expect("adds"), 3);
    insta::assert_snapshot!("modules_that_cannot_be_used", said.0);
}

// behaviour: B23
#[test]
fn each_call_that_cannot_be_made_has_an_error_of_its_own() {
    let _house = support::house();
    let mut said = Said::default();
    let builder = || Executor::builder().max_workers(1).max_argument_bytes(1000).max_result_bytes(1000);
    let (compact, json) = (builder().build().expect("builds"), builder().codec(Codec::Json).build().expect("builds"));
    let module = json.load("basic", guest()).expect("a sound module");
    let function = |module: &Module, name: &str| module.function(name).expect("it is there");

    said.add("a function that is not there", module.function("value::ad").expect_err("not there"));
    let mut other = value::add::task(1, 2);
    other.signature = "fn(a: u64) -> u64";
    said.add("a function with another signature", compact.submit(other).expect_err("another signature"));
    let core = json.load("core", CORE_TASK_MODULE).expect("a sound module");
    let error = json.submit(function(&core, "echo").call::<_, u64>((1,))).expect_err("it speaks no JSON");
    said.add("a codec that the function does not speak", error);

    let call = function(&module, "value::add").call::<_, u64>(("one", 2));
    said.add("arguments of another type", error_of(&json.submit(call).expect("submits")));
    let call = function(&module, "value::add").call::<_, u64>((1,));
    said.add("too few arguments", error_of(&json.submit(call).expect("submits")));
    let call = function(&module, "value::add").call::<_, String>((1, 2));
    said.add("a result of another type", error_of(&json.submit(call).expect("submits")));
    let call = value::echo::task(Bytes::from(vec![0; 1001]));
    said.add("an argument over its limit", error_of(&compact.submit(call).expect("submits")));
    let call = value::big_result::task(1001);
    said.add("a result over its limit", error_of(&compact.submit(call).expect("submits")));
    let sum = compact.submit(value::add::task(1, 2)).expect("the executor goes on");
    assert_eq!(end_of(&sum).expect("adds"), 3);
    insta::assert_snapshot!("calls_that_cannot_be_made", said.0);
}

// behaviour: B7, B38
#[test]
fn each_option_out_of_its_range_is_refused_with_its_range() {
    let _house = support::house();
    let mut said = Said::default();
    for (name, builder) in [
        ("no workers", Executor::builder().max_workers(0)),
        ("too many workers", Executor::builder().max_workers(isopool::limits::MAX_WORKERS + 1)),
        ("no room in the queue", Executor::builder().queue_capacity(0)),
        ("arguments over what a guest can hold", Executor::builder().max_argument_bytes(usize::MAX)),
        ("results over what a guest can hold", Executor::builder().max_result_bytes(usize::MAX)),
        ("less memory than one page", Executor::builder().max_memory_bytes(1)),
        ("a worker program that is not there", Executor::builder().worker_program("/nonexistent/isopool")),
        ("a worker program that is a folder", Executor::builder().worker_program("/")),
        ("a worker program that is no program", Executor::builder().worker_program("/proc/version")),
    ] {
        let error = builder.build().expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{name}");
        said.add(name, error);
    }
    let error = one_worker().resize(0).expect_err("no workers");
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    said.add("no workers from now on", error);
    insta::assert_snapshot!("options_out_of_range", said.0);
}

#[test]
fn core_module_of_the_task_world_is_as_good_as_a_component() {
    let _house = support::house();
    let executor = one_worker();
    for wasm in [CORE_TASK_MODULE, include_bytes!("../host/src/engine/testdata/task_module_0_1_3.wasm")] {
        let module = executor.load("core", wasm).expect("the contract is the same");
        assert_eq!(module.info().functions.len(), 1);
        let echo = module.function("echo").expect("it is there");
        assert_eq!(end_of(&executor.submit(echo.call::<_, u64>((7_u64,))).expect("submits")).expect("echoes"), 7);
    }
}

// behaviour: B48
#[test]
fn module_that_was_built_again_runs_its_new_code() {
    let _house = support::house();
    // `echo` of the new one counts its calls instead: it compares the function's first letter with e, not with c.
    let (old_letter, new_letter) = ([0x41, 0xe3, 0x00, 0x46], [0x41, 0xe5, 0x00, 0x46]);
    let mut rebuilt = CORE_TASK_MODULE.to_vec();
    let place = rebuilt.windows(4).position(|window| window == old_letter).expect("it is in the code once");
    rebuilt[place..place + 4].copy_from_slice(&new_letter);

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("texts.wasm");
    let executor = Executor::builder().max_workers(1).codec(Codec::Bincode).build().expect("builds");
    let run = |module: &Module| {
        let echo = module.function("echo").expect("it is there");
        let answer = executor.submit(echo.call::<_, [u8; 4]>(([9_u8; 4],))).expect("submits");
        end_of(&answer).expect("answers")
    };
    fs::write(&file, CORE_TASK_MODULE).expect("a file");
    let old = executor.load_file(&file).expect("sound");
    assert_eq!(run(&old), [9; 4]);
    fs::write(&file, &rebuilt).expect("a file");
    let new = executor.load_file(&file).expect("sound");
    assert_eq!((old.name(), new.name()), ("texts", "texts"));
    assert_ne!(old.hash(), new.hash());
    for _ in 0..3 {
        assert_eq!(run(&new), [1, 0, 0, 0], "the new code, in an instance of its own");
        assert_eq!(run(&old), [9; 4], "whoever holds the old module still runs it");
    }
}

// behaviour: B48
#[test]
fn functions_of_the_same_name_in_two_modules_stay_distinct() {
    let _house = support::house();
    let executor = one_worker();
    for _ in 0..10 {
        let (l, r) = (executor.submit(left::which::task()), executor.submit(right::which::task()));
        assert_eq!(end_of(&l.expect("submits")).expect("answers"), "left");
        assert_eq!(end_of(&r.expect("submits")).expect("answers"), "right");
    }
}

/// What the first use of a module says whose initializer fails: twice the same, and no worker was started for it.
fn refusal(executor: &Executor) -> Error {
    let error = executor.submit(state::get_global::task()).expect_err("the initializer fails");
    let again = executor.submit(state::get_global::task()).expect_err("the initializer fails again");
    assert_eq!(error.to_string(), again.to_string());
    assert_eq!(error.kind(), ErrorKind::Module);
    assert!(matches!(error.module_error().expect("it says why").kind, ModuleErrorKind::Initializer { .. }), "{error}");
    assert_eq!(executor.stats().workers_started, 0, "{error}");
    error
}

// behaviour: B37
#[test]
fn initializer_that_fails_is_told_in_the_words_of_the_guest_and_starts_no_workers() {
    let _house = support::house();
    for (builder, words) in [
        (Executor::builder().max_workers(2).initializer(state::set_global_checked::task(0)), "zero is not a value"),
        (
            Executor::builder().max_workers(2).initializer(failure::panics::task("a bad start".to_owned())),
            "a bad start",
        ),
        (Executor::builder().max_workers(2).initializer(crash::trap_unreachable::task()), "unreachable"),
        (Executor::builder().max_workers(2).initializer(crash::exit::task(3)), "exit"),
    ] {
        let error = refusal(&builder.build().expect("an executor does not run its initializer when it is built"));
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

// ── The cache ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// Not a test: what a second process of this program does, when another test asks for one.
#[test]
fn stands_in_for_a_program_with_a_cache() {
    if std::env::var_os(support::CACHE_VARIABLE).is_none() {
        return;
    }
    let executor = one_worker();
    let module = executor.load("core", CORE_TASK_MODULE).expect("sound");
    let echo = module.function("echo").expect("it is there");
    assert_eq!(end_of(&executor.submit(echo.call::<_, u64>((7_u64,))).expect("submits")).expect("echoes"), 7);
    println!("\nit works");
}

/// Starts a program that loads a module and runs it, with this folder for its cache.
fn start_user_of(cache: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().expect("Linux knows the path of a program"))
        .args(["--exact", "modules::stands_in_for_a_program_with_a_cache", "--nocapture"])
        .env(support::CACHE_VARIABLE, cache)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program can be started")
}

fn check_it_works(child: std::process::Child) {
    let output = child.wait_with_output().expect("it was started here");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("it works"), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// What is in a cache: names and contents, nothing else.
fn entries(cache: &Path) -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<_> = fs::read_dir(cache)
        .expect("there is a cache")
        .map(|entry| entry.expect("it can be listed"))
        .map(|entry| (entry.file_name().into_string().expect("ASCII"), fs::read(entry.path()).expect("it is ours")))
        .collect();
    entries.sort();
    entries
}

#[test]
fn damaged_entry_of_the_cache_is_ignored_and_made_again() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    check_it_works(start_user_of(&cache));
    let sound = entries(&cache);
    let [(name, content)] = &sound[..] else { panic!("one entry: {}", sound.len()) };
    let path = cache.join(name);
    let middle = content.len() / 2;
    let flipped = [&content[..middle], &[!content[middle]], &content[middle + 1..]].concat();
    for (damage, bytes) in [
        ("a byte is another", &flipped[..]),
        ("the end is missing", &content[..middle]),
        ("nothing is left", &[]),
        ("something follows", &[content, &b"more"[..]].concat()),
    ] {
        fs::write(&path, bytes).expect("it is ours");
        check_it_works(start_user_of(&cache));
        let healed = entries(&cache);
        assert_eq!(healed.len(), 1, "{damage}");
        assert_eq!(healed[0].0, *name, "{damage}");
        assert_eq!(healed[0].1.len(), content.len(), "{damage}: it was made again");
    }
}

#[test]
fn cache_that_cannot_be_used_is_no_failure() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "a file, not a folder").expect("a file");
    for cache in [&file, &file.join("below"), Path::new("/proc/cache"), Path::new("/dev/full"), Path::new("off")] {
        check_it_works(start_user_of(cache));
    }
    assert_eq!(fs::read(&file).expect("it is still there"), b"a file, not a folder");
}

#[test]
fn programs_that_start_together_share_one_cache() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    let programs: Vec<_> = (0..3).map(|_| start_user_of(&cache)).collect();
    programs.into_iter().for_each(check_it_works);
    let made = entries(&cache);
    assert_eq!(made.len(), 1, "one entry, and nothing unfinished");
    check_it_works(start_user_of(&cache));
    assert_eq!(entries(&cache), made, "it was taken as it is");
}
