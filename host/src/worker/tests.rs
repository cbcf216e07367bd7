//! The room's own tests: real worker processes. A worker is this very test program, which the constructor takes over.

use super::exit::{EXIT_NOT_A_WORKER, EXIT_SETUP, EXIT_STOPPED};
use crate::engine::testing::TASK_MODULE;
use crate::executor::{Execution, GuestOutput, Interruption, Overflow, Reuse};
use crate::ipc::{
    CallerChannel, ClaimLedger, CompileRequest, PROTOCOL_VERSION, Payload, Refusal, Reply, Request, Role, RunOptions,
    RunRequest, WorkerConfig,
};
use crate::limits::{MAX_ARTIFACT_BYTES, MIB};
use crate::sandbox::{Hardening, HardeningReport, ProcessLimits};
use crate::sys::{self, MemoryFile};
use crate::task::{ArtifactId, Grants, LogLevel, Outcome, TaskId, TaskLimits, TrapCode, WorkerId};
use isopool_guest::Codec;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

const ARTIFACT: ArtifactId = ArtifactId([9; 32]);

/// A process with the caller's end of its channel.
struct Process {
    /// `None`: a fork server's child.
    child: Option<Child>,
    channel: CallerChannel,
    received: VecDeque<(Reply, Vec<u8>)>,
    /// What it said of its sandbox.
    hardening: Option<HardeningReport>,
}

fn command(parent: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env_clear().env("ISOPOOL_WORKER", parent.to_string());
    command
}

fn config(role: Role) -> WorkerConfig {
    WorkerConfig {
        protocol: PROTOCOL_VERSION,
        role,
        index: 5,
        environment: vec![("NAME".into(), "value".into())],
        arguments: Vec::new(),
        grants: Grants::default(),
        reuse: Reuse::Never,
        execution: Execution::Speed,
        output: GuestOutput::Capture,
        log_level: Some(LogLevel::Trace),
        max_result_bytes: 64 * MIB as u64,
        interruption: Interruption::Kill,
        deterministic: None,
        overflow: Overflow::Drop,
        task_limits: TaskLimits::default(),
        max_argument_bytes: 64 * MIB as u64,
        max_depth: 10,
        max_host_function_calls: 0,
        max_host_function_bytes: 0,
        native_initializer: None,
        hardening: Hardening::default(),
        limits: ProcessLimits { memory_bytes: 4096 * MIB as u64, cpu_time: None, open_files: 256 },
        group: None,
    }
}

impl Process {
    fn start() -> Self {
        let (ours, theirs) = sys::socket_pair().expect("sockets");
        let child = command(std::process::id()).stdin(Stdio::from(theirs)).spawn().expect("started");
        Self { child: Some(child), ..Self::of_another(ours) }
    }

    /// One that is another process's child.
    fn of_another(socket: OwnedFd) -> Self {
        let channel = CallerChannel::with_descriptors(socket, MAX_ARTIFACT_BYTES as u64).expect("channel");
        Self { child: None, channel, received: VecDeque::new(), hardening: None }
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is a child of this process").id()
    }

    fn send(&mut self, request: &Request, payload: &[u8], descriptor: Option<OwnedFd>) {
        let payload: Payload = Arc::new(payload.to_vec());
        self.channel.queue(request, Some(&payload), descriptor.map(Arc::new)).expect("queued");
    }

    /// The next reply; `None` when the worker has closed its end.
    fn reply(&mut self) -> Option<(Reply, Vec<u8>)> {
        use crate::ipc::Received;
        loop {
            match self.received.pop_front() {
                Some((Reply::Hardened { report }, _)) => {
                    self.hardening = report.checked();
                    continue;
                }
                Some(reply) => return Some(reply),
                None => {}
            }
            self.channel.flush().expect("sent");
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, self.channel.wants_to_send());
            poll(&mut [PollFd::new(self.channel.as_fd(), events)], PollTimeout::NONE).expect("poll");
            let received = &mut self.received;
            let state = self.channel.receive(|reply, payload| received.push_back((reply, payload))).expect("valid");
            if state == Received::Closed && self.received.is_empty() {
                return None;
            }
        }
    }

    fn exit_code(mut self) -> i32 {
        self.channel.flush().expect("sent");
        drop(self.channel);
        self.child.take().expect("it is a child of this process").wait().expect("waited").code().expect("no signal")
    }
}

fn compiled(wasm: &[u8]) -> Result<MemoryFile, Refusal> {
    let mut compiler = Process::start();
    let file = MemoryFile::create("artifact").expect("memory file");
    compiler.send(&Request::Configure(config(Role::Compiler)), &[], None);
    let theirs = file.as_fd().try_clone_to_owned().expect("dup");
    compiler.send(&Request::Compile(CompileRequest::MachineCode { initializer: None }), wasm, Some(theirs));
    assert!(matches!(compiler.reply(), Some((Reply::Ready { .. }, _))));
    let answer = match compiler.reply() {
        Some((Reply::Compiled(compiled), _)) => {
            assert_eq!(compiled.info.compiled_bytes, compiled.artifact_bytes);
            Ok(file)
        }
        Some((Reply::Refused(refusal), _)) => Err(refusal),
        other => panic!("expected a compiled module, got {other:?}"),
    };
    compiler.send(&Request::Stop, &[], None);
    assert_eq!(compiler.exit_code(), EXIT_STOPPED);
    answer.inspect(|file| file.seal_all().expect("sealed"))
}

/// A worker with the test module, and the claims of its tasks.
fn worker() -> (Process, ClaimLedger) {
    let file = compiled(TASK_MODULE).expect("compiles");
    let claims = ClaimLedger::create().expect("claims");
    let mut worker = Process::start();
    let table = claims.table().descriptor().try_clone_to_owned().expect("dup");
    worker.send(&Request::Configure(config(Role::Worker)), &[], Some(table));
    worker.send(&Request::Load { artifact: ARTIFACT }, &[], Some(file.into()));
    let Some((Reply::Ready { protocol, version }, _)) = worker.reply() else { panic!("not ready") };
    assert_eq!((protocol, version.as_str()), (PROTOCOL_VERSION, env!("CARGO_PKG_VERSION")));
    (worker, claims)
}

fn run(task: u64, claims: &mut ClaimLedger, function: &str) -> RunRequest {
    let claim = claims.offer().expect("free");
    let (task, function, options, objects) = (TaskId(task), function.into(), RunOptions::default(), Vec::new());
    let codec = Codec::Bincode;
    RunRequest {
        task,
        claim,
        artifact: ARTIFACT,
        function,
        codec,
        objects,
        options,
        depth: 0,
        lent_to: None,
        streams_input: false,
    }
}

#[test]
fn a_worker_runs_tasks_one_after_another_and_stops_when_told() {
    let (mut worker, mut claims) = worker();
    worker.send(&Request::Run(run(1, &mut claims, "echo")), b"first", None);
    worker.send(&Request::Run(run(2, &mut claims, "unreachable")), b"", None);
    worker.send(&Request::Run(run(3, &mut claims, "echo")), &vec![7; 3 * MIB], None);
    let Some((Reply::Done { task, outcome, .. }, result)) = worker.reply() else { panic!("no answer") };
    assert_eq!((task, outcome, &result[..]), (TaskId(1), Outcome::Returned, &b"first"[..]));
    let Some((Reply::Done { outcome: Outcome::Trapped(trap), .. }, _)) = worker.reply() else { panic!("no trap") };
    assert_eq!(trap.code, TrapCode::Unreachable);
    let Some((Reply::Done { task, .. }, result)) = worker.reply() else { panic!("no answer") };
    assert!(task == TaskId(3) && result == vec![7; 3 * MIB]);
    worker.send(&Request::Stop, &[], None);
    worker.channel.flush().expect("sent");
    assert_eq!(worker.reply(), None);
    assert_eq!(worker.exit_code(), EXIT_STOPPED);
}

#[test]
fn a_task_that_was_taken_back_is_skipped() {
    let (mut worker, mut claims) = worker();
    let (first, second) = (run(1, &mut claims, "echo"), run(2, &mut claims, "echo"));
    assert!(claims.table().reclaim(first.claim));
    worker.send(&Request::Run(first), b"", None);
    worker.send(&Request::Run(second.clone()), b"", None);
    let Some((Reply::Done { task, .. }, _)) = worker.reply() else { panic!("no answer") };
    assert_eq!(task, TaskId(2));
    assert!(claims.table().has_begun(second.claim));
}

#[test]
fn log_records_come_before_the_end_of_their_task() {
    let (mut worker, mut claims) = worker();
    worker.send(&Request::Run(run(1, &mut claims, "log")), &1u16.to_le_bytes(), None);
    for expected in [LogLevel::Error, LogLevel::Debug] {
        let Some((Reply::Log { task, record }, _)) = worker.reply() else { panic!("no record") };
        assert_eq!((task, record.level), (TaskId(1), expected));
    }
    assert!(matches!(worker.reply(), Some((Reply::Done { .. }, _))));
}

#[test]
fn a_worker_has_one_thread_and_only_the_descriptors_it_needs() {
    let (mut worker, mut claims) = worker();
    worker.send(&Request::Run(run(1, &mut claims, "echo")), b"", None);
    assert!(matches!(worker.reply(), Some((Reply::Done { .. }, _))));
    let pid = worker.pid();
    assert_eq!(std::fs::read_dir(format!("/proc/{pid}/task")).expect("alive").count(), 1);
    let what = descriptors(pid);
    // The claim table; the module, which the engine has opened once more; the channel.
    assert_eq!(what.len(), 4, "{what:?}");
    assert!(what[..3].iter().all(|file| file.starts_with("/memfd:")) && what[3].starts_with("socket:"), "{what:?}");
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).expect("alive"), std::path::Path::new("/"));
}

/// A fork server that was asked for two workers at once, so that the second one's channel was read ahead of the first fork.
fn fork_server() -> (Process, Vec<Process>, Vec<u32>) {
    let file = compiled(TASK_MODULE).expect("compiles");
    let mut server = Process::start();
    server.send(&Request::Configure(config(Role::ForkServer)), &[], None);
    server.send(&Request::Load { artifact: ARTIFACT }, &[], Some(file.into()));
    let mut ours = Vec::new();
    for number in 0..2 {
        let (socket, theirs) = sys::socket_pair().expect("sockets");
        server.send(&Request::Fork { worker: WorkerId(number) }, &[], Some(theirs));
        ours.push(socket);
    }
    assert!(matches!(server.reply(), Some((Reply::Ready { .. }, _))));
    let mut pids = Vec::new();
    for number in 0..2 {
        let Some((Reply::Forked { worker, pid }, _)) = server.reply() else { panic!("not forked") };
        assert_eq!(worker, WorkerId(number));
        pids.push(pid);
    }
    let workers = ours.into_iter().map(Process::of_another).collect();
    (server, workers, pids)
}

/// The descriptors of a process beside the standard ones, in words.
fn descriptors(pid: u32) -> Vec<String> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("alive").map(|entry| entry.expect("alive").path());
    let beside_the_standard_ones = open.filter(|path| !["0", "1", "2"].iter().any(|fd| path.ends_with(fd)));
    let mut what: Vec<_> =
        beside_the_standard_ones.map(|path| std::fs::read_link(path).expect("open").display().to_string()).collect();
    what.sort();
    what
}

// behaviour: B50
#[test]
fn a_fork_server_forks_workers_that_have_their_module_and_nothing_of_one_another() {
    let (mut server, mut workers, pids) = fork_server();
    for (worker, &pid) in workers.iter_mut().zip(&pids) {
        let mut claims = ClaimLedger::create().expect("claims");
        let table = claims.table().descriptor().try_clone_to_owned().expect("dup");
        worker.send(&Request::Configure(config(Role::Worker)), &[], Some(table));
        worker.send(&Request::Run(run(1, &mut claims, "echo")), b"first", None);
        worker.send(&Request::Run(run(2, &mut claims, "unreachable")), b"", None);
        assert!(matches!(worker.reply(), Some((Reply::Ready { .. }, _))));
        let Some((Reply::Done { outcome, .. }, result)) = worker.reply() else { panic!("no answer") };
        assert_eq!((outcome, &result[..]), (Outcome::Returned, &b"first"[..]));
        let trapped = worker.reply();
        assert!(matches!(trapped, Some((Reply::Done { outcome: Outcome::Trapped(_), .. }, _))), "{trapped:?}");
        // The claim table; the module, which the engine has opened once more; the channel.
        let what = descriptors(pid);
        assert_eq!(what.len(), 4, "{what:?}");
        assert!(what[..3].iter().all(|file| file.starts_with("/memfd:")) && what[3].starts_with("socket:"), "{what:?}");
    }
    // The module, its channel, and a descriptor for each worker.
    let what = descriptors(server.pid());
    assert_eq!(what.iter().filter(|file| file.starts_with("socket:")).count(), 1, "{what:?}");
    assert_eq!(what.iter().filter(|file| file.contains("pidfd")).count(), 2, "{what:?}");
    let second = workers.pop().expect("two were forked");
    drop(second);
    let Some((Reply::Ended { worker, status }, _)) = server.reply() else { panic!("not told") };
    assert_eq!((worker, status), (WorkerId(1), sys::WaitStatus::Exited(EXIT_STOPPED)));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pids[0].cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .expect("it lives");
    let Some((Reply::Ended { worker, status }, _)) = server.reply() else { panic!("not told") };
    assert_eq!((worker, status), (WorkerId(0), sys::WaitStatus::Signaled(15)));
    server.send(&Request::Stop, &[], None);
    assert_eq!(server.exit_code(), EXIT_STOPPED);
}

// behaviour: B50, B19
#[test]
fn a_fork_server_whose_caller_is_gone_leaves_and_its_workers_with_it() {
    let (server, workers, pids) = fork_server();
    assert_eq!(server.exit_code(), EXIT_STOPPED);
    for (worker, pid) in workers.into_iter().zip(pids) {
        // Its end of the channel is closed when it is gone.
        let mut watched = [PollFd::new(worker.channel.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut watched, PollTimeout::from(10_000u16)), Ok(1), "the worker {pid} is still there");
    }
}

#[test]
fn a_worker_whose_caller_is_gone_leaves() {
    let (worker, _claims) = worker();
    assert_eq!(worker.exit_code(), EXIT_STOPPED);
}

#[test]
fn a_caller_of_another_protocol_is_told_so() {
    let mut worker = Process::start();
    worker.send(&Request::Configure(WorkerConfig { protocol: 999, ..config(Role::Worker) }), &[], None);
    let Some((Reply::Ready { protocol, .. }, _)) = worker.reply() else { panic!("no answer") };
    assert_eq!(protocol, PROTOCOL_VERSION);
    assert_eq!(worker.reply(), None);
    assert_eq!(worker.exit_code(), EXIT_STOPPED);
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    assert_eq!(compiled(b"#!/bin/sh").expect_err("refused"), Refusal::NotWasm { starts_with: b"#!/bin/sh".to_vec() });
}

fn leaves(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("started");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

#[test]
fn a_program_with_the_variable_and_no_channel_says_so_and_leaves() {
    let (code, said) = leaves(command(std::process::id()).stdin(Stdio::null()));
    assert_eq!(code, Some(EXIT_NOT_A_WORKER));
    assert!(said.contains("ISOPOOL_WORKER is set, but standard input is no channel of isopool"), "{said}");
    assert_eq!(said.lines().count(), 1);
    let (_ours, theirs) = sys::socket_pair().expect("sockets");
    let (code, said) = leaves(command(1).env("ISOPOOL_WORKER", "yes").stdin(Stdio::from(theirs)));
    assert_eq!(code, Some(EXIT_NOT_A_WORKER));
    assert!(said.contains("is no process id"), "{said}");
}

#[test]
fn a_worker_whose_parent_is_another_process_leaves() {
    let (_ours, theirs) = sys::socket_pair().expect("sockets");
    let (code, said) = leaves(command(1).stdin(Stdio::from(theirs)));
    assert_eq!(code, Some(EXIT_SETUP));
    assert!(said.contains("process 1 started this worker"), "{said}");
}
