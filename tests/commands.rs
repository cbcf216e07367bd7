//! WASI programs as tasks: arguments, standard input and directories in, exit code and output out.

use crate::patience::{end_of, error_of, kill, only_worker, until};
use crate::support;
use isopool::{
    Access, BrokenCause, Bytes, Command, CommandOutput, ErrorKind, Executor, ExecutorBuilder, GuestOutput,
    Interruption, IntoTask, Module, ModuleErrorKind, Reuse, Shutdown, Task, TaskError, TrapCode,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::Mutex;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

/// A source of `guests/programs`, compiled once if it has not changed; `None`, and said why, without its compiler.
fn program(source: &str, compiler: &str, arguments: &[&str]) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/programs").join(source);
    let name = source.file_name().expect("a file").to_str().expect("ASCII");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
    let written = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if written(&program).is_some_and(|built| written(&source).is_some_and(|changed| changed < built)) {
        return Some(program);
    }
    let output = match process::Command::new(compiler).args(arguments).arg(&source).arg("-o").arg(&program).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: {compiler} cannot be started ({error})");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && said.contains("'stdio.h' file not found") {
        eprintln!("skipped: {compiler} has no library for WASI; Debian has it in wasi-libc and libclang-rt-dev-wasm32");
        return None;
    }
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    Some(program)
}

/// For preview 2, by the compiler that the tests themselves need.
fn tool() -> PathBuf {
    let arguments = ["--edition", "2024", "--target", "wasm32-wasip2", "-O", "-C", "panic=abort"];
    program("tool.rs", "rustc", &arguments).expect("rustc is there")
}

/// For preview 1.
fn words() -> Option<PathBuf> {
    program("words.c", "clang", &["--target=wasm32-wasi", "-O1"])
}

struct Shell {
    executor: Executor,
    program: Module,
}

impl Shell {
    fn open(file: &Path, builder: ExecutorBuilder) -> Self {
        let executor = builder.max_workers(1).build().expect("builds");
        let program = executor.load_file(file).expect("it is a program");
        Self { executor, program }
    }

    fn tool() -> Self {
        Self::open(&tool(), Executor::builder())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.program.command().expect("it is a program").args(arguments.iter().copied())
    }

    fn end<T: IntoTask<Output = CommandOutput>>(&self, command: T) -> Result<CommandOutput, TaskError> {
        end_of(&self.executor.submit(command).expect("submits"))
    }

    /// Exit code, standard output, standard error.
    fn run(&self, command: Command) -> (i32, String, String) {
        let output = self.end(command).expect("it ends by itself");
        assert_eq!(output.dropped_bytes, 0);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (output.status, text(&output.stdout), text(&output.stderr))
    }
}

fn said(status: i32, stdout: &str, stderr: &str) -> (i32, String, String) {
    (status, stdout.to_owned(), stderr.to_owned())
}

#[test]
fn a_program_gets_arguments_and_input_and_gives_output_and_exit_code() {
    let _house = support::house();
    let shell = Shell::tool();
    let grep = |word: &str| shell.run(shell.command(&["grep", word]).stdin("to be\nor not\nto be"));
    assert_eq!(grep("be"), said(0, "1:to be\n3:to be\n", ""));
    assert_eq!(grep("nobody"), said(1, "", ""));
    assert_eq!(shell.run(shell.command(&[])), said(1, "", "usage: tool WORD [ARGUMENTS]\n"));
    assert_eq!(
        shell.run(shell.command(&["arguments", "a b", ""])),
        said(0, "[\"tool.rs\", \"arguments\", \"a b\", \"\"]\n", "")
    );
    assert_eq!(shell.run(shell.command(&["cat"])), said(0, "", ""), "no input unless some is given");
    let large = Shell::open(&tool(), Executor::builder().max_output_bytes(4 << 20));
    let bytes: Vec<u8> = (0..3 << 20).map(|n| n as u8).collect();
    let output = large.end(large.command(&["cat"]).stdin(bytes.clone())).expect("it ends by itself");
    assert!(*output.stdout == bytes, "more than fits into a message");
}

#[test]
fn every_exit_is_a_result_and_the_worker_stays() {
    let _house = support::house();
    let shell = Shell::open(&tool(), Executor::builder().reuse(Reuse::Worker));
    // Rust's own library for preview 2 tells success and failure only.
    for (code, told) in [("0", 0), ("1", 1), ("3", 1)] {
        assert_eq!(shell.run(shell.command(&["exit", code])).0, told);
    }
    assert_eq!(shell.executor.stats().workers_started, 1);
    assert_eq!(shell.executor.stats().workers_lost, 0);
}

#[test]
fn a_program_sees_the_environment_that_it_is_given_and_no_other() {
    let _house = support::house();
    let shell = Shell::open(&tool(), Executor::builder().env("LANG", "C").env("A", "1").argument("env"));
    assert_eq!(
        shell.run(shell.command(&[]).env("A", "2")),
        said(0, "LANG=C\nA=2\n", ""),
        "the executor's arguments too"
    );
}

#[test]
fn a_trap_of_a_program_is_a_trap_and_its_output_is_in_the_report() {
    let _house = support::house();
    let shell = Shell::tool();
    let future = shell.executor.submit(shell.command(&["fail"])).expect("submits");
    let error = error_of(&future);
    let broken = error.broken_process_pool().expect("a trap");
    assert!(matches!(&broken.cause, BrokenCause::Trap(trap) if trap.code == TrapCode::Unreachable), "{error}");
    let output = &future.report().expect("its worker answered").output;
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"before\n"[..], &b"it goes wrong\n"[..]));
    assert_eq!(shell.run(shell.command(&["exit", "0"])).0, 0);
    assert_eq!(shell.executor.stats().workers_started, 1);
}

#[test]
fn limits_hold_for_programs_as_for_tasks() {
    let _house = support::house();
    let shell = Shell::open(&tool(), Executor::builder().max_memory_bytes(8 << 20).max_output_bytes(1000));
    let output = shell.end(shell.command(&["write", "1500"])).expect("it does not notice");
    assert_eq!((output.status, output.stdout.len(), output.dropped_bytes), (0, 1000, 500));
    let error = shell.end(shell.command(&["allocate", "67108864"])).expect_err("it asks for more than it may have");
    assert!(matches!(error, TaskError::OutOfMemory { limit, .. } if limit == 8 << 20), "{error}");
    let spin = shell.command(&["spin"]).into_task().time_limit(std::time::Duration::from_millis(50));
    let error = shell.end(spin).expect_err("it does not end");
    assert!(matches!(error, TaskError::TimedOut { .. }), "{error}");

    let small = Shell::open(&tool(), Executor::builder().max_argument_bytes(10).max_result_bytes(100));
    let error = small.end(small.command(&["cat"]).stdin("eleven bytes")).expect_err("over the limit");
    assert!(matches!(error, TaskError::ArgumentTooLarge { size: 12, limit: 10, .. }), "{error}");
    let output = small.end(small.command(&["write", "101"])).expect("it does not notice");
    assert_eq!((output.stdout.len(), output.dropped_bytes), (68, 33), "its result is no larger than a result may be");
    let long = small.command(&[&"x".repeat(isopool::limits::MAX_ARGUMENTS_BYTES)]);
    let refused = small.executor.submit(long).expect_err("over the limit");
    assert_eq!(refused.kind(), ErrorKind::InvalidOption);
}

#[test]
fn a_program_has_the_directories_that_it_is_granted() {
    let _house = support::house();
    let shell = Shell::tool();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.txt"), "to be or not to be").expect("a file");
    let granted =
        |arguments: &[&str], access| shell.run(shell.command(arguments).preopen(folder.path(), "/texts", access));
    assert_eq!(granted(&["list", "/texts"], Access::ReadOnly), said(0, "[\"a.txt\"]\n", ""));
    assert_eq!(shell.run(shell.command(&["list", "/texts"])).0, 1, "another run has none");
    assert_eq!(granted(&["list", "/"], Access::ReadOnly).0, 1);
    let replace = ["replace", "/texts/a.txt", "be", "see"];
    assert_eq!(granted(&replace, Access::ReadOnly).0, 1);
    assert_eq!(granted(&replace, Access::ReadWrite), said(0, "2 replaced\n", ""));
    let text = std::fs::read_to_string(folder.path().join("a.txt")).expect("it is still there");
    assert_eq!(text, "to see or not to see");
}

#[test]
fn a_program_for_preview_1_is_one_like_others() {
    let _house = support::house();
    let Some(file) = words() else { return };
    let shell = Shell::open(&file, Executor::builder());
    let run = |arguments: &[&str]| shell.run(shell.command(arguments).stdin("to be\tor not\n").env("OWNER", "Ada"));
    assert_eq!(run(&[]), said(0, "4 words\n", "words.c for Ada\n"));
    for code in [1, 3, 255] {
        assert_eq!(run(&[&code.to_string()]).0, code);
    }
}

#[test]
fn output_that_goes_elsewhere_is_not_in_the_result() {
    let _house = support::house();
    let shell = Shell::tool();
    let discarded = shell.command(&["write", "10"]).into_task().guest_output(GuestOutput::Discard);
    let output = shell.end(discarded).expect("it ends by itself");
    assert_eq!((output.status, output.stdout.len(), output.dropped_bytes), (0, 0, 0));
}

#[test]
fn what_is_no_program_or_wants_more_than_there_is_says_so() {
    let _house = support::house();
    let executor = Executor::builder().max_workers(1).build().expect("builds");
    let mut told = String::new();
    let mut tell = |name: &str, text: String| told.push_str(&format!("{name}\n    {text}\n"));
    let tasks = executor.load("tasks", guest_basic::value::noop::task().module.wasm).expect("sound");
    let error = tasks.command().expect_err("it has functions only");
    assert_eq!(error.kind(), ErrorKind::NotCallable);
    tell("a module of tasks", error.to_string().replace(&tasks.hash().to_string()[..12], "[hash]"));
    let tool = executor.load_file(tool()).expect("a program");
    let run = tool.info().functions[0].name.clone();
    let error = tool.function(&run).expect_err("it is no function");
    assert_eq!(error.kind(), ErrorKind::NotCallable);
    let hash = tool.hash().to_string();
    tell("a program as a function", error.to_string().replace(&hash[..12], "[hash]").replace(&run, "wasi:cli/run#run"));
    for (name, wasm) in [
        ("threads", core_program("wasi", "thread-spawn", false)),
        ("a shared memory", core_program("env", "memory", true)),
        ("a function of nobody's", core_program("env", "host_log", false)),
        ("the preview before", core_program("wasi_unstable", "fd_write", false)),
    ] {
        let error = executor.load(name, wasm).expect_err(name);
        assert!(
            matches!(error.module_error().expect("it says why").kind, ModuleErrorKind::UnknownImport { .. }),
            "{error}"
        );
        tell(name, error.to_string());
    }
    insta::assert_snapshot!("programs_that_cannot_be_run", told);
}

/// A core module that exports `_start`, and imports something of WASI preview 1 and one thing more.
pub(crate) fn core_program(module: &str, name: &str, memory: bool) -> Vec<u8> {
    let section = |id: u8, content: Vec<u8>| [vec![id, content.len() as u8], content].concat();
    let text = |text: &str| [vec![text.len() as u8], text.as_bytes().to_vec()].concat();
    let function = |module: &str, name: &str| [text(module), text(name), vec![0, 0]].concat();
    // Shared, of one page.
    let other = if memory { [text(module), text(name), vec![2, 3, 1, 1]].concat() } else { function(module, name) };
    let imports = [vec![2], function("wasi_snapshot_preview1", "sched_yield"), other].concat();
    let start = if memory { 1 } else { 2 };
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vec![2, 0x60, 0, 1, 0x7f, 0x60, 0, 0]),
        section(2, imports),
        section(3, vec![1, 1]),
        section(7, [vec![1], text("_start"), vec![0, start]].concat()),
        section(10, vec![1, 2, 0, 0x0b]),
    ]
    .concat()
}

/// A command whose input comes from a pipe, and the other end.
fn piped(shell: &Shell, arguments: &[&str]) -> (Command, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (shell.command(arguments).stdin_from(reader), writer)
}

fn has_reader(writer: &PipeWriter) -> bool {
    let mut watched = [PollFd::new(writer.as_fd(), PollFlags::empty())];
    poll(&mut watched, PollTimeout::ZERO).expect("it can be asked");
    !watched[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLERR))
}

#[test]
fn input_is_read_as_it_comes_however_much_it_is() {
    let _house = support::house();
    let shell = Shell::open(&tool(), Executor::builder().max_argument_bytes(1 << 10));
    let (command, mut writer) = piped(&shell, &["grep", "last"]);
    let future = shell.executor.submit(command).expect("submits");
    // More than a pipe holds, and more than an argument may have.
    let line = "x".repeat(1023) + "\n";
    (0..4096).for_each(|_| writer.write_all(line.as_bytes()).expect("it is read"));
    writer.write_all(b"the last").expect("it is read");
    assert!(!future.done(), "it waits for the end");
    drop(writer);
    assert_eq!(*end_of(&future).expect("it ends by itself").stdout, *b"4097:the last\n");

    let (command, mut writer) = piped(&shell, &["first"]);
    writer.write_all(b"one\ntwo\n").expect("a pipe holds that");
    assert_eq!(*shell.end(command).expect("it wants no more").stdout, *b"one\n");
    until("nobody reads any more", || !has_reader(&writer));

    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"to be\n").expect("there is room");
    let file = File::open(file.path()).expect("it is there");
    assert_eq!(shell.run(shell.command(&["grep", "be"]).stdin_from(file)), said(0, "1:to be\n", ""));
    // The one that was given last counts.
    let (command, _writer) = piped(&shell, &["cat"]);
    assert_eq!(shell.run(command.stdin("bytes")), said(0, "bytes", ""));
}

#[test]
fn a_program_that_waits_for_input_can_be_stopped_and_its_pipe_is_let_go() {
    let _house = support::house();
    for interruption in [Interruption::Kill, Interruption::Epoch] {
        let shell = Shell::open(&tool(), Executor::builder().interruption(interruption));
        let waiting = |shell: &Shell| {
            let (command, writer) = piped(shell, &["first"]);
            let future = shell.executor.submit(command).expect("submits");
            until("it runs", || future.running());
            (future, writer)
        };
        let gone = |writer: PipeWriter| until("nobody reads any more", || !has_reader(&writer));
        let (future, writer) = waiting(&shell);
        assert!(future.cancel());
        assert!(matches!(error_of(&future), TaskError::Cancelled { .. }));
        gone(writer);
        let (command, writer) = piped(&shell, &["first"]);
        let limited = command.into_task().time_limit(Duration::from_millis(50));
        assert!(matches!(shell.end(limited), Err(TaskError::TimedOut { .. })));
        gone(writer);
        let lost = if interruption == Interruption::Epoch { 0 } else { 2 };
        // A worker that was killed is listed until it was reaped, and the next one when it is up.
        until(&format!("{interruption:?}: {lost} workers were lost"), || {
            let stats = shell.executor.stats();
            stats.workers_started - stats.workers.len() as u64 == lost
        });

        let (future, writer) = waiting(&shell);
        kill(only_worker(&shell.executor).pid);
        assert!(matches!(error_of(&future), TaskError::BrokenProcessPool(_)));
        gone(writer);
        assert_eq!(shell.run(shell.command(&["first"]).stdin("still\n")), said(0, "still\n", ""));
    }
}

#[test]
fn descriptors_that_a_worker_must_not_have_are_refused_before_anything_is_sent() {
    let _house = support::house();
    let shell = Shell::tool();
    let refused = |shell: &Shell, task: Task<(Bytes,), CommandOutput>| {
        let error = shell.executor.submit(task).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        error.to_string()
    };
    let (socket, _other) = UnixStream::pair().expect("two sockets");
    let folder = File::open("/").expect("it is there");
    let chance = Shell::open(&tool(), Executor::builder().deterministic(1));
    let told = [
        refused(&shell, shell.command(&["cat"]).stdin_from(socket).into_task()),
        refused(&shell, shell.command(&["cat"]).stdin_from(folder).into_task()),
        refused(&shell, piped(&shell, &["cat"]).0.into_task().retries(1)),
        refused(&chance, piped(&chance, &["cat"]).0.into_task()),
    ];
    insta::assert_snapshot!("descriptors_that_are_refused", told.join("\n"));
    assert_eq!(shell.executor.stats().workers_started, 0);
}

#[test]
fn a_program_whose_input_nobody_can_read_again_leaves_no_crash_bundle() {
    let _house = support::house();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shell = Shell::open(&tool(), Executor::builder().crash_bundles(folder.path()));
    let left = || std::fs::read_dir(folder.path()).expect("it is there").count();
    let (command, _writer) = piped(&shell, &["fail"]);
    assert!(shell.end(command).is_err());
    assert!(shell.end(shell.command(&["fail"])).is_err());
    // It waits for the files.
    shell.executor.shutdown(Shutdown::Finish);
    assert_eq!(left(), 1, "of the second one");
}
