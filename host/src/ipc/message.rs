//! What the two ends of a channel say to each other: one type per direction.

use crate::limits::MAX_MESSAGE_BYTES;
use crate::sandbox::{Bait, Escape, Hardening, HardeningReport, NotHardened, ProcessLimits};
use crate::sys::WaitStatus;
use crate::task::{
    ArtifactId, ChildEnd, Grants, HostAnswer, InitializerCall, Limit, LogLevel, LogRecord, ModuleInfo, ObjectSpec,
    Outcome, Progress, Refusal, RunReport, TaskId, TaskLimits, WorkerId,
};
use isopool_guest::sync::ObjectId;
use serde::{Deserialize, Serialize};

/// Raised whenever a message changes. Both ends must have the same: a named worker program may be of another build.
pub(crate) const PROTOCOL_VERSION: u32 = 9;

/// Tells a process that it is a worker, with its channel as standard input; its value is the caller's process id, and for
/// a process that runs a native function [`NATIVE_SUFFIX`] after it.
pub(crate) const WORKER_VARIABLE: &str = "ISOPOOL_WORKER";

/// See [`WORKER_VARIABLE`].
pub(crate) const NATIVE_SUFFIX: &str = " native";

/// Caller → worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first word on every channel. Answered by `Ready`. For a worker (not a compiler) its claim table comes with
    /// it as a descriptor.
    Configure(WorkerConfig),
    /// Load machine code; a sealed memory file comes with it as a descriptor. Not answered: a failure shows as the
    /// outcome of the tasks that need it.
    Load { artifact: ArtifactId },
    /// Run a task, if its claim can still be taken; its arguments are the payload. Answered by `Done`, or not at all
    /// when the claim is gone.
    Run(RunRequest),
    /// Compile a module, or make a snapshot of it (compile workers only). The wasm is the payload, and an empty memory file
    /// for what is made comes with it as a descriptor. Answered by `Compiled` or `Snapshotted`, or by `Refused`.
    Compile(CompileRequest),
    /// Fork a worker (fork servers only); its end of its channel comes with it as a descriptor. Answered by `Forked`, and by
    /// `Ended` when it has ended, or by `NotForked`.
    Fork { worker: WorkerId },
    /// A descriptor among the arguments of the `Call` that follows.
    Attach,
    /// Call a native function; its arguments are the payload. The last word to a native process. Answered by `Called`.
    Call { function: String },
    /// Leave when everything before is done.
    Stop,
    /// Map a shared object, whose memory file comes with it as a descriptor, for the tasks that name it, or for the native
    /// function that is called next. `holder` is the mark under which the process holds it (see `sync`). Not answered: a
    /// process that cannot leaves.
    Share { object: ObjectId, spec: ObjectSpec, holder: u64 },
    /// Forget a shared object: no task will name it again.
    Unshare { object: ObjectId },
    /// A child of a task has ended; its encoded result is the payload.
    ChildEnded { parent: TaskId, child: u32, end: ChildEnd },
    /// Try to get out (probes only). Answered by `Tried`, if the process lives.
    TryEscape { escape: Escape, bait: Bait },
    /// A call of a host function has ended; what it returned is the payload. `call` is the number that the worker gave it.
    HostAnswer { task: TaskId, call: u64, answer: HostAnswer },
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Runs tasks.
    Worker,
    /// Compiles one module, then leaves.
    Compiler,
    /// Has everything ready that a worker needs, and forks workers.
    ForkServer,
    /// Is locked in as a worker is, and tries to get out.
    Probe,
}

/// What a new process must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerConfig {
    pub(crate) protocol: u32,
    pub(crate) role: Role,
    /// 0 ≤ index < max_workers.
    pub(crate) index: u32,
    /// The guests' environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The guests' arguments.
    pub(crate) arguments: Vec<String>,
    /// What the guests may reach.
    pub(crate) grants: Grants,
    pub(crate) reuse: crate::executor::Reuse,
    pub(crate) execution: crate::executor::Execution,
    pub(crate) interruption: crate::executor::Interruption,
    /// The seed of guests that see nothing of the world but their arguments.
    pub(crate) deterministic: Option<u64>,
    pub(crate) overflow: crate::executor::Overflow,
    /// Of each task, unless it has lower ones.
    pub(crate) task_limits: TaskLimits,
    pub(crate) hardening: Hardening,
    /// Of the whole process.
    pub(crate) limits: ProcessLimits,
    /// The control group that the process is to go into.
    pub(crate) group: Option<String>,
    pub(crate) output: crate::executor::GuestOutput,
    /// The least severe level that the caller listens to; `None`: no logs at all.
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) max_result_bytes: u64,
    /// Of the arguments of a nested task.
    pub(crate) max_argument_bytes: u64,
    /// How deep tasks may be nested.
    pub(crate) max_depth: u32,
    /// How often one task may call host functions.
    pub(crate) max_host_function_calls: u64,
    /// Of the arguments of one call of a host function, and of what it returns.
    pub(crate) max_host_function_bytes: u64,
    /// A native function that a worker calls before anything else.
    pub(crate) native_initializer: Option<NativeCall>,
}

impl WorkerConfig {
    /// What the machine code that its process makes or loads depends on.
    pub(crate) fn flavour(&self) -> crate::executor::Flavour {
        crate::executor::Flavour {
            execution: self.execution,
            interruption: self.interruption,
            fuel: self.task_limits.get(Limit::Fuel) != u64::MAX,
            deterministic: self.deterministic.is_some(),
        }
    }
}

/// A call of a native function of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NativeCall {
    pub(crate) function: String,
    pub(crate) argument: Vec<u8>,
    /// How many `Share` follow the configuration at once: the shared objects among the arguments.
    pub(crate) objects: u32,
}

/// How a call of a native function ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NativeEnd {
    /// It returned; what it returned is the payload.
    Returned,
    /// It returned an error, in its own words.
    Failed { message: String },
    /// It panicked.
    Panicked { message: String, place: String },
    /// Arguments or result do not go through the codec.
    Codec { message: String },
    /// The program has no such function.
    Unknown { registered: Vec<String> },
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRequest {
    pub(crate) task: TaskId,
    /// See [`ClaimTable`](super::ClaimTable).
    pub(crate) claim: super::ClaimTicket,
    pub(crate) artifact: ArtifactId,
    pub(crate) function: String,
    pub(crate) codec: isopool_guest::Codec,
    /// The shared objects that it may use; each was shared with the worker before.
    pub(crate) objects: Vec<ObjectId>,
    pub(crate) options: RunOptions,
    /// 0: the caller has submitted it; 1: a task of the caller's has, ….
    pub(crate) depth: u32,
    /// To be run while this task, its parent, waits; if that waits no more, not at all.
    pub(crate) lent_to: Option<TaskId>,
    /// What the program reads comes with it as a descriptor, instead of with the payload.
    pub(crate) streams_input: bool,
}

/// What a task has that others of its executor have not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunOptions {
    /// Beside the executor's, and before it where names are equal.
    pub(crate) environment: Vec<(String, String)>,
    /// `None`: as the executor says.
    pub(crate) output: Option<crate::executor::GuestOutput>,
    /// Below the executor's.
    pub(crate) limits: Vec<(Limit, u64)>,
    /// After the executor's.
    pub(crate) arguments: Vec<String>,
}

/// What is made of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CompileRequest {
    /// Machine code; `initializer` is called once before the snapshot that every instance starts from.
    MachineCode { initializer: Option<InitializerCall> },
    /// A component again, as it is after this call.
    Snapshot { call: InitializerCall },
}

/// Worker → caller. Everything in it is hostile until checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The process is up. `version` is the version of the isopool that it was built with.
    Ready { protocol: u32, version: String },
    /// A task has ended; its encoded result is the payload.
    Done { task: TaskId, outcome: Outcome, report: RunReport },
    /// A guest's log record.
    Log { task: TaskId, record: LogRecord },
    /// The machine code is in the memory file.
    Compiled(Compiled),
    /// The module cannot be used.
    Refused(Refusal),
    /// The process cannot go on, and leaves: its last words.
    Leaves { message: String },
    /// A worker was forked; a descriptor of its process comes with it.
    Forked { worker: WorkerId, pid: u32 },
    /// A worker could not be forked.
    NotForked { worker: WorkerId, errno: i32 },
    /// A worker that was forked has ended, in this way.
    Ended { worker: WorkerId, status: WaitStatus },
    /// The native initializer did not end well; this worker leaves.
    InitializerFailed { message: String },
    /// A native function has ended; what it returned is the payload.
    Called(NativeEnd),
    /// How far a task is, at most once in [`PROGRESS_INTERVAL`](crate::limits::PROGRESS_INTERVAL).
    Progress { task: TaskId, progress: Progress },
    /// A task has submitted another one, a function of its own module; the encoded arguments are the payload. Numbers
    /// grow by one for each child of a task. Answered by `ChildEnded`.
    Submit { parent: TaskId, child: u32, function: String, codec: String },
    /// A task waits for a child, and this worker can run children of that task meanwhile.
    Await { parent: TaskId, child: u32 },
    /// A task does not want a child any more, or has taken its result.
    Forget { parent: TaskId, child: u32 },
    /// What locks this process in; said once, before `Ready`.
    Hardened { report: HardeningReport },
    /// Something that must lock this process in does not; it leaves.
    NotHardened { error: NotHardened },
    /// A system call was denied, and this process is ended for it: its number, the lowest byte first.
    Denied { syscall: [u8; 4] },
    /// What was tried has failed with this error of the system, or has succeeded.
    Tried { error: Option<i32> },
    /// A task calls a host function, which its module imports by this name, and waits; the arguments are the payload.
    /// Answered by `HostAnswer`.
    HostCall { task: TaskId, call: u64, function: String },
    /// The component as it is after a call is in the memory file, of this size.
    Snapshotted { bytes: u64 },
}

impl Reply {
    /// The task that it speaks of, one that the worker was given.
    pub(crate) fn task(&self) -> Option<TaskId> {
        match self {
            Reply::Done { task, .. }
            | Reply::Log { task, .. }
            | Reply::Progress { task, .. }
            | Reply::HostCall { task, .. } => Some(*task),
            Reply::Submit { parent, .. } | Reply::Await { parent, .. } | Reply::Forget { parent, .. } => Some(*parent),
            _ => None,
        }
    }
}

/// A compiled module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compiled {
    pub(crate) info: ModuleInfo,
    /// Bytes written to the memory file.
    pub(crate) artifact_bytes: u64,
}

/// What [`Reply::Leaves`] says, cut to [`MAX_MESSAGE_BYTES`].
pub(crate) fn last_words(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    message
}
