//! The program `survey` from outside: what it prints, its exit codes, and what an interrupt leaves.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn survey(arguments: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_survey"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("ISOPOOL_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

fn output(arguments: &[&Path]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = survey(arguments).output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (status.code(), text(stdout), text(stderr))
}

/// The parent of a process that has not ended.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next() == Some("Z") { None } else { fields.next()?.parse().ok() }
}

/// The workers of a program that runs.
fn children(parent: u32) -> Vec<u32> {
    let names =
        fs::read_dir("/proc").expect("Linux has it").filter_map(|item| item.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).filter(|&pid| parent_of(pid) == Some(parent)).collect()
}

#[test]
fn files_that_cannot_be_surveyed_are_told_by_reason_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in [("good.txt", &b"one two\n"[..]), ("bad.txt", b"\xff"), ("empty.txt", b"")] {
        fs::write(folder.path().join(name), content).expect("writable");
    }
    let gone = folder.path().join("gone.txt");
    std::os::unix::fs::symlink("nowhere", &gone).expect("writable");
    let (code, out, err) = output(&[folder.path(), &gone]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("total        2 files, 8 bytes, 1 lines, 2 words"), "{out}");
    assert!(out.contains("1 × not UTF-8\n") && out.contains("bad.txt: at byte 0"), "{out}");
    assert!(out.contains("1 × cannot be read: no such file or directory\n"), "{out}");
}

#[test]
fn what_is_wrong_from_the_start_has_an_exit_code_and_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, out, err) = output(&[&folder.path().join("missing")]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("does not exist or cannot be reached; name files or directories that do"), "{err}");
    let (code, out, err) = output(&[folder.path()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("no text or source file in what was named; --any-name"), "{err}");
}

#[test]
fn one_interrupt_stops_the_work_shows_what_was_done_and_leaves_no_worker() {
    let folder = tempfile::tempdir().expect("a folder");
    // Half a minute of work that takes no room on a disk: files of nothing but zeros, which are text.
    for number in 0..100 {
        let file = File::create(folder.path().join(format!("{number}.txt"))).expect("writable");
        file.set_len(16 << 20).expect("a file may have holes");
    }
    let mut program = survey(&[folder.path()]).spawn().expect("the program starts");
    let patience = Instant::now() + Duration::from_secs(60);
    let workers = loop {
        let workers = children(program.id());
        if !workers.is_empty() {
            break workers;
        }
        assert!(
            Instant::now() < patience && program.try_wait().expect("it can be asked").is_none(),
            "it has no workers"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let pid = nix::unistd::Pid::from_raw(program.id().try_into().expect("process ids are small"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let interrupted = Instant::now();
    let status = program.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(20), "{:?}", interrupted.elapsed());
    let (mut out, mut err) = (String::new(), String::new());
    program.stdout.take().expect("it is a pipe").read_to_string(&mut out).expect("text");
    program.stderr.take().expect("it is a pipe").read_to_string(&mut err).expect("text");
    assert!(
        out.contains("total        ") && err.ends_with("interrupted; the table shows what was done\n"),
        "{out}{err}"
    );
    assert!(workers.iter().all(|&pid| parent_of(pid).is_none()), "{workers:?}");
}

#[test]
fn reader_that_has_gone_ends_the_program_in_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("good.txt"), "one two\n").expect("writable");
    let mut program = survey(&[folder.path()]).spawn().expect("the program starts");
    drop(program.stdout.take());
    let output = program.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
