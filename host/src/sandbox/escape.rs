//! Ways out of a worker, and what should be in each one's way: data for `try_escape.rs` and for those who ask for it.

use super::{HardeningReport, Layer, LayerState};
use libc::{EACCES, EAGAIN, EMFILE, ENOENT, ENOMEM, ENOSYS, EPERM};
use serde::{Deserialize, Serialize};

macro_rules! escapes {
    ($($escape:ident = $what:literal by $obstacles:expr,)*) => {
        /// A way out of a worker process. Native code that has got out of the sandbox of WebAssembly would try it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Escape { $(#[doc = concat!("To ", $what, ".")] $escape,)* }

        impl Escape {
            /// Every one that is tried.
            pub const ALL: &'static [Escape] = &[$(Escape::$escape,)*];

            /// What it would do: `read a file`.
            pub fn what(self) -> &'static str {
                match self { $(Escape::$escape => $what,)* }
            }

            /// What fails it with which error, the first that holds first. The layer of system calls may also kill it.
            fn obstacles(self) -> &'static [(Layer, i32)] {
                match self { $(Escape::$escape => &$obstacles,)* }
            }
        }
    };
}

use Layer::{Capabilities, Files, Network, NewCode, Processes, Resources, Scopes, Surroundings, SystemCalls};

escapes! {
    InheritDescriptor = "use a descriptor that the caller had open" by [(Surroundings, ENOENT)],
    SeeEnvironment = "see the caller's environment" by [(Surroundings, ENOENT)],
    OutliveCaller = "outlive the caller" by [(SystemCalls, EPERM)],
    ReadFile = "read /etc/passwd" by [(Files, EACCES)],
    ReadHome = "list the home directories" by [(Files, EACCES)],
    ReadParentMemory = "read the caller's memory" by [(Files, EACCES)],
    ReadEnvironmentOfInit = "read the environment of process 1" by [(Files, EACCES)],
    WriteFile = "write a file in /tmp" by [(SystemCalls, EPERM), (Files, EACCES)],
    StatFile = "learn the size of /etc/passwd" by [],
    ConnectTcp = "open a TCP connection" by [(SystemCalls, EPERM), (Network, EACCES)],
    OpenUdp = "open a UDP socket" by [(SystemCalls, EPERM)],
    ConnectAbstract = "reach an abstract Unix socket" by [(SystemCalls, EPERM), (Scopes, EPERM)],
    SignalParent = "send the caller a signal" by [(Scopes, EPERM)],
    TraceParent = "trace the caller" by [(Files, EPERM), (Capabilities, EPERM)],
    Fork = "fork" by [(Processes, EAGAIN)],
    StartThread = "start a thread" by [(Processes, EAGAIN)],
    Execute = "run another program" by [(Files, EACCES)],
    MapExecutable = "map memory to write to and to execute" by [(NewCode, EACCES)],
    MakeExecutable = "make executable what it wrote" by [(NewCode, EACCES)],
    TakeMemory = "take more memory than its limit" by [(Resources, ENOMEM)],
    TakeSharedMemory = "take memory that is not counted" by [],
    MakeMemoryFile = "keep data in a memory file" by [(SystemCalls, ENOSYS)],
    OpenManyFiles = "have more files open than its limit" by [(Resources, EMFILE)],
    RaiseLimit = "allow itself core dumps" by [(Capabilities, EPERM), (Resources, EPERM), (Surroundings, EPERM)],
    ChangeUser = "become another user" by [(Capabilities, EPERM)],
    MountFiles = "have mounts of its own" by [(Capabilities, EPERM)],
    MakeUserNamespace = "become root of a namespace" by [],
    LoadBpf = "load a BPF program" by [(Capabilities, EPERM)],
    UseIoUring = "make system calls by io_uring" by [],
    UseKeyring = "use the kernel's keyrings" by [],
    CountEvents = "open a performance counter" by [(Capabilities, EACCES)],
    HandleFaults = "handle page faults (userfaultfd)" by [(Capabilities, EPERM)],
    ChangePersonality = "switch off address randomisation" by [],
}

/// What became of an escape that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// A layer was in its way.
    Held {
        /// Which; `None`: the system refuses it to this user in any case.
        by: Option<Layer>,
    },
    /// It is possible, and known to be: see the reason.
    Known,
    /// It succeeded.
    Escaped,
    /// It could not be tried.
    Untried,
}

/// An escape that was tried, by a worker process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EscapeAttempt {
    /// What was tried.
    pub escape: Escape,
    /// What became of it.
    pub verdict: Verdict,
    /// The error, the denied system call, or the reason.
    pub detail: String,
}

/// How the process that tried it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    Succeeded,
    /// With this error.
    Failed(i32),
    /// It was killed for a denied system call, by its own words this one.
    Denied(String),
    /// Nothing is known; why.
    Unknown(String),
}

impl EscapeAttempt {
    /// Says which layer was in the way, from what holds in such a process.
    pub(crate) fn judge(escape: Escape, tried: Tried, report: &HardeningReport) -> Self {
        let of = |layer| report.of(layer).map_or(LayerState::Off, |layer| layer.state);
        let holds = |layer| matches!(of(layer), LayerState::Held | LayerState::Partly);
        let (verdict, detail) = match tried {
            Tried::Succeeded => match escape {
                Escape::StatFile => {
                    (Verdict::Known, "Landlock does not cover stat; the contents stay closed".to_owned())
                }
                Escape::MakeExecutable if of(Layer::NewCode) == LayerState::Off && holds(Layer::SystemCalls) => {
                    (Verdict::Known, "machine code of modules is mapped so; not with Execution::Fortress".to_owned())
                }
                _ => (Verdict::Escaped, "it succeeded".to_owned()),
            },
            Tried::Failed(error) => {
                let in_the_way = |(layer, with): &&(Layer, i32)| *with == error && holds(*layer);
                let by = escape.obstacles().iter().find(in_the_way).map(|(layer, _)| *layer);
                (Verdict::Held { by }, std::io::Error::from_raw_os_error(error).to_string())
            }
            Tried::Denied(call) => (Verdict::Held { by: Some(Layer::SystemCalls) }, format!("killed at {call}")),
            Tried::Unknown(why) => (Verdict::Untried, why),
        };
        Self { escape, verdict, detail }
    }
}
