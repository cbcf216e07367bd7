//! The `isopool` program from outside: what it prints, its exit codes, and what it leaves behind.

#![cfg(feature = "cli")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The guest of the house tests, in a file.
fn module() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = scratch().join("basic.wasm");
        // Tests of several processes may write it at once: each renames a whole one into place.
        let mut file = tempfile::NamedTempFile::new_in(scratch()).expect("the scratch folder can be written to");
        file.write_all(guest_basic::value::noop::task().module.wasm).expect("there is room for a module");
        file.persist(&path).expect("a file can be renamed");
        path.to_str().expect("the scratch folder has a plain name").to_owned()
    })
}

fn scratch() -> PathBuf {
    env!("CARGO_TARGET_TMPDIR").into()
}

fn isopool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isopool"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // One compilation for all tests, and nothing in the home of whoever runs them.
    command.env("ISOPOOL_CACHE_DIR", scratch().join("cache"));
    command.env_remove("ISOPOOL_LOG").env_remove("ISOPOOL_MAX_CPU_COUNT");
    command
}

/// A command on a function of the guest, with this standard input, to its end.
fn output(arguments: &[&str], input: &str) -> Output {
    let mut child = isopool(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    // Refused when the program does not read to the end, which is no failure of the test's.
    let _ = child.stdin.take().expect("it is a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn map(function: &str, more: &[&str], input: &str) -> Output {
    output(&[&["map", module(), function], more].concat(), input)
}

fn run(function: &str, more: &[&str]) -> Output {
    output(&[&["run", module(), function], more].concat(), "")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

#[test]
fn run_prints_the_result_as_one_line_of_json() {
    assert_eq!(out(&run("value::add", &["2", "3"])), "5\n");
    let counts = out(&run("value::word_count", &["--text", "one two"]));
    assert_eq!(counts, "{\"words\":{\"one\":1,\"two\":1},\"lines\":1,\"bytes\":7}\n");
    // Larger than any float holds exactly.
    assert_eq!(out(&run("value::add", &["18446744073709551614", "1"])), "18446744073709551615\n");
    assert_eq!(out(&run("environment::env", &["--env", "A=b=c", "\"A\""])), "\"b=c\"\n");
}

#[test]
fn bytes_go_in_and_out_as_they_are() {
    let mut child = isopool(&["run", module(), "value::echo", "--bytes"]);
    let mut child = child.stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("it is a pipe").write_all(b"a\0\xff\n").expect("it reads to the end");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"a\0\xff\n"[..], &b""[..]));
}

#[test]
fn every_end_has_its_exit_code_and_says_why() {
    let truncated = scratch().join("truncated.wasm");
    let wasm = guest_basic::value::noop::task().module.wasm;
    fs::write(&truncated, &wasm[..1000]).expect("a file can be written");
    let truncated = truncated.to_str().expect("the scratch folder has a plain name");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["run", module(), "failure::fails"], 1, "failed: "),
        (&["run", module(), "failure::panics", "--text", "alas"], 1, "failure.rs:"),
        (&["run", module(), "crash::trap_unreachable"], 1, "unreachable"),
        (&["run", module(), "value::add", "1", "two"], 2, "argument 2 of the function, `two`, is not JSON"),
        (&["run", module(), "value::add", "1", "2", "--timeout", "-1"], 2, "--timeout"),
        (&["map", module(), "value::add", "--jobs", "0"], 2, "--jobs is 0"),
        (&["run", module()], 3, "is no program"),
        (&["run", module(), "value::ad", "1"], 3, "value::add"),
        (&["run", module(), "value::add", "--bytes"], 3, "does not speak the codec `raw`"),
        (&["run", truncated, "f"], 3, "damaged or not valid WebAssembly"),
        (&["inspect", "/dev/null"], 3, "not WebAssembly"),
        (&["run", module(), "crash::spin", "--timeout", "0.2"], 5, "ran longer than 200ms"),
        (&["run", "/nonexistent.wasm", "f"], 6, "/nonexistent.wasm"),
        (&["map", module(), "value::count_primes", "/nonexistent"], 6, "/nonexistent could not be read"),
    ];
    for (arguments, expected, text) in cases {
        let output = output(arguments, "");
        assert_eq!(code(&output), *expected, "{arguments:?}: {output:?}");
        assert!(err(&output).contains(text), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn full_disk_is_told() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = isopool(&["run", module(), "value::add", "1", "2"]);
    let output = command.stdout(full).output().expect("the program runs");
    assert_eq!(code(&output), 6);
    assert!(err(&output).contains("the results could not be written"), "{output:?}");
}

#[test]
fn map_keeps_the_order_of_the_inputs_with_any_number_of_workers() {
    let input: String = (0..300).rev().map(|number| format!("\"{number}\"\n")).collect();
    for jobs in ["1", "3"] {
        assert_eq!(out(&map("value::echo_string", &["--jobs", jobs], &input)), input);
    }
    // The first one takes longest.
    assert_eq!(out(&map("value::count_primes", &["-j", "2"], "100000\n1\n10\n")), "9592\n0\n4\n");
}

#[test]
fn input_that_fails_stops_the_others_unless_told_to_go_on() {
    let input = "10\n\n\"x\"\nhello\n20\n";
    let stopped = map("value::count_primes", &[], input);
    assert_eq!((code(&stopped), out(&stopped).as_str()), (1, "4\n"));
    assert!(err(&stopped).starts_with("isopool: line 3: "), "{stopped:?}");

    let went_on = map("value::count_primes", &["--keep-going"], input);
    assert_eq!((code(&went_on), out(&went_on).as_str()), (1, "4\nnull\nnull\n8\n"));
    assert!(
        err(&went_on).contains("line 4 is not JSON") && err(&went_on).contains("2 of 4 tasks failed"),
        "{went_on:?}"
    );

    let records = out(&map("value::count_primes", &["--keep-going", "--records"], input));
    let records: Vec<&str> = records.lines().collect();
    assert_eq!(records[0], r#"{"input":"line 1","value":4}"#);
    assert!(records[1].starts_with(r#"{"input":"line 3","error":"line 3: "#), "{records:?}");
    assert_eq!(records[3], r#"{"input":"line 5","value":8}"#);
}

#[test]
fn files_are_inputs_as_text_or_as_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let [text, bytes] = [("a.txt", &b"one\ntwo\n"[..]), ("b.bin", b"\xff")].map(|(name, content)| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path.to_str().expect("a plain name").to_owned()
    });
    let whole = map("value::echo_string", &["--files", &text], "");
    assert_eq!(out(&whole), "\"one\\ntwo\\n\"\n");
    let lines = map("value::echo_string", &["--text", &text], "");
    assert_eq!(out(&lines), "\"one\"\n\"two\"\n");
    let raw = map("value::echo", &["--bytes", &text, &bytes], "");
    assert_eq!(out(&raw), "\"one\\ntwo\\n\"\n{\"hex\":\"ff\"}\n");
    let not_text = map("value::echo_string", &["--files", &bytes], "");
    assert_eq!(code(&not_text), 6);
    assert!(err(&not_text).contains("b.bin is not text (UTF-8); give --bytes"), "{not_text:?}");
}

#[test]
fn what_a_guest_prints_never_stands_between_results() {
    let output = run("environment::print", &["\"to stdout\"", "\"to stderr\""]);
    assert_eq!(out(&output), "null\n");
    assert!(err(&output).contains("to stdout") && err(&output).contains("to stderr"), "{output:?}");
}

#[test]
fn task_that_runs_too_long_is_stopped_and_the_others_are_not() {
    let output = map("resources::sleep_ms", &["-j", "2", "-t", "1", "-k", "-r"], "1\n600000\n2\n3\n");
    assert_eq!(code(&output), 5, "{output:?}");
    assert_eq!(out(&output).matches("\"value\":null").count(), 3, "{output:?}");
    assert!(
        err(&output).contains("line 2: task 1 (resources::sleep_ms in ") && err(&output).contains("longer than 1s")
    );
}

/// A map whose input stays open, and its results as they come.
struct Session {
    child: Child,
    results: Option<BufReader<std::process::ChildStdout>>,
}

impl Session {
    fn start(function: &str) -> Self {
        let mut command = isopool(&["map", module(), function, "--jobs", "2"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
        let results = child.stdout.take().map(BufReader::new);
        Self { child, results }
    }

    fn give(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is a pipe");
        writeln!(input, "{line}").expect("it is read");
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.results.as_mut().expect("it is a pipe").read_line(&mut line).expect("it can be read");
        line
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).expect("the program runs");
    }

    /// The worker processes.
    fn workers(&self) -> Vec<u32> {
        let pids = fs::read_dir("/proc")
            .expect("Linux has it")
            .filter_map(|item| item.expect("it can be read").file_name().to_str()?.parse().ok());
        pids.filter(|pid| parent_of(*pid) == Some(self.child.id())).collect()
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        let mut errors = self.child.stderr.take().expect("it is a pipe");
        std::io::Read::read_to_string(&mut errors, &mut text).expect("it is text");
        (self.child.wait().expect("it ends").code(), text)
    }
}

/// The parent of a process that lives.
fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let mut fields = status.rsplit_once(") ")?.1.split(' ');
    if fields.next() == Some("Z") { None } else { fields.next()?.parse().ok() }
}

/// Looks again and again until it holds; fails after a time that is long enough for any machine.
fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn result_is_printed_while_the_next_input_is_still_to_come() {
    let mut session = Session::start("value::count_primes");
    for (input, result) in [("10", "4\n"), ("20", "8\n")] {
        session.give(input);
        assert_eq!(session.next(), result);
    }
    drop(session.child.stdin.take());
    assert_eq!(session.end(), (Some(0), String::new()));
}

#[test]
fn interrupt_stops_everything_once_and_leaves_no_worker() {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGTERM};
    for (signal, code) in [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129)] {
        let mut session = Session::start("resources::sleep_ms");
        session.give("1");
        session.give("600000");
        assert_eq!(session.next(), "null\n");
        let workers = session.workers();
        assert!(!workers.is_empty());
        session.signal(signal);
        let (ended, told) = session.end();
        assert_eq!(ended, Some(code));
        // The second one may not have been read yet.
        let expected = ["1", "2"].map(|all| format!("isopool: stopped by {signal}: 1 of {all} tasks were done\n"));
        assert!(expected.contains(&told), "{told}");
        assert!(workers.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()), "{workers:?}");
    }
}

#[test]
fn interrupt_while_nothing_runs_ends_the_wait_for_input() {
    let mut session = Session::start("value::count_primes");
    // A first result shows that signals are listened to by now.
    session.give("10");
    assert_eq!(session.next(), "4\n");
    session.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(session.end(), (Some(130), "isopool: stopped by SIGINT: 1 of 1 tasks were done\n".to_owned()));
}

#[test]
fn workers_of_a_program_that_was_killed_are_gone_within_a_second() {
    let mut session = Session::start("resources::sleep_ms");
    session.give("1");
    session.give("600000");
    assert_eq!(session.next(), "null\n");
    let workers = session.workers();
    assert!(!workers.is_empty());
    session.signal(nix::sys::signal::Signal::SIGKILL);
    session.child.wait().expect("it ends");
    eventually("no worker", Duration::from_secs(1), || workers.iter().all(|pid| parent_of(*pid).is_none()));
}

#[test]
fn worker_that_is_killed_is_another_matter_than_a_task_that_fails() {
    let mut session = Session::start("resources::sleep_ms");
    // From the first result on, every child is a worker, and none compiles.
    session.give("1");
    assert_eq!(session.next(), "null\n");
    session.give("600000");
    // A worker that dies before the task has begun is replaced, and nobody notices.
    eventually("the end", Duration::from_secs(20), || {
        for pid in session.workers() {
            // It may have ended by itself since.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGKILL);
        }
        session.child.try_wait().expect("it can be asked").is_some()
    });
    let (code, told) = session.end();
    assert_eq!(code, Some(4), "{told}");
}

#[test]
fn reader_that_has_gone_ends_the_program_in_silence() {
    let mut session = Session::start("value::count_primes");
    session.give("10");
    assert_eq!(session.next(), "4\n");
    session.results = None;
    session.give("20");
    assert_eq!(session.end(), (Some(141), String::new()));
}

#[test]
fn inspect_tells_what_a_module_says_of_itself() {
    let output = output(&["inspect", module(), "--json"], "");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(said["name"], "basic");
    assert_eq!(said["bytes"], guest_basic::value::noop::task().module.wasm.len());
    assert_eq!(said["hash"].as_str().map(str::len), Some(64));
    let functions = said["functions"].as_array().expect("a list");
    let add = functions.iter().find(|function| function["name"] == "value::add").expect("the guest has it");
    assert_eq!(add["signature"], "fn(a: u64, b: u64) -> u64");
    let text = out(&self::output(&["inspect", module()], ""));
    assert!(text.contains("value::add: fn(a: u64, b: u64) -> u64") && text.contains("isopool:task/runner"), "{text}");
}

#[test]
fn inspect_takes_a_module_that_imports_what_it_is_not_given_and_says_so() {
    let path = scratch().join("quote.wasm");
    std::fs::write(&path, price_quote::quote::task(Vec::new()).module.wasm).expect("a file can be written");
    let path = path.to_str().expect("the scratch folder has a plain name");
    let text = out(&output(&["inspect", path], ""));
    let told = "\nis given\n  denied   host function shop:prices/catalogue@1.0.0#price: imported, not given\n";
    assert!(text.ends_with(told), "{text}");
    assert_eq!(code(&output(&["run", path, "quote", "[]"], "")), 3, "it cannot run");
}

#[test]
fn cpu_count_heeds_the_environment() {
    let count = |maximum: &str, more: &[&str]| {
        let arguments = [&["cpu-count"], more].concat();
        isopool(&arguments).env("ISOPOOL_MAX_CPU_COUNT", maximum).output().expect("the program runs")
    };
    assert_eq!(out(&count("1", &[])), "1\n");
    assert_eq!(out(&count("1", &["--physical"])), "1\n");
    let refused = count("many", &[]);
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("ISOPOOL_MAX_CPU_COUNT is \"many\""), "{refused:?}");
}

/// A program for WASI preview 2, compiled by the compiler that this test was compiled with.
fn tool() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = scratch().join("tool.wasm");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/programs/tool.rs");
        let arguments = ["--edition", "2024", "--target", "wasm32-wasip2", "-C", "panic=abort", "-o"];
        let compiled = Command::new("rustc").args(arguments).arg(&path).arg(source).status().expect("rustc is there");
        assert!(compiled.success());
        path.to_str().expect("the scratch folder has a plain name").to_owned()
    })
}

#[test]
fn wasi_program_runs_as_if_it_were_one_of_this_machine() {
    let ran = output(&["run", tool(), "--", "grep", "be"], "to be\nor not\n");
    assert_eq!((code(&ran), out(&ran).as_str(), err(&ran).as_str()), (0, "1:to be\n", ""));
    let not_found = output(&["run", tool(), "--", "grep", "nobody"], "to be\n");
    assert_eq!((code(&not_found), out(&not_found).as_str(), err(&not_found).as_str()), (1, "", ""));
    let all = output(&["run", tool(), "--env", "A=b", "--", "env"], "");
    assert_eq!(out(&all), "A=b\n");
    let large = output(&["run", tool(), "--", "write", "3000000"], "");
    assert_eq!(large.stdout.len(), 3_000_000, "it is passed on, and not kept");
    let failed = output(&["run", tool(), "--", "fail"], "");
    assert_eq!((code(&failed), out(&failed).as_str()), (1, "before\n"));
    assert!(err(&failed).starts_with("it goes wrong\n") && err(&failed).contains("unreachable"), "{failed:?}");
    let endless = output(&["run", tool(), "-t", "0.2", "--", "spin"], "");
    assert_eq!(code(&endless), 5, "{endless:?}");
    let text = out(&output(&["inspect", tool()], ""));
    assert!(text.contains("contract  its own") && text.contains("[a program: isopool run"), "{text}");
}

#[test]
fn wasi_program_reads_its_input_while_it_comes_and_needs_no_end_of_it() {
    // A socket can be written to as well: as with a terminal, a worker gets the read end of a pipe instead.
    let (ours, socket) = std::os::unix::net::UnixStream::pair().expect("two sockets");
    let (pipe, writer) = std::io::pipe().expect("a pipe");
    let inputs: [(Stdio, Box<dyn Write>); 2] = [
        (std::os::fd::OwnedFd::from(pipe).into(), Box::new(writer)),
        (std::os::fd::OwnedFd::from(socket).into(), Box::new(ours)),
    ];
    for (input, mut giver) in inputs {
        let mut child = isopool(&["run", tool(), "--", "grep", "be"]).stdin(input).spawn().expect("the program starts");
        let mut results = BufReader::new(child.stdout.take().expect("it is a pipe"));
        for (line, result) in [("to be\n", "1:to be\n"), ("or not\nto be\n", "3:to be\n")] {
            giver.write_all(line.as_bytes()).expect("it is read");
            let mut found = String::new();
            results.read_line(&mut found).expect("it is text");
            assert_eq!(found, result);
        }
        drop(giver);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    let mut child = isopool(&["run", tool(), "--", "first"]);
    let mut child = child.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut giver = child.stdin.take().expect("it is a pipe");
    giver.write_all(b"enough\n").expect("it is read");
    let ended = child.wait_with_output().expect("it ends, and nobody has closed its input");
    assert_eq!((code(&ended), out(&ended).as_str()), (0, "enough\n"), "{ended:?}");
}

#[test]
fn doctor_tells_what_is_in_the_way_of_each_escape() {
    let told = output(&["doctor", "--json"], "");
    let json: serde_json::Value = serde_json::from_str(&out(&told)).expect("it is JSON");
    let list = |key: &str| json[key].as_array().expect("it is a list").clone();
    let all_held = list("attempts").iter().all(|one| ["held", "possible"].map(Into::into).contains(&one["verdict"]));
    let is_there = |layer: &serde_json::Value| layer["state"] != "missing" || layer["layer"] == "processes";
    let all_there = list("layers").iter().all(is_there);
    assert_eq!(code(&told), if all_held && all_there { 0 } else { 7 }, "{json:#}");

    let open = output(&["doctor", "--hardening", "off"], "");
    assert_eq!(code(&open), 7);
    assert!(out(&open).contains("run another program"), "{}", out(&open));
    assert!(out(&open).lines().any(|line| line.contains("read /etc/passwd") && line.contains("ESCAPED")));
    assert!(err(&open).starts_with("isopool: workers are not locked in as they could be: "), "{}", err(&open));
}

#[test]
fn bench_says_what_a_call_takes() {
    let measured = output(&["bench", module(), "value::add", "2", "3", "--count", "5", "--jobs", "2"], "");
    let text = out(&measured);
    let [one, all] = text.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {measured:?}") };
    assert!(one.starts_with("one after another: min ") && one.ends_with("(5 tasks)"), "{one}");
    assert!(all.starts_with("all at once, on up to 2 workers: "), "{all}");
    let failed = output(&["bench", module(), "failure::fails"], "");
    assert_eq!((code(&failed), out(&failed).as_str()), (1, ""), "{failed:?}");
    let refused = output(&["bench", module(), "value::add", "--count", "0"], "");
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("--count is 0, and must be between 1 and 1000000"), "{refused:?}");
}
