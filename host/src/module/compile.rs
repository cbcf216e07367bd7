//! Compilation, and snapshots: one process for one module, watched and bounded in time.

use crate::error::{BrokenCause, ModuleErrorKind};
use crate::ipc::{
    CallerChannel, ChannelError, CompileRequest, Compiled, InitializerCall, PROTOCOL_VERSION, Payload, Received,
    Refusal, Reply, Request, WorkerConfig, last_words,
};
use crate::limits::{COMPILE_UNTOUCHED_BYTES, HANG_UP_GRACE, MAX_ARTIFACT_BYTES, MAX_FUNCTIONS, MAX_MODULE_BYTES};
use crate::process::{self, Child, Guise, Program};
use crate::sandbox::NotHardened;
use crate::sys::{MemoryFile, WaitStatus};
use crate::task::{Manifest, ModuleInfo, SystemCall};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A reply of another request, or of a request of another kind.
const UNASKED: &str = "it sent a reply that nobody had asked for";

/// The first eight bytes of every component: `\0asm`, version 13, layer 1.
const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// Compiles a module in a process of its own; the machine code is sealed.
pub(super) fn compile(
    wasm: Payload,
    initializer: Option<InitializerCall>,
    program: &Program,
    config: WorkerConfig,
    time_limit: Duration,
) -> Result<(ModuleInfo, MemoryFile), ModuleErrorKind> {
    let request = CompileRequest::MachineCode { initializer };
    let (Reply::Compiled(compiled), artifact) = ask(wasm, request, program, config, time_limit)? else {
        return Err(died(UNASKED));
    };
    check(&compiled, &artifact)?;
    artifact.seal_all().map_err(|error| system("the compiled module could not be sealed", &error))?;
    Ok((compiled.info, artifact))
}

/// Has a module's function called in a process of its own; gives the component as it is after that.
pub(super) fn snapshot(
    wasm: Payload,
    call: InitializerCall,
    program: &Program,
    config: WorkerConfig,
    time_limit: Duration,
) -> Result<Vec<u8>, ModuleErrorKind> {
    let function = call.function.clone();
    let with_function = |kind| match kind {
        ModuleErrorKind::Initializer { message } => ModuleErrorKind::Snapshot { function: function.clone(), message },
        kind => kind,
    };
    let (reply, file) =
        ask(wasm, CompileRequest::Snapshot { call }, program, config, time_limit).map_err(with_function)?;
    let Reply::Snapshotted { bytes } = reply else { return Err(died(UNASKED)) };
    let size = file.len().map_err(|error| system("the snapshot cannot be read", &error))?;
    if size != bytes {
        return Err(died(&format!("it said {bytes} bytes of a snapshot and wrote {size}")));
    }
    if size > MAX_MODULE_BYTES as u64 {
        let message = format!("it has {size} bytes, the limit is {MAX_MODULE_BYTES} (limits::MAX_MODULE_BYTES)");
        return Err(ModuleErrorKind::Snapshot { function, message });
    }
    // Whoever wrote it is gone.
    let mut wasm = vec![0; size as usize];
    file.read_exact_at(&mut wasm, 0).map_err(|error| system("the snapshot cannot be read", &error))?;
    if !wasm.starts_with(COMPONENT_HEADER) {
        return Err(died("it wrote a snapshot that is no component"));
    }
    Ok(wasm)
}

/// Has one process make something of a module, and waits until it is gone; what it said, and what it wrote.
fn ask(
    wasm: Payload,
    request: CompileRequest,
    program: &Program,
    config: WorkerConfig,
    time_limit: Duration,
) -> Result<(Reply, MemoryFile), ModuleErrorKind> {
    let memory_limit = config.limits.memory_bytes;
    let artifact = MemoryFile::create("isopool-artifact").map_err(|error| system("no memory file", &error))?;
    let theirs: OwnedFd = artifact.as_fd().try_clone_to_owned().map_err(|error| system("no descriptor", &error))?;
    let mut compiler = Compiler::start(program).map_err(|error| {
        system(&format!("the compile worker `{}` could not be started", program.path().display()), &error)
    })?;
    let answer = compiler.ask(config, request, wasm, theirs, time_limit);
    // Whatever it said: it must be gone before its memory file can be sealed.
    let ended = compiler.end(matches!(answer, Err(Silence::Closed)), memory_limit);
    match answer {
        Ok(Reply::Refused(refusal)) => Err(refused(refusal)),
        Ok(reply) => Ok((reply, artifact)),
        Err(silence) => Err(why(silence, ended, time_limit)),
    }
}

/// What to tell of a process that gave no answer, and `ended` so.
fn why(silence: Silence, ended: ModuleErrorKind, time_limit: Duration) -> ModuleErrorKind {
    match silence {
        Silence::TimedOut => ModuleErrorKind::CompileTimeout { limit: time_limit },
        Silence::NotHardened(error) => {
            ModuleErrorKind::System { message: format!("its compile worker cannot be locked in: {error}") }
        }
        Silence::Denied(call) => died(&BrokenCause::SyscallDenied { syscall: Some(call) }.to_string()),
        Silence::Closed => ended,
        Silence::OtherBuild(message) | Silence::Left(message) => died(&message),
        Silence::NotReady(message) => {
            ModuleErrorKind::System { message: format!("its compile worker could not make itself ready: {message}") }
        }
        Silence::Channel(error) => died(&error.to_string()),
    }
}

fn system(what: &str, error: &io::Error) -> ModuleErrorKind {
    ModuleErrorKind::System { message: format!("{what}: {}", process::explained(error)) }
}

fn died(message: &str) -> ModuleErrorKind {
    ModuleErrorKind::CompilerDied { message: message.to_owned() }
}

/// What a compile worker says is bounded and consistent, or not taken.
fn check(compiled: &Compiled, artifact: &MemoryFile) -> Result<(), ModuleErrorKind> {
    let size = artifact.len().map_err(|error| system("the compiled module cannot be read", &error))?;
    if size != compiled.artifact_bytes || size == 0 || size > MAX_ARTIFACT_BYTES as u64 {
        let said = compiled.artifact_bytes;
        return Err(died(&format!("it said {said} bytes of machine code and wrote {size}")));
    }
    if compiled.info.functions.len() > MAX_FUNCTIONS {
        let count = compiled.info.functions.len();
        let message = format!("it lists {count} functions, the limit is {MAX_FUNCTIONS} (limits::MAX_FUNCTIONS)");
        return Err(ModuleErrorKind::Describe { message });
    }
    let manifest = compiled.info.manifest.as_ref();
    manifest.map_or(Ok(()), Manifest::check).map_err(|message| ModuleErrorKind::Manifest { message })
}

fn refused(refusal: Refusal) -> ModuleErrorKind {
    match refusal {
        Refusal::NotWasm { starts_with } => ModuleErrorKind::NotWasm { starts_with },
        Refusal::Invalid { message } => ModuleErrorKind::Invalid { message },
        Refusal::CoreModule { exports } => ModuleErrorKind::CoreModule { exports },
        Refusal::OtherWorld { exports } => ModuleErrorKind::OtherWorld { exports },
        Refusal::OtherVersion { module, host } => ModuleErrorKind::OtherVersion { module, host },
        Refusal::UnknownImport { message } => ModuleErrorKind::UnknownImport { message },
        Refusal::Compile { message } => ModuleErrorKind::Compile { message },
        Refusal::Describe { message } => ModuleErrorKind::Describe { message },
        Refusal::Initializer { message } => ModuleErrorKind::Initializer { message },
        Refusal::Artifact { message } => ModuleErrorKind::System { message },
        Refusal::Manifest { message } => ModuleErrorKind::Manifest { message },
    }
}

/// Why no answer came.
enum Silence {
    TimedOut,
    Closed,
    OtherBuild(String),
    /// It said why it left before it was ready.
    NotReady(String),
    /// It said why it left later.
    Left(String),
    Channel(ChannelError),
    /// It lacks a layer that is required.
    NotHardened(NotHardened),
    /// It says that a system call of it was denied.
    Denied(SystemCall),
}

struct Compiler {
    child: Child,
    channel: CallerChannel,
}

impl Compiler {
    fn start(program: &Program) -> io::Result<Self> {
        let (child, socket) = process::spawn(program, Guise::Worker)?;
        Ok(Self { child, channel: CallerChannel::new(socket, 0)? })
    }

    /// Sends the module and waits for the answer, for the end of the process, or for the end of the patience.
    fn ask(
        &mut self,
        config: WorkerConfig,
        request: CompileRequest,
        wasm: Payload,
        artifact: OwnedFd,
        time_limit: Duration,
    ) -> Result<Reply, Silence> {
        let deadline = Instant::now() + time_limit;
        self.channel.queue(&Request::Configure(config), None, None).map_err(Silence::Channel)?;
        self.channel
            .queue(&Request::Compile(request), Some(&wasm), Some(Arc::new(artifact)))
            .map_err(Silence::Channel)?;
        // One read may bring several: a module that is refused at once has its answer right behind the greeting.
        let mut replies = Vec::new();
        let mut is_ready = false;
        loop {
            // It may have died already; what it said before is read below.
            let sent = self.channel.flush();
            let received = self.channel.receive(|reply, _| replies.push(reply));
            for reply in replies.drain(..) {
                match reply {
                    Reply::Ready { protocol, .. } if protocol == PROTOCOL_VERSION => is_ready = true,
                    Reply::Ready { version, .. } => {
                        let ours = env!("CARGO_PKG_VERSION");
                        return Err(Silence::OtherBuild(format!("it is isopool {version}, this program has {ours}")));
                    }
                    Reply::Leaves { message } if is_ready => return Err(Silence::Left(last_words(message))),
                    Reply::Leaves { message } => return Err(Silence::NotReady(last_words(message))),
                    // It says it for itself alone, and no guest of others runs in it.
                    Reply::Hardened { .. } if !is_ready => {}
                    Reply::NotHardened { error } => return Err(Silence::NotHardened(error)),
                    Reply::Denied { syscall } => {
                        return Err(Silence::Denied(SystemCall::of_number(u32::from_le_bytes(syscall))));
                    }
                    reply => return Ok(reply),
                }
            }
            match received.map_err(Silence::Channel)? {
                Received::Some => continue,
                Received::Closed => return Err(Silence::Closed),
                Received::All if sent.is_err() => return Err(Silence::Closed),
                Received::All => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Silence::TimedOut);
            }
            self.wait(left);
        }
    }

    fn wait(&self, left: Duration) {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, self.channel.wants_to_send());
        let mut watched =
            [PollFd::new(self.channel.as_fd(), flags), PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        // Woken for whatever reason, the caller looks again at everything.
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => tracing::error!(%error, "poll failed"),
        }
    }

    fn wait_for_end(&self, grace: Duration) {
        let timeout = PollTimeout::try_from(grace).unwrap_or(PollTimeout::MAX);
        // However it comes out, the process is killed after that.
        let _ = poll(&mut [PollFd::new(self.child.pidfd.as_fd(), PollFlags::POLLIN)], timeout);
    }

    /// Makes sure that the process is gone, and says how it went. One that `is_leaving` gets a moment to do so: else the
    /// signal from here would hide what ended it.
    fn end(self, is_leaving: bool, memory_limit: u64) -> ModuleErrorKind {
        if is_leaving {
            self.wait_for_end(HANG_UP_GRACE);
        }
        if let Err(error) = self.child.pidfd.signal(Signal::SIGKILL) {
            tracing::error!(%error, "a compile worker could not be killed");
        }
        match self.child.pidfd.wait_with_peak() {
            Ok((status, peak)) if is_out_of_memory(status, peak, memory_limit) => {
                ModuleErrorKind::CompileMemory { limit: memory_limit }
            }
            Ok((status, _)) => died(&process::cause_of(status).to_string()),
            Err(error) => died(&error.to_string()),
        }
    }
}

/// A program that is refused memory aborts. Its last request is not known; a block that grows to twice its size is refused
/// when a third of the limit is used.
fn is_out_of_memory(status: WaitStatus, peak: u64, limit: u64) -> bool {
    status == WaitStatus::Signaled(libc::SIGABRT) && peak.saturating_add(COMPILE_UNTOUCHED_BYTES) >= limit / 3
}
